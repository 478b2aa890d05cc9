"""Files of the kill matrix, and writing them atomically."""

import os
import threading
from pathlib import Path

SELFTEST = Path(__file__).parent.parent
ROOT = SELFTEST.parent.parent
MATRIX = SELFTEST / "kill_matrix.json"
PAGE = SELFTEST / "KILL_MATRIX.md"
CACHE = ROOT / ".gatebench-cache" / "kill-matrix"


def write(path: Path, text: str) -> None:
    """Replace a file atomically, so that a killed process leaves the old one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f".{path.name}-{os.getpid()}-{threading.get_ident()}")
    try:
        new.write_text(text, encoding="utf-8")
        new.replace(path)
    finally:
        new.unlink(missing_ok=True)
