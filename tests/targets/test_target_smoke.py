"""A gateway that comes up and cannot be judged: the same, from the smoke."""

import socket
from pathlib import Path

import httpx
import pytest
from target_bench import GATEWAY, bring_up, descriptor, gateway, said, transcript

from fixtures.clients import limits, raw
from fixtures.errors import BenchError

NOTHING = "def mcp(connection, head, body): pass"


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(raw, "TIMEOUT", httpx.Timeout(0.6))
    monkeypatch.setattr(limits, "SECONDS", 1.0)


RESULT = """'{"jsonrpc": "2.0", "id": 1, "result": {"protocolVersion": "2025-11-25"}}'"""


@pytest.mark.parametrize(
    ("behaviour", "outcome"),
    [
        (
            "answer(connection, 200, 'text/html', '<html>Welcome to\\nAcme</html>')",
            "answered 200 (text/html): a JSON-RPC result was expected; the body begins: <html>Welcome to Acme</html>",
        ),
        (
            "answer(connection, 200, 'application/json', '{\"status\": \"ok\"}')",
            'answered 200 (application/json): a JSON-RPC result was expected; the body begins: {"status": "ok"}',
        ),
        (
            "answer(connection, 200, 'application/json', '[' * 50_000)",
            f"answered 200 (application/json): a JSON-RPC result was expected; the body begins: {'[' * 160}",
        ),
        (
            "answer(connection, 500, 'text/plain', 'Traceback ...')",
            "answered 500 (text/plain): a JSON-RPC result was expected; the body begins: Traceback ...",
        ),
        (
            "answer(connection, 401, 'application/json', '')",
            "answered 401 (application/json): the gateway does not accept the token that the setup sheet gives this caller",
        ),
        (
            "answer(connection, 403, 'application/json', '')",
            "answered 403 (application/json): the gateway denies access that the setup sheet grants",
        ),
        (
            "answer(connection, 404, 'text/plain', 'what?')",
            "answered 404 (text/plain): check [endpoints] in the descriptor",
        ),
        (
            "answer(connection, 308, 'text/plain', '', 'Location: https://acme.example/mcp')",
            "answered 308 (text/plain): it redirects to https://acme.example/mcp; give the final address in [endpoints]",
        ),
        (
            "answer(connection, 302, 'text/plain', '', 'Location: /login?t=' + head.split('Bearer ')[1].split()[0])",
            "it redirects to /login?t=«pat:alice»; give the final address",
        ),
        (
            "answer(connection, 400, 'text/plain', 'bad: ' + head.split('Bearer ')[1].split()[0])",
            "the body begins: bad: «pat:alice»",
        ),
        ("time.sleep(60)", "got no answer (ReadTimeout); is the gateway there?"),
        (
            "connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))",
            "got no answer (ReadError); is the gateway there?",
        ),
        (
            "connection.sendall(b'HTTP/1.1 200 OK\\r\\nContent-Length: 900\\r\\n\\r\\n{\"jsonrpc\":')",
            "got no answer (peer closed connection without sending complete message body (received 11 bytes, expected 900)",
        ),
        ("connection.sendall(b'SSH-2.0-OpenSSH\\r\\n\\r\\n')", "got no answer (illegal status line"),
        (
            "connection.sendall(b'HTTP/1.1 200 OK\\r\\n\\r\\n')\n    while True: connection.sendall(b'.'); time.sleep(0.02)",
            "got no answer (TimeoutError); is the gateway there?",
        ),
        (
            "print('crashed', flush=True); os._exit(1)",
            "got no answer (Server disconnected without sending a response.)",
        ),
    ],
    ids=[
        "HTML",
        "other JSON",
        "nested JSON",
        "500",
        "401",
        "403",
        "404",
        "redirect",
        "redirect with a secret",
        "body with a secret",
        "hangs",
        "resets",
        "closes in mid-answer",
        "other protocol",
        "drips",
        "crashes",
    ],
)
def test_one_that_answers_wrongly(tmp_path: Path, work: Path, behaviour: str, outcome: str) -> None:
    sentence = said(gateway(tmp_path, f"def mcp(connection, head, body):\n    {behaviour}"), work)
    assert sentence.startswith("smoke failed: connecting to http://127.0.0.1:")
    assert "/api/llm/mcp/calculator/server as alice, revision 2025-11-25 " in sentence
    assert outcome in sentence
    written = transcript(tmp_path)
    exchange = next(line["exchange"] for line in written if line["leg"] == "client" and line["kind"] == "request")
    assert [line["kind"] for line in written if line.get("exchange") == exchange][-1] == "end"


def test_one_that_makes_answers_up(tmp_path: Path, work: Path) -> None:
    """No proof of path: the answer is well-formed, and our server never saw the call."""
    behaviour = f"def mcp(connection, head, body): answer(connection, 200, 'application/json', {RESULT})"
    sentence = said(gateway(tmp_path, behaviour), work)
    assert "answered, but the call never reached our calculator server at http://127.0.0.1:" in sentence
    assert sentence.endswith("is the gateway configured from this world's sheet?")


def test_one_that_hangs_in_the_middle(tmp_path: Path, work: Path) -> None:
    behaviour = f"""
def mcp(connection, head, body):
    if '"initialize"' in body:
        answer(connection, 200, 'application/json', {RESULT}, 'Mcp-Session-Id: s')
    else:
        time.sleep(60)
"""
    sentence = said(gateway(tmp_path, behaviour), work)
    assert sentence.startswith("smoke failed: calling whoami at ")
    assert "got no answer (ReadTimeout)" in sentence


def test_one_that_ignores_the_signal_to_stop(tmp_path: Path, work: Path) -> None:
    behaviour = """
def before():
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
def mcp(connection, head, body):
    answer(connection, 500, 'text/plain', 'no')
"""
    assert "answered 500" in said(gateway(tmp_path, behaviour), work)


def test_one_that_leaves_a_daemon_behind(tmp_path: Path, work: Path) -> None:
    """The daemon keeps the port and the output; both must be free again."""
    behaviour = """
def before():
    if os.fork(): time.sleep(60)
    os.setsid()
    if os.fork(): os._exit(0)
def mcp(connection, head, body):
    answer(connection, 500, 'text/plain', 'a daemon answers')
"""
    assert "a daemon answers" in said(gateway(tmp_path, behaviour), work)


def test_nothing_listens_where_a_running_one_should_be(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    text = f"""
        [gateway]
        name = "acme"
        [endpoints]
        base_url = "http://127.0.0.1:{port}"
        [claims]
        profiles = ["core"]
    """
    with pytest.raises(BenchError) as caught:
        bring_up(descriptor(tmp_path, text), tmp_path)
    sentence = str(caught.value)
    assert f"http://127.0.0.1:{port}/api/llm/mcp/calculator/server as alice" in sentence
    assert "got no answer (All connection attempts failed); is the gateway there?" in sentence
    assert sentence.endswith("must be judged with --sheet, the setup sheet that it was configured from")


def test_claims_that_leave_nothing_to_start_with(tmp_path: Path, work: Path) -> None:
    path = gateway(tmp_path, NOTHING, more="[claims]\nfeatures = ['upstream.none']")
    assert said(path, work).startswith(f"{path}: the claims leave nothing to start with: claim at least one caller (")


def test_the_gateway_of_these_tests_can_be_right(tmp_path: Path, work: Path) -> None:
    """The control: it passes the request on, and the same way of bringing it up accepts it."""
    assert "#####" in GATEWAY
    behaviour = """
import urllib.request, urllib.error
def mcp(connection, head, body):
    wanted = ("content-type", "accept", "mcp-session-id", "mcp-protocol-version")
    headers = dict(line.split(": ", 1) for line in head.split("\\r\\n")[1:])
    request = urllib.request.Request(world["upstreams"]["calculator"]["url"], body.encode(),
        {name: value for name, value in headers.items() if name.lower() in wanted})
    with urllib.request.urlopen(request) as got:
        session = got.headers.get("mcp-session-id")
        answer(connection, got.status, got.headers.get("content-type"), got.read().decode(),
            *(["Mcp-Session-Id: " + session] if session else []))
"""
    bring_up(gateway(tmp_path, behaviour), tmp_path)
    assert transcript(tmp_path)[-1]["complete"] is True
    assert not list(work.iterdir())
