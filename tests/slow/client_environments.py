"""Environments of clients, one for each version, kept below `.gatebench-cache`: made with uv or npm where they are missing."""

import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / ".gatebench-cache" / "clients"
SECONDS = 180


class NotInstalledError(Exception):
    """An environment could not be made; the text gives the reason in one line."""


def python(name: str, requirement: str) -> Path:
    """Return the Python of an environment with this requirement. Raises NotInstalledError."""
    folder = CACHE / f"{name}-python{sys.version_info.major}.{sys.version_info.minor}"
    program = folder / "bin" / "python"
    uv = str(Path(sys.executable).with_name("uv"))
    _make(
        folder,
        [uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(folder)],
        [uv, "pip", "install", "--quiet", "--python", str(program), requirement],
    )
    return program


def node(name: str, requirement: str) -> Path:
    """Return a folder whose `node_modules` holds this package. Raises NotInstalledError."""
    folder = CACHE / name
    npm = shutil.which("npm")
    if npm is None:
        raise NotInstalledError("npm is not on the path")
    options = ["--ignore-scripts", "--no-audit", "--no-fund", "--no-save", "--loglevel", "error"]
    _make(folder, [npm, "install", "--prefix", str(folder), *options, requirement])
    return folder


def _make(folder: Path, *commands: Sequence[str]) -> None:
    if (folder / "complete").exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    for command in commands:
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=SECONDS)  # noqa: S603 - uv or npm
        except (OSError, subprocess.TimeoutExpired) as error:
            raise NotInstalledError(" ".join(str(error).split())[:200]) from error
        if done.returncode:
            lines = [line.strip(" ×╰─▶│") for line in done.stderr.splitlines() if not line.startswith("WARNING")]
            text = " ".join(" ".join(lines).split())[:300]
            raise NotInstalledError(text or f"{Path(command[0]).name} ended with status {done.returncode}")
    (folder / "complete").touch()
