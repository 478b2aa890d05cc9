"""The built distribution, installed without a checkout: `make package-test`.

    python tests/packaging/check.py DIST

Installs the wheel in the folder DIST with `uv tool install`, without extras, into an empty folder, and uses it from another
empty folder.
It is not a pytest test, because it needs a wheel and an installer and takes half a minute.
"""

import json
import os
import re
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

from gatebench.fixtures.extras import EXTRAS

ROOT = Path(__file__).parents[2]
FOLDERS = ("conformance", "fixtures", "load", "mock_upstreams", "reports")  # linked into the package in a checkout
REPORTS = ("report.json", "report.html", "report.md", "report.sarif", "junit.xml", "badge.svg", "transcript-gw0.jsonl")


def main(dist: Path) -> None:
    """Raise AssertionError if something is missing."""
    (wheel,), (sdist,) = dist.glob("*.whl"), dist.glob("*.tar.gz")
    tracked = run("git", "ls-files", *FOLDERS, "gatebench", cwd=ROOT)
    wanted = {name for name in tracked.split("\n") if name and not (ROOT / name).is_symlink()}
    installed = {name if name.startswith("gatebench/") else f"gatebench/{name}" for name in wanted}
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}
        (metadata,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        provided = set(re.findall(r"^Provides-Extra: (\S+)", archive.read(metadata).decode(), re.MULTILINE))
    assert provided == {*EXTRAS}, f"the wheel has the extras {sorted(provided)}"
    assert "gatebench/py.typed" in held, "the wheel says nothing of its types"
    assert installed <= held, f"the wheel lacks {sorted(installed - held)}"
    assert {name.partition("/")[0] for name in held} == {"gatebench"}, "the wheel has another top-level name"
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
    # The versions that we test with; an installation without these constraints gets what pyproject.toml allows.
    constraints = folder / "constraints.txt"
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
    pinned = [line.removesuffix("\\").rstrip() for line in lock if line[:1].isalnum()]
    constraints.write_text("\n".join([*pinned, ""]), encoding="utf-8")
    run(*uv, "--constraints", str(constraints), str(wheel), env=environment)

    program = str(folder / "bin" / "gatebench")

    def gatebench(*arguments: str) -> str:
        return run(program, *arguments, cwd=elsewhere, env=environment)

    assert gatebench("--version").startswith("gatebench ")
    requirements = json.loads(gatebench("list", "--json"))
    assert len(requirements) > 50
    assert "scenarios:" in gatebench("explain", requirements[0]["id"])
    gatebench("doctor")
    gatebench("init", "--url", "http://127.0.0.1:1")
    output = gatebench("run", "-n", "2", "-m", "access or authentication", "--out", "evidence")
    assert "conformant with its claims (of the selected requirements)" in output
    for name in REPORTS:
        assert (elsewhere / "evidence" / name).stat().st_size, name
    gatebench("report", "evidence")
    gatebench("compare", "evidence", "evidence/report.json")
    gatebench("run", "house", "-k", "ACC-003 and 2026", "--quiet")
    assert "single-call" in gatebench("load", "list")
    for extra, arguments in (
        ("load", ("load", "run")),
        ("containers", ("run", "--world", "containers")),
        ("allure", ("run", "--alluredir", "allure")),
        ("otel", ("load", "report", ".", "--otlp", "http://127.0.0.1:1")),
    ):
        output = refused(program, *arguments, cwd=elsewhere, env=environment)
        assert output.endswith(f"pip install 'gatebench[{extra}]'\n"), output
        assert output.count("\n") == 1, output
    _check_project_beside_gatebench(
        folder / "tools" / "gatebench" / "bin" / "python", folder / "a project", environment
    )


def _check_project_beside_gatebench(python: Path, project: Path, environment: dict[str, str]) -> None:
    """Assert that a project with the same folder names and an option --target can run its tests beside gatebench."""
    for name in FOLDERS:
        (project / name).mkdir(parents=True)
        (project / name / "__init__.py").write_text("OURS = True\n", encoding="utf-8")
    (project / "conftest.py").write_text(
        "def pytest_addoption(parser):\n    parser.addoption('--target', default='theirs')\n", encoding="utf-8"
    )
    (project / "test_project.py").write_text(
        f"import {', '.join(FOLDERS)}\n\n\ndef test_target(request):\n"
        f"    assert {' and '.join(f'{name}.OURS' for name in FOLDERS)}\n"
        "    assert request.config.getoption('--target') == 'theirs'\n",
        encoding="utf-8",
    )
    assert "1 passed" in run(str(python), "-m", "pytest", "-q", cwd=project, env=environment)


def run(*command: str, cwd: Path | None = None, env: dict[str, str] | None = None) -> str:
    """Return the output of a command; raise if it fails."""
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False)  # noqa: S603 - our own
    assert done.returncode == 0, f"{' '.join(command)}: {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout


def refused(*command: str, cwd: Path, env: dict[str, str]) -> str:
    """Return the stderr of a command that must end with the exit status for bad input."""
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False)  # noqa: S603 - our own
    assert done.returncode == 2, f"{' '.join(command)}: {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stderr


if __name__ == "__main__":
    main(Path(sys.argv[1]))
