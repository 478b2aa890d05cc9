"""The images: their user, their contents, and their commands."""

import json
from pathlib import Path

import pytest

from gatebench.fixtures.containers import images
from tests.support.containers import client, docker

BOTH = pytest.mark.parametrize("image", list(images.DOCKERFILES))


@BOTH
def test_image_runs_as_an_unprivileged_user_and_has_a_health_check(image: str) -> None:
    with client() as connected:
        config = connected.images.get(images.tag(image)).attrs["Config"]
    assert config["User"] == "10001:10001"
    assert config["Healthcheck"]["Test"][0] == "CMD"


@BOTH
def test_image_has_no_build_tools(image: str) -> None:
    found = docker("run", "--rm", "--entrypoint", "python", images.tag(image), "-c", _LOOK)
    assert json.loads(found.stdout) == [], found.stderr


_LOOK = """
import importlib.util, json
print(json.dumps([name for name in ("pip", "setuptools", "hatchling", "ruff", "mypy") if importlib.util.find_spec(name)]))
"""


@pytest.mark.parametrize("personality", ["none", "static --header X-API-Key=k", "idp"])
def test_mock_image_serves_the_personality_of_its_command(personality: str) -> None:
    name = f"gatebench-test-{personality.split(maxsplit=1)[0]}"
    docker("rm", "-f", name)
    started = docker("run", "-d", "--name", name, images.tag(images.MOCKS), *personality.split(), "--port", "8000")
    assert started.returncode == 0, started.stderr
    try:
        with client() as connected:
            line = next(connected.containers.get(name).logs(stream=True, follow=True))
        assert json.loads(line)["name"] == personality.split(maxsplit=1)[0]
        assert docker("stop", "-t", "5", name).returncode == 0
        assert docker("inspect", "-f", "{{.State.ExitCode}}", name).stdout.strip() == "0"
    finally:
        docker("rm", "-f", name)


def test_gatebench_runs_in_its_own_image(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    mounted = f"{tmp_path}:/evidence"
    done = docker(
        "run", "--rm", "-v", mounted, images.tag(images.GATEBENCH),
        "run", "-k", "ACC-003 and 2026", "--out", "/evidence/run",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "conformant with its claims" in done.stdout
    assert json.loads((tmp_path / "run" / "report.json").read_text(encoding="utf-8"))["complete"]
    docker("run", "--rm", "-v", mounted, "--entrypoint", "rm", images.tag(images.GATEBENCH), "-r", "/evidence/run")
