"""No secret leaks: whole runs, and a search of all their files and output for every secret minted in them.

Part of `make trial`. A hook of this test records the secrets in every process of the run (`sitecustomize` on its
PYTHONPATH), in a file of mode 0600 outside of the run's folder.
"""

import base64
import gzip
import json
import os
import re
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path

import brotli
import pytest
import zstandard

from gatebench.conformance.selftest.gateways.secret_search import encodings, leaks, parts
from gatebench.conformance.selftest.support.processes.outside_gateway import outside_gateway
from gatebench.conformance.selftest.support.processes.subprocess_run import ProcessUsage, run
from gatebench.fixtures.gateways.lookup import resolve

pytestmark = pytest.mark.slow

HOOK = """
import os
if "GATEBENCH_TRIAL_SECRETS" in os.environ:
    try:
        from gatebench.fixtures.recording import secrets
    except ImportError:  # not ours: a gateway's, or the supervisor's
        secrets = None
    if secrets is not None:
        import json
        add = secrets.SecretRegistry.add
        def noted(self, category, label, value, **more):
            file = os.open(os.environ["GATEBENCH_TRIAL_SECRETS"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            os.write(file, (json.dumps([label, value]) + "\\n").encode())
            os.close(file)
            return add(self, category, label, value, **more)
        secrets.SecretRegistry.add = noted
"""
ROOT = Path(__file__).resolve().parents[3]
MAX_LENGTH = 400.0
LEAKING = "gatebench.conformance.selftest.support.processes.leaking_gateway"
FORMS = {"base64", "hex", "utf16", "percent", "part"}
ONE_CALLER = "whole_life and 2025-11-25 and alice"

RUNS = {
    "reference": ("reference", ["-k", "2025-11-25 and not (values or tool_lists or fails) or leak", "-n", "2"]),
    "leaking": ("fastmcp", ["-k", f"{ONE_CALLER} or connect_list_call"]),
    "hostile": (
        "hostile:secrets-everywhere",
        ["-k", f"{ONE_CALLER} and (web-search or calculator) or unknown_tool", "-n", "2"],
    ),
    "half a secret": ("hostile:reset-in-the-middle", ["-k", f"{ONE_CALLER} and web-search"]),
}


@pytest.mark.parametrize("name", list(RUNS))
def test_run_files_and_output_contain_no_secret(name: str, tmp_path: Path) -> None:
    target, options = RUNS[name]
    every = ["--alluredir", str(tmp_path / "out" / "allure"), "--junitxml", str(tmp_path / "out" / "copy.xml")]
    measured, secrets = run_with_secrets(target, tmp_path, *options, *every)
    assert measured.status == (0 if name == "reference" else 1), measured
    assert {"report.json", "junit.xml", "verdicts.jsonl", "pytest.log", "allure", "copy.xml"} <= {
        path.name for path in measured.out.iterdir()
    }
    assert_no_leak(measured, secrets)


def _jwt() -> str:
    claims = {"iss": "https://issuer.example", "sub": "dana", "jti": "5f1d7c0a9b3e", "exp": 4102444800}
    parts = [json.dumps(part).encode() for part in ({"alg": "RS256", "typ": "JWT"}, claims)]
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in (*parts, bytes(range(60, 160))))


TOKENS = {"opaque": "ghq7Kx2PzLw9VbN4mTs8RdYc3FgHj6Ue", "JWT": _jwt()}


@pytest.mark.parametrize("place", ["in the environment", "in the address as well"])
@pytest.mark.parametrize("kind", list(TOKENS))
def test_run_files_contain_no_token_of_the_user(kind: str, place: str, tmp_path: Path) -> None:
    """Only an address and a token are known, and the gateway writes the token into all that it sends."""
    token, password = TOKENS[kind], "Qw7zX2mN9pLr4tYv"
    with outside_gateway(token) as url:
        in_it = f"{url.replace('//', f'//user:{password}@')}?access_token={token}"
        target = url if place == "in the environment" else in_it
        options = ["--alluredir", str(tmp_path / "out" / "allure"), "--junitxml", str(tmp_path / "out" / "copy.xml")]
        measured, secrets = run_with_secrets(target, tmp_path, *options, GATEBENCH_TOKEN=token)
    assert token in {value for _, value in secrets}
    # The password in the address is another credential than the token, and the gateway refuses it.
    assert measured.status == (1 if place == "in the environment" else 2), measured
    shown = (measured.out / "transcript.jsonl").read_text(encoding="utf-8")
    assert "«own-token:alice" in shown
    (tmp_path / "out.toml").rename(measured.out / "out.toml")
    assert_no_leak(measured, [*secrets, ("token", token), ("password", password)])


def test_load_run_files_contain_no_secret(tmp_path: Path) -> None:
    options = ["--profile", "steady", "--seconds", "3"]
    measured, secrets = run_with_secrets("reference", tmp_path, *options, command=("load", "run"))
    # On a busy machine the measurement is void (status 2), which does not matter here.
    assert measured.status in (0, 1, 2), measured
    assert json.loads((measured.out / "load.json").read_text(encoding="utf-8"))["complete"]
    assert_no_leak(measured, secrets)


def test_load_run_files_contain_no_secret_of_leaking_responses(tmp_path: Path) -> None:
    text = resolve("reference").read_text(encoding="utf-8")
    leaking = tmp_path / "leaking.toml"
    leaking.write_text(text.replace('"gatebench.fixtures.reference_gateway"', f'"{LEAKING}"'), encoding="utf-8")
    options = ["--profile", "mixed-auth", "--seconds", "4"]
    measured, secrets = run_with_secrets(str(leaking), tmp_path, *options, command=("load", "run"))
    assert measured.status == 1, measured
    report = json.loads((measured.out / "load.json").read_text(encoding="utf-8"))
    assert report["conclusion"] == "wrong-answers"
    shown = json.dumps([report["wrong_answers"], report["events"]], ensure_ascii=False)
    assert {form for form in FORMS if re.search(rf"«[^«»]*\|{form}[|»]", shown)} == FORMS, (
        "what was kept was full of them"
    )
    assert_no_leak(measured, secrets)


def run_with_secrets(
    target: str, folder: Path, *options: str, command: Sequence[str] = ("run",), **variables: str
) -> tuple[ProcessUsage, list[tuple[str, str]]]:
    """Return the finished run, and the secrets (label, value) that were minted in it."""
    (folder / "hook").mkdir()
    (folder / "hook" / "sitecustomize.py").write_text(HOOK, encoding="utf-8")
    minted = folder / "minted.jsonl"
    environment = {
        "PYTHONPATH": os.pathsep.join([str(folder / "hook"), str(ROOT)]),
        "GATEBENCH_TRIAL_SECRETS": str(minted),
        **variables,
    }
    measured = run(target, folder, *options, longest=MAX_LENGTH, quiet=False, command=command, **environment)
    assert minted.stat().st_mode & 0o777 == 0o600
    return measured, [tuple(json.loads(line)) for line in minted.read_text(encoding="utf-8").splitlines()]


def assert_no_leak(measured: ProcessUsage, secrets: list[tuple[str, str]]) -> None:
    """Assert that neither a whole secret nor a part of one appears in the files and output of a run."""
    assert len(secrets) >= 10, "the hook learns of secrets"
    assert measured.output or measured.errors
    assert not leaks(measured, secrets)
    assert not parts(measured, secrets)


def test_leak_is_found_in_each_form_and_artefact(tmp_path: Path) -> None:
    """The control: a leak is found in each form and each kind of artefact."""
    value = "pat_Zm9vYmFyLWJh?ei1xdXV4/_~>x"
    for number, (form, text) in enumerate(encodings(value)):
        out = tmp_path / str(number)
        (out / "deep").mkdir(parents=True)
        (out / "deep" / "page.html").write_bytes(b"<p title='" + text + b"'>")
        for there, output in (("deep/page.html", ""), ("stdout", text.decode())):
            if there == "stdout":
                (out / "deep" / "page.html").unlink()
            measured = ProcessUsage(0, out, output, "", 0.0, 0)
            assert any(line.endswith(f"in {there}") for line in leaks(measured, [("pat:alice", value)])), form


@pytest.mark.parametrize("compress", [gzip.compress, zlib.compress, brotli.compress, zstandard.compress])
def test_leak_in_a_compressed_body_is_found(compress: Callable[[bytes], bytes], tmp_path: Path) -> None:
    value = "pat_Zm9vYmFyLWJhei1xdXV4"
    body = base64.b64encode(compress(f"it was {value}.".encode())).decode()
    (tmp_path / "transcript.jsonl").write_text(json.dumps({"kind": "chunk", "body_base64": body}), encoding="utf-8")
    found = leaks(ProcessUsage(0, tmp_path, "", "", 0.0, 0), [("pat:alice", value)])
    assert "pat:alice (raw) in transcript.jsonl" in found


@pytest.mark.parametrize("form", ["plain", "hexadecimal"])
def test_leak_of_a_part_is_found(form: str, tmp_path: Path) -> None:
    secrets = [("pat:alice", "pat_Zm9vYmFyLWJhei1xdXV4"), ("pat:bob", "pat_Zm9vYmFyLWJhei1nbnU0")]
    for shown, seen in (("mFyLWJhei1xd", True), ("Zm9vYmFyLWJhei1", False)):
        text = shown if form == "plain" else shown.encode().hex()
        found = parts(ProcessUsage(0, tmp_path / "none", f"it said {text}.", "", 0.0, 0), secrets)
        assert found == (["a part of pat:alice in stdout"] if seen else [])
