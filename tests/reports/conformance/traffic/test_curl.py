"""The client's request of a finding as a command line of curl, read by a shell."""

import subprocess
from pathlib import Path
from typing import Any

import pytest

from gatebench.reports.conformance.traffic.curl import command_of, variable_of
from gatebench.reports.conformance.traffic.evidence import ExchangeView
from gatebench.reports.conformance.traffic.stored_events import StoredEvents

TOKEN = "s3cr3t $HOME `id` \"'"
HOSTILE = [
    "$(touch here)",
    "`touch here`",
    "'; touch here; '",
    '"; touch here; "',
    "a\nb",
    "!x \\ *",
    "«»",
    "«a|b",
    "ü\u2028",
]


def exchange(tmp_path: Path, **changed: Any) -> ExchangeView:
    headers = [["Host", "127.0.0.1:8080"], ["Authorization", "Bearer «pat:alice»"], ["Content-Length", "2"]]
    request = {"seq": 1, "method": "POST", "target": "/mcp?a=1&b=2", "headers": headers, "body": "{}", **changed}
    (tmp_path / "transcript.jsonl").write_text("", encoding="utf-8")
    return ExchangeView(request, StoredEvents(tmp_path / "transcript.jsonl"))


def words(command: str | None, folder: Path) -> list[str]:
    """Return the arguments that curl gets from a shell."""
    assert command is not None
    (folder / "curl").write_text("#!/bin/sh\nprintf '%s\\0' \"$@\"\n", encoding="utf-8")
    (folder / "curl").chmod(0o755)
    environment = {"PATH": f"{folder}:/usr/bin:/bin", "PAT_ALICE": TOKEN, "LC_ALL": "C.UTF-8"}
    done = subprocess.run(["/bin/sh", "-c", command], cwd=folder, env=environment, capture_output=True, check=True)  # noqa: S603
    assert not (folder / "here").exists()
    return done.stdout.decode().split("\0")[:-1]


def test_credential_is_read_from_a_variable(tmp_path: Path) -> None:
    expected = ["-i", "-X", "POST", "-H", f"Authorization: Bearer {TOKEN}", "--data-binary", "{}"]
    assert words(command_of(exchange(tmp_path)), tmp_path) == [*expected, "http://127.0.0.1:8080/mcp?a=1&b=2"]


@pytest.mark.parametrize("value", HOSTILE)
def test_text_of_a_gateway_is_not_read_by_the_shell(tmp_path: Path, value: str) -> None:
    headers = [["Host", "h"], ["Mcp-Session-Id", f"{value}«pat:alice»{value}"], ["Last-Event-ID", value]]
    got = words(command_of(exchange(tmp_path, headers=headers, body=value, target=f"/{value}")), tmp_path)
    assert got[4::2][:2] == [f"Mcp-Session-Id: {value}{TOKEN}{value}", f"Last-Event-ID: {value}"]
    assert got[-2:] == [value, f"http://h/{value}"]


def test_empty_header_is_sent_as_one(tmp_path: Path) -> None:
    headers = [["Host", "h"], ["Mcp-Session-Id", ""]]
    assert words(command_of(exchange(tmp_path, headers=headers)), tmp_path)[3:5] == ["-H", "Mcp-Session-Id;"]


@pytest.mark.parametrize(
    ("name", "value", "kept"),
    [
        ("Transfer-Encoding", "Chunked", True),
        ("Transfer-Encoding", "identity", False),
        ("Connection", "close", True),
        ("Connection", "keep-alive", False),
        ("Accept-Encoding", "identity", False),
    ],
)
def test_framing_of_a_request_is_kept(tmp_path: Path, name: str, value: str, kept: bool) -> None:
    command = command_of(exchange(tmp_path, headers=[["Host", "127.0.0.1:8080"], [name, value]]))
    assert (f"{name}: {value}" in words(command, tmp_path)) is kept


def test_version_of_http_is_kept(tmp_path: Path) -> None:
    assert "--http1.0" in words(command_of(exchange(tmp_path, http_version="1.0")), tmp_path)
    assert not [word for word in words(command_of(exchange(tmp_path)), tmp_path) if word.startswith("--http")]


def test_brackets_in_an_address_are_no_patterns_of_curl(tmp_path: Path) -> None:
    got = words(command_of(exchange(tmp_path, target="/mcp/{server}?a=[1-2]")), tmp_path)
    assert (got[:2], got[-1]) == (["-i", "-g"], "http://127.0.0.1:8080/mcp/{server}?a=[1-2]")


def test_a_long_body_is_read_from_a_file(tmp_path: Path) -> None:
    assert "--data-binary @request.json" in str(command_of(exchange(tmp_path, body="x" * 5000)))


def test_request_that_curl_cannot_send_has_no_command(tmp_path: Path) -> None:
    assert command_of(exchange(tmp_path, headers=[])) is None
    assert command_of(exchange(tmp_path, body=None, body_base64="AA==")) is None


def test_variables_are_names_of_the_shell() -> None:
    assert variable_of("refresh:alice@corp:mail~2|base64") == "REFRESH_ALICE_CORP_MAIL_2_BASE64"
