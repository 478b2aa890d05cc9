"""A gateway that does not come up is one clear sentence in bounded time, with the evidence so far on disk."""

import socket
import sys
import time
from pathlib import Path

import pytest
from target_bench import bring_up, descriptor, gateway, said, transcript

from fixtures.errors import BenchError
from fixtures.secrets import SecretRegistry
from fixtures.world import World

NOTHING = "def mcp(connection, head, body): pass"


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
        ("def before():\n    global port\n    port = 0", "nothing listens there"),
        ("def healthz(connection): time.sleep(60)", "timed out"),
        ("def healthz(connection): pass", "Server disconnected without sending a response."),
    ],
    ids=["never ready", "listens elsewhere", "hangs", "hangs up"],
)
def test_one_that_never_becomes_ready(tmp_path: Path, work: Path, behaviour: str, why: str) -> None:
    sentence = said(gateway(tmp_path, f"{behaviour}\nprint('starting up', flush=True)", seconds=2.0), work)
    assert sentence.startswith("the gateway did not answer at http://127.0.0.1:")
    assert f"/healthz within 2 s ({why}" in sentence
    assert "check launch.ready and that it listens on the given port" in sentence
    assert sentence.endswith("last output: starting up")


def test_a_look_at_the_last_moment_sees_what_is_there(tmp_path: Path, work: Path) -> None:
    behaviour = "def before():\n    global port\n    port = 0"
    assert "within 0.001 s (nothing listens there)" in said(gateway(tmp_path, behaviour, seconds=0.001), work)


def test_readiness_is_a_status_and_not_a_body(tmp_path: Path, work: Path) -> None:
    """A health page that never ends is ready all the same: what fails is the MCP endpoint."""
    drip = (
        "def healthz(connection):\n"
        "    connection.sendall(b'HTTP/1.1 200 OK\\r\\n\\r\\n')\n"
        "    while True: connection.sendall(b'.'); time.sleep(0.05)\n"
    )
    assert "answered 500" in said(gateway(tmp_path, drip + "def mcp(c, h, b): answer(c, 500, 'text/plain', '')"), work)


def test_readiness_that_drips_is_not_waited_for(tmp_path: Path, work: Path) -> None:
    """A head that never ends, a byte at a time, keeps every limit between two bytes."""
    drip = (
        "def healthz(connection):\n"
        "    connection.sendall(b'HTTP/1.1 200 OK\\r\\nX: ')\n"
        "    while True: connection.sendall(b'.'); time.sleep(0.05)\n"
    )
    started = time.monotonic()
    assert "within 0.5 s (timed out)" in said(gateway(tmp_path, drip, seconds=0.5), work)
    assert time.monotonic() - started < 10


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
