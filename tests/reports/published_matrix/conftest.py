"""Two runs that may be published."""

import shutil
from pathlib import Path

import pytest

from gatebench.reports.conformance import model

RUN = Path(__file__).parents[1] / "data" / "run"


@pytest.fixture
def runs(tmp_path: Path) -> tuple[Path, Path]:
    """Two whole runs with the same findings."""
    folders = tmp_path / "one", tmp_path / "other"
    for folder in folders:
        shutil.copytree(RUN, folder)
        report = model.build(folder)
        report["complete"], report["incomplete_reason"], report["conclusion"] = True, None, "findings"
        for requirement in report["requirements"]:
            requirement["selected"] = True
            if requirement["outcome"] in ("not-observed", "not-selected"):
                requirement["outcome"] = "not-applicable"
        report["findings"] = [f for f in report["findings"] if f["outcome"] not in ("harness-error", "not-observed")]
        model.write(report, folder)
    return folders
