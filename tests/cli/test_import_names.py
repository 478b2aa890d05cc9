"""Every module is imported as `gatebench.*`: under a second name it would exist twice."""

import subprocess
import sys
from pathlib import Path

FOLDERS = ("commands", "conformance", "fixtures", "load", "mock_upstreams", "reports")
RUN = f"""
import sys
from gatebench.cli import main
status = main(["run", "-k", "SES-002 and calculator and 2025-11-25", "--out", "evidence", "--quiet"])
print([name for name in sys.modules if name.partition(".")[0] in {FOLDERS}])
sys.exit(status)
"""


def test_run_imports_every_module_with_its_package_prefix(tmp_path: Path) -> None:
    done = subprocess.run(  # noqa: S603 - ourselves
        [sys.executable, "-c", RUN], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "[]"), done.stderr
