"""The built distribution, as somebody gets it who has no checkout: `make package-test`.

    python tests/packaging/check.py DIST

Installs the wheel in the folder DIST with `uv tool install` into an empty place, and uses it from another empty folder.
No test of pytest, because it takes a wheel, an installer and half a minute.
"""

import json
import os
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("commands", "conformance", "fixtures", "load", "mock_upstreams", "reports")
REPORTS = ("report.json", "report.html", "report.md", "report.sarif", "junit.xml", "badge.svg", "transcript-gw0.jsonl")


def main(dist: Path) -> None:
    """Fail with an AssertionError that says what is missing."""
    (wheel,), (sdist,) = dist.glob("*.whl"), dist.glob("*.tar.gz")
    tracked = run("git", "ls-files", *PACKAGES, "gatebench.py", cwd=ROOT)
    wanted = set(tracked.split("\n")) - {""}
    with zipfile.ZipFile(wheel) as archive:
        missing = wanted - set(archive.namelist())
    assert not missing, f"the wheel lacks {sorted(missing)}"
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert wanted <= names, f"the sdist lacks {sorted(wanted - names)}"
    with tempfile.TemporaryDirectory(prefix="gatebench-package-") as folder:
        _use(wheel.resolve(), Path(folder))
    print("the package: 1 passed, 0 failed")


def _use(wheel: Path, folder: Path) -> None:
    elsewhere = folder / "an empty folder"
    elsewhere.mkdir()
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    environment |= {"UV_TOOL_DIR": str(folder / "tools"), "UV_TOOL_BIN_DIR": str(folder / "bin")}
    uv = [str(Path(sys.executable).with_name("uv")), "tool", "install", "--quiet", "--python", sys.executable]
    # The versions that we test with; whoever installs without them gets what pyproject.toml allows.
    constraints = folder / "constraints.txt"
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
    pinned = [line.removesuffix("\\").rstrip() for line in lock if line[:1].isalnum()]
    constraints.write_text("\n".join([*pinned, ""]), encoding="utf-8")
    run(*uv, "--constraints", str(constraints), str(wheel), env=environment)

    def gatebench(*arguments: str) -> str:
        return run(str(folder / "bin" / "gatebench"), *arguments, cwd=elsewhere, env=environment)

    assert gatebench("--version").startswith("gatebench ")
    requirements = json.loads(gatebench("list", "--json"))
    assert len(requirements) > 50
    assert "scenarios:" in gatebench("explain", requirements[0]["id"])
    gatebench("doctor")
    gatebench("init", "--url", "http://127.0.0.1:1")
    told = gatebench("run", "-n", "2", "-m", "access or authentication", "--out", "evidence")
    assert "conformant for what it claims (of the selected requirements)" in told
    for name in REPORTS:
        assert (elsewhere / "evidence" / name).stat().st_size, name
    gatebench("report", "evidence")
    gatebench("compare", "evidence", "evidence/report.json")
    gatebench("run", "house", "-k", "ACC-003 and 2026", "--quiet")


def run(*command: str, cwd: Path | None = None, env: dict[str, str] | None = None) -> str:
    """What a command prints; its failure is ours."""
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False)  # noqa: S603 - our own
    assert done.returncode == 0, f"{' '.join(command)}: {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout


if __name__ == "__main__":
    main(Path(sys.argv[1]))
