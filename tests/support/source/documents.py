"""README.md and docs/: the documents, their blocks, and the environment of their commands."""

import os
import sys
from pathlib import Path

from tests.support.source.code_blocks import blocks

ROOT = Path(__file__).parents[3]
REFERENCE = ROOT / "docs" / "reference"  # generated, and not committed
WRITTEN = sorted(path for path in (ROOT / "docs").rglob("*.md") if REFERENCE not in path.parents)
DOCUMENTS = [ROOT / "README.md", *WRITTEN]
ALL = [block for document in DOCUMENTS for block in blocks(document, document.relative_to(ROOT).as_posix())]
TIMEOUT = 600.0


def environment(**more: str) -> dict[str, str]:
    """Return the environment of a command: this checkout, and the programs of this interpreter; with further variables."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return os.environ | {"PATH": path, "PYTHONPATH": str(ROOT), "COLUMNS": "100"} | more
