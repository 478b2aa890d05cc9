import json
import signal
import subprocess
import sys
from collections.abc import Iterator

import httpx
import pytest

from gatebench.mock_upstreams.cli.idp import run
from tests.support.mocks.idp import REDIRECT

START = [
    sys.executable,
    "-c",
    "import sys; from gatebench.mock_upstreams.cli.idp import run; sys.exit(run(sys.argv[1:]))",
]


@pytest.fixture
def served(request: pytest.FixtureRequest) -> Iterator[tuple[subprocess.Popen[str], dict[str, object]]]:
    process = subprocess.Popen(  # noqa: S603 - the options of the tests below
        [*START, *request.param], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout
    try:
        yield process, json.loads(process.stdout.readline())
    finally:
        process.kill()
        process.communicate()


OPTIONS = [
    *("--issuer", "corp", "--issuer", "vendor", "--control-token", "ct", "--public-url", "http://localhost:4000"),
    *("--back-channel-url", "http://idp:4000", "--client", f"corp:gw:s3:{REDIRECT}", "--client", "vendor:app::x:/y"),
]


@pytest.mark.parametrize("served", [OPTIONS], indirect=True)
def test_prints_its_addresses_and_serves_until_a_signal(
    served: tuple[subprocess.Popen[str], dict[str, object]], http: httpx.Client
) -> None:
    process, line = served
    assert line == {
        "name": "idp",
        "url": line["url"],
        "issuers": {"corp": "http://localhost:4000/corp", "vendor": "http://localhost:4000/vendor"},
        "control_token": "ct",
    }
    document = http.get(f"{line['url']}/corp/.well-known/openid-configuration").json()
    assert document["issuer"] == "http://localhost:4000/corp"
    assert document["token_endpoint"] == "http://idp:4000/corp/token"
    form = {"grant_type": "client_credentials"}
    assert http.post(f"{line['url']}/corp/token", data=form, auth=("gw", "s3")).status_code == 200
    assert http.get(f"{line['url']}/_bench/stats", headers={"X-Bench-Token": "ct"}).status_code == 200
    process.send_signal(signal.SIGTERM)
    assert process.wait(5) == 0
    assert process.communicate() == ("", "")


@pytest.mark.parametrize("served", [[]], indirect=True)
def test_default_options_serve_the_standard_issuers(
    served: tuple[subprocess.Popen[str], dict[str, object]], http: httpx.Client
) -> None:
    process, line = served
    assert line["issuers"] == {name: f"{line['url']}/{name}" for name in ("corp", "vendor", "calendar-as", "rogue")}
    algorithms = {key["alg"] for key in http.get(f"{line['url']}/corp/jwks").json()["keys"]}
    assert algorithms == {"RS256", "ES256", "EdDSA"}
    process.send_signal(signal.SIGINT)
    assert process.wait(5) == 0


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--port", "many"], "invalid int value"),
        (["--port", "70000"], "70000"),
        (["--colour", "red"], "--colour"),
        (["--issuer", "a/b"], "cannot name an issuer"),
        (["--issuer", "corp", "--client", "corp:gw"], "issuer:client_id:secret:redirect_uri"),
        (["--issuer", "corp", "--client", "vendor:gw:s:x"], "'vendor:gw:s:x'"),
        (["--public-url", "nonsense"], "base URL"),
        (["--host", "256.0.0.1"], "256.0.0.1"),
    ],
)
def test_invalid_options_are_reported_in_one_sentence(
    options: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(options) == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.count("\n") == 1
    assert words in output.err
