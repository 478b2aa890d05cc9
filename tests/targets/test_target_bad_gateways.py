"""A gateway that cannot be judged is one clear sentence in bounded time, with the evidence so far on disk."""

import socket
import sys
import time
from pathlib import Path

import httpx
import pytest
from target_bench import GATEWAY, bring_up, descriptor, gateway, transcript

from fixtures.clients import raw
from fixtures.errors import BenchError
from fixtures.secrets import SecretRegistry
from fixtures.world import World

PATIENCE = 15.0  # a bound for a busy machine, not an expectation
NOTHING = "def mcp(connection, head, body): pass"


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(raw, "TIMEOUT", httpx.Timeout(0.6))
    monkeypatch.setattr(raw, "DEADLINE", 1.0)


def said(path: Path, work: Path) -> str:
    """The sentence, after looking at everything that is true of all of them."""
    started = time.monotonic()
    with pytest.raises(BenchError) as caught:
        bring_up(path, path.parent)
    assert time.monotonic() - started < PATIENCE
    sentence = str(caught.value)
    assert "\n" not in sentence
    written = transcript(path.parent)
    assert [line["kind"] for line in written if line["kind"] in ("transcript", "world", "target", "footer")] == [
        "transcript",
        "world",
        "target",
        "footer",
    ]
    assert written[-1]["complete"] is False
    sheet = next(line["sheet"] for line in written if line["kind"] == "world")
    with socket.socket() as visitor, pytest.raises(ConnectionRefusedError):  # the gateway is gone
        visitor.connect(("127.0.0.1", sheet["gateway"]["port"]))
    assert not list(work.iterdir()), "its work folder is gone"
    return sentence


@pytest.mark.parametrize(
    ("behaviour", "ending"),
    [
        (
            "print('reading', sys.argv[2][-10:], flush=True); print(); print('bad key: listn', file=sys.stderr); sys.exit(3)",
            "status 3 {before}reading world.json / bad key: listn",
        ),
        ("sys.exit(0)", "status 0 {before}it printed nothing"),
        ("os.kill(os.getpid(), signal.SIGKILL)", "status 137 {before}it printed nothing"),
    ],
)
def test_one_that_exits_at_once(tmp_path: Path, work: Path, behaviour: str, ending: str) -> None:
    path = gateway(tmp_path, behaviour)
    sentence = said(path, work)
    before = f"before it was ready: {path}, command {sys.executable}, last output: "
    assert sentence == "the gateway exited with " + ending.format(before=before)


def test_a_command_that_does_not_exist(tmp_path: Path, work: Path) -> None:
    path = descriptor(tmp_path, '[gateway]\nname = "acme"\n[launch]\ncommand = ["acme-gateway", "--port={port}"]')
    assert said(path, work) == (
        f"the gateway exited with status 127 before it was ready: {path}, command acme-gateway, "
        "last output: cannot start acme-gateway: No such file or directory"
    )


@pytest.mark.parametrize(
    ("behaviour", "why"),
    [
        ("def healthz(connection): answer(connection, 503, 'text/plain', 'starting')", "the last answer was 503"),
        ("def before():\n    global port\n    port = 0", "Connection refused"),
        ("def healthz(connection): time.sleep(60)", "timed out"),
        ("def healthz(connection): pass", "Server disconnected without sending a response."),
    ],
    ids=["never ready", "listens elsewhere", "hangs", "hangs up"],
)
def test_one_that_never_becomes_ready(tmp_path: Path, work: Path, behaviour: str, why: str) -> None:
    sentence = said(gateway(tmp_path, f"{behaviour}\nprint('starting up', flush=True)", seconds=0.5), work)
    assert sentence.startswith("the gateway did not answer at http://127.0.0.1:")
    assert f"/healthz within 0.5 s ({why}" in sentence or f"/healthz within 0.5 s ([Errno 111] {why}" in sentence
    assert "check launch.ready and that it listens on the given port" in sentence
    assert sentence.endswith("last output: starting up")


def test_readiness_is_a_status_and_not_a_body(tmp_path: Path, work: Path) -> None:
    """A health page that never ends is ready all the same: what fails is the MCP endpoint."""
    drip = (
        "def healthz(connection):\n"
        "    connection.sendall(b'HTTP/1.1 200 OK\\r\\n\\r\\n')\n"
        "    while True: connection.sendall(b'.'); time.sleep(0.05)\n"
    )
    assert "answered 500" in said(gateway(tmp_path, drip + "def mcp(c, h, b): answer(c, 500, 'text/plain', '')"), work)


def test_output_without_end_is_cut(tmp_path: Path, work: Path) -> None:
    sentence = said(gateway(tmp_path, "print('x' * 100_000 + 'the end'); sys.exit(1)"), work)
    assert sentence.endswith("the end")
    assert len(sentence) < 1000


def test_secrets_that_it_prints_are_redacted(tmp_path: Path, work: Path) -> None:
    behaviour = "print('cannot use', world['gateway']['admin_token'], world['principals']['alice'])\nsys.exit(1)"
    sentence = said(gateway(tmp_path, behaviour), work)
    assert "cannot use «admin» {'kind': 'user', 'tokens': ['«pat:alice»']}" in sentence
    log = next(line["text"] for line in transcript(tmp_path) if line["leg"] == "gateway")
    assert log == "cannot use «admin» {'kind': 'user', 'tokens': ['«pat:alice»']}"


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


def test_a_stranger_at_the_gateway_s_port(tmp_path: Path, work: Path) -> None:
    """It would be judged in place of the gateway: a stored sheet's port must be free before the gateway is launched."""
    with World(SecretRegistry()) as world:
        sheet = world.sheet
    port = sheet["gateway"]["port"]
    with socket.create_server(("127.0.0.1", port)), pytest.raises(BenchError) as caught:
        bring_up(gateway(tmp_path, NOTHING), tmp_path, sheet)
    assert str(caught.value).startswith(f"port {port} of the setup sheet (for the gateway) is taken: stop what listens")
    assert not list(work.iterdir())


@pytest.mark.parametrize(
    ("template", "reason"),
    [
        ("{{ world.isuers.corp }}", "'dict object' has no attribute 'isuers'"),
        ("{% if %}", "Expected an expression, got 'end of statement block'"),
        ("{{ 1 / 0 }}", "division by zero"),
        ("{{ world.run | upperr }}", "No filter named 'upperr'."),
    ],
)
def test_a_configuration_that_cannot_be_rendered(tmp_path: Path, work: Path, template: str, reason: str) -> None:
    (tmp_path / "acme.j2").write_text(template)
    path = gateway(tmp_path, NOTHING, launch='render = { "acme.yaml" = "acme.j2" }')
    assert said(path, work) == f"{path}: launch.render: the template acme.j2 cannot be rendered: {reason}"


def test_a_configuration_is_rendered_from_the_world(tmp_path: Path, work: Path) -> None:
    (tmp_path / "acme.j2").write_text(
        "{{ world.upstreams.mail.auth.model }} {{ port }} {{ world.access.dave | json }}\n"
    )
    path = gateway(
        tmp_path,
        "print(open('conf.d/acme.yaml').read(), os.environ['ACME'], sys.argv[1], flush=True)\nsys.exit(1)",
        launch='render = { "conf.d/acme.yaml" = "acme.j2" }\nenvironment = { ACME = "{host}:{port}" }',
    )
    sentence = said(path, work)
    port = sentence.rpartition(" ")[2]
    assert sentence.endswith(f"last output: oauth {port} [] /  127.0.0.1:{port} {port}")


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
