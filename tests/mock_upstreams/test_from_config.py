"""`python -m mock_upstreams --spec FILE`, and the lock that its image is built from."""

import json
import re
import signal
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from gatebench.fixtures.world.certificates import Authority
from gatebench.mock_upstreams.cli.from_config import read, written
from gatebench.mock_upstreams.idp.config import ClientSpec, IdpSpec, IssuerSpec
from gatebench.mock_upstreams.server import MockError

ROOT = Path(__file__).parents[2]
TOKEN = {"X-Bench-Token": "control-of-the-mock"}
SCRIPTED = {
    "name": "scripted",
    "personality": "none",
    "application": "scripted",
    "control_token": TOKEN["X-Bench-Token"],
}


def saved(folder: Path, content: Any) -> Path:
    path = folder / "mock.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


@contextmanager
def program(spec: Path) -> Iterator[dict[str, str]]:
    command = [sys.executable, "-m", "mock_upstreams", "--spec", str(spec)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT, encoding="utf-8") as process:  # noqa: S603 - ours
        try:
            assert process.stdout is not None
            yield json.loads(process.stdout.readline())
            process.send_signal(signal.SIGTERM)
            assert process.wait(20) == 0
        finally:
            process.kill()


def test_written_specification_is_read_back_unchanged(tmp_path: Path) -> None:
    clients = (ClientSpec("gateway", "secret-of-the-gateway", ("http://127.0.0.1:1/callback",)),)
    issuers = (IssuerSpec("corp", ("ES256", "RS256")), IssuerSpec("vendor", clients=clients))
    spec = IdpSpec(public_url="http://idp:8000", issuers=issuers, control_token=TOKEN["X-Bench-Token"])
    assert read(saved(tmp_path, written(spec)))[0] == "idp"
    assert read(saved(tmp_path, written(SCRIPTED)))[0] == "scripted"


def test_control_api_responds_while_connections_are_refused(tmp_path: Path) -> None:
    with program(saved(tmp_path, written(SCRIPTED))) as addresses:
        assert httpx.get(f"{addresses['url']}/healthz").is_success
        control = f"{addresses['control_url']}/_bench/listening"
        assert httpx.put(control, json=False, headers=TOKEN).json() == {"listening": False}
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"{addresses['url']}/healthz")
        assert httpx.put(control, json=True, headers=TOKEN).is_success
        assert httpx.get(f"{addresses['url']}/healthz").is_success
        assert httpx.put(control, json="no", headers=TOKEN).status_code == 400
        assert httpx.post(f"{addresses['control_url']}/mcp", json={}).status_code == 404, "the mock is not there"
        assert httpx.put(control, json=False).status_code == 404, "without the token there is no such thing"


def test_certificate_adds_https_on_the_same_port(tmp_path: Path) -> None:
    authority = Authority.new()
    trusting = ssl.create_default_context(cadata=authority.certificate)
    with program(saved(tmp_path, written(SCRIPTED))) as addresses:
        control, secure = (
            f"{addresses['control_url']}/_bench/certificate",
            addresses["url"].replace("http:", "https:") + "/healthz",
        )
        pem = authority.presented("valid", ["127.0.0.1"])
        assert httpx.put(control, json=pem, headers=TOKEN).json() == {"presents": True}
        assert httpx.get(secure, verify=trusting).is_success
        assert httpx.get(f"{addresses['url']}/healthz").is_success
        assert httpx.put(control, json={"pem": pem, "old_tls": True}, headers=TOKEN).json() == {"presents": True}
        with pytest.raises(httpx.ConnectError):
            httpx.get(secure, verify=trusting)
        assert httpx.put(control, json=7, headers=TOKEN).status_code == 400
        assert httpx.put(control, json="no PEM", headers=TOKEN).status_code == 400
        assert httpx.put(control, json=None, headers=TOKEN).json() == {"presents": False}
        with pytest.raises(httpx.ConnectError):
            httpx.get(secure, verify=trusting)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("{", "is not JSON"),
        ([], 'must hold one object with one member, "upstream", "upstreams" or "idp"'),
        ({"mock": {}}, 'must hold one object with one member, "upstream", "upstreams" or "idp"'),
        ({"upstream": {**SCRIPTED, "personaity": "none"}}, "unknown member 'personaity'; available: name, personality"),
        ({"upstream": {**SCRIPTED, "personality": "static"}}, "a static upstream needs the header that it expects"),
        ({"upstream": {"name": "x"}}, "upstream cannot be built from this"),
        ({"idp": {}}, "idp cannot be built from this"),
    ],
)
def test_invalid_file_is_reported(tmp_path: Path, content: Any, expected: str) -> None:
    with pytest.raises(MockError, match=re.escape(expected)):
        read(saved(tmp_path, content))


def test_missing_file_is_reported(tmp_path: Path) -> None:
    with pytest.raises(MockError, match=r"cannot read .*nowhere\.json: No such file"):
        read(tmp_path / "nowhere.json")


def pins(path: Path) -> set[str]:
    return set(re.findall(r"^([a-z0-9][^ ;\\]*==[^ ;\\]+)", path.read_text(encoding="utf-8"), re.MULTILINE))


@pytest.mark.parametrize("lock", ["mock_upstreams/requirements.lock", "requirements-core.lock"])
def test_other_locks_are_part_of_the_lock_of_the_project(lock: str) -> None:
    """The image of the mocks and the core install use the releases that the tests use."""

    some = pins(ROOT / lock)
    assert some
    assert some <= pins(ROOT / "requirements.lock")


IN_THE_IMAGE = """
import importlib.metadata, sys

pinned, providers = set(sys.argv[1:]), importlib.metadata.packages_distributions()

class Refuse:
    def find_spec(self, name, path=None, target=None):
        found = {provider.lower().replace("_", "-").replace(".", "-") for provider in providers.get(name, [])}
        if found and not found & pinned:
            raise ModuleNotFoundError(f"the image has no {name}", name=name)

sys.meta_path.insert(0, Refuse())
from mock_upstreams.idp import app
from mock_upstreams.upstream import UpstreamSpec, build_upstream

for application in ("tools", "scripted"):
    build_upstream(UpstreamSpec(name="x", personality="none", control_token="t", application=application))
"""


def test_servers_of_the_image_import_only_locked_packages() -> None:
    pinned = [pin.partition("==")[0] for pin in pins(ROOT / "mock_upstreams" / "requirements.lock")]
    command = [sys.executable, "-c", IN_THE_IMAGE, *pinned]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)  # noqa: S603 - ours
    assert run.returncode == 0, run.stderr
