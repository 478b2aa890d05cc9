"""No secret leaves: whole runs, and every file and word that they leave behind searched for every secret minted in them.

Part of `make trial`. The secrets are learnt by a hook of this test in every process of the run (`sitecustomize` on its
PYTHONPATH), which notes each one in a file of mode 0600 outside of the run's folder. The encodings are spelt out here again,
not taken from the code that redacts them.
"""

import base64
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest

from conformance.selftest.measured import Measured, run

HOOK = """
import os
if "GATEBENCH_TRIAL_SECRETS" in os.environ:
    try:
        from fixtures import secrets
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
ROOT = Path(__file__).parents[2]
LONGEST = 400.0
RUN = re.compile(rb"[!-~]{8,}")  # secrets and their encodings are unbroken
ONE_LIFE = "whole_life and 2025-11-25 and alice"

RUNS = {
    "reference": ("reference", ["-k", "2025-11-25 or 2026-07-28 and (leak or consent)", "-n", "2"]),
    "leaking": ("fastmcp", ["-k", f"{ONE_LIFE} or connect_list_call"]),
    "hostile": (
        "hostile:secrets-everywhere",
        ["-k", f"{ONE_LIFE} and (web-search or calculator) or unknown_tool", "-n", "2"],
    ),
    "half a secret": ("hostile:reset-in-the-middle", ["-k", f"{ONE_LIFE} and web-search"]),
}


def encodings(value: str) -> Iterator[tuple[str, bytes]]:
    """Every form in which a secret must not be seen."""
    raw = value.encode()
    yield "raw", raw
    for before in range(3):
        # What stands around a secret changes the characters at its ends, but not those in between.
        encoded = base64.b64encode(b"\0" * before + raw)
        inner = encoded[(before * 4 + 2) // 3 : len(encoded) - (4 if (before + len(raw)) % 3 else 0)]
        yield f"base64+{before}", inner
        yield f"base64url+{before}", inner.translate(bytes.maketrans(b"+/", b"-_"))
    for percent in (quote(value, safe=""), quote_plus(value), "".join(f"%{byte:02X}" for byte in raw)):
        yield "percent", percent.encode()
        yield "percent", percent.lower().encode() if percent.count("%") == len(raw) else percent.encode()
    for ascii_only in (True, False):
        once = json.dumps(value, ensure_ascii=ascii_only)[1:-1]
        yield "JSON", once.encode()
        yield "JSON in JSON", json.dumps(once)[1:-1].encode()
    escaped = "".join(f"\\u{ord(one):04x}" for one in value)
    yield "JSON, all escapes", escaped.encode()
    yield "JSON, all escapes, in JSON", json.dumps(escaped)[1:-1].encode()
    yield "hexadecimal", raw.hex().encode()


def words(measured: Measured) -> dict[bytes, str]:
    """Every unbroken word that the run left behind, and where it stands."""
    found: dict[bytes, str] = {}
    texts = {
        str(path.relative_to(measured.out)): path.read_bytes() for path in measured.out.rglob("*") if path.is_file()
    }
    texts |= {"stdout": measured.output.encode(), "stderr": measured.errors.encode()}
    for name, text in texts.items():
        for word in RUN.findall(text):
            found.setdefault(word, name)
    return found


def leaks(measured: Measured, secrets: list[tuple[str, str]]) -> list[str]:
    """Which secrets stand where, in which form; never the secret itself, or the report of this test would leak it."""
    known = words(measured)
    everything = b"\n".join(known)
    found = []
    for label, value in secrets:
        for form, text in encodings(value):
            if text in everything:
                where = next(name for word, name in known.items() if text in word)
                found.append(f"{label} ({form}) in {where}")
    return found


@pytest.mark.parametrize("name", list(RUNS))
def test_no_secret_leaves(name: str, tmp_path: Path) -> None:
    target, options = RUNS[name]
    (tmp_path / "hook").mkdir()
    (tmp_path / "hook" / "sitecustomize.py").write_text(HOOK, encoding="utf-8")
    minted = tmp_path / "minted.jsonl"
    environment = {
        "PYTHONPATH": os.pathsep.join([str(tmp_path / "hook"), str(ROOT)]),
        "GATEBENCH_TRIAL_SECRETS": str(minted),
    }
    every = ["--alluredir", str(tmp_path / "out" / "allure"), "--junitxml", str(tmp_path / "out" / "copy.xml")]
    measured = run(target, tmp_path, *options, *every, longest=LONGEST, quiet=False, **environment)
    assert measured.status == (0 if name == "reference" else 1), measured
    secrets = [(label, value) for label, value in map(json.loads, minted.read_text(encoding="utf-8").splitlines())]
    assert len(secrets) >= 10, "the hook learns of secrets"
    assert minted.stat().st_mode & 0o777 == 0o600
    assert {"report.json", "junit.xml", "verdicts.jsonl", "pytest.log", "allure", "copy.xml"} <= {
        path.name for path in measured.out.iterdir()
    }
    assert measured.output
    assert not leaks(measured, secrets)


def test_a_leak_would_be_seen(tmp_path: Path) -> None:
    """The control: in each of its forms, in each kind of artefact."""
    value = "pat_Zm9vYmFyLWJh?ei1xdXV4/_~>x"
    for number, (form, text) in enumerate(encodings(value)):
        out = tmp_path / str(number)
        (out / "deep").mkdir(parents=True)
        (out / "deep" / "page.html").write_bytes(b"<p title='" + text + b"'>")
        for there, output in (("deep/page.html", ""), ("stdout", text.decode())):
            if there == "stdout":
                (out / "deep" / "page.html").unlink()
            measured = Measured(0, out, output, "", 0.0, 0)
            assert any(line.endswith(f"in {there}") for line in leaks(measured, [("pat:alice", value)])), form
