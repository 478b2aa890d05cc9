"""Runs that are published in a test, with a comment on each finding."""

import json
from pathlib import Path
from typing import Any

from gatebench.reports.published_matrix import index as published_index
from gatebench.reports.published_matrix.publish import publish


def edit(folder: Path, **changes: Any) -> None:
    """Change members of the report of a run."""
    path = folder / "report.json"
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | changes), encoding="utf-8")


def findings(folder: Path) -> list[dict[str, Any]]:
    """Return the findings of a run."""
    found: list[dict[str, Any]] = json.loads((folder / "report.json").read_text(encoding="utf-8"))["findings"]
    return found


def publish_with_comments(runs: tuple[Path, Path], to: Path) -> Path:
    """Write a comment for every requirement with a finding, and publish."""
    slug = json.loads((runs[0] / "report.json").read_text(encoding="utf-8"))
    folder = to / f"{slug['target']}-{slug['gateway'].get('version') or 'unversioned'}"
    folder.mkdir(parents=True)
    entries = "".join(
        f'[[reading]]\nrequirement = "{name}"\nkind = "defect"\ntext = """\nit is\n<b>so</b>\n"""\n'
        for name in dict.fromkeys(f["requirement"] for f in findings(runs[0]))
    )
    (folder / published_index.READINGS).write_text(entries, encoding="utf-8")
    return publish(*runs, to, {"callers": "config-only", "mint": "unsupported"})
