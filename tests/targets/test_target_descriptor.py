"""Every mistake in a descriptor is one sentence that names the file, the key and the way out."""

from pathlib import Path

import pytest
from target_bench import CLAIMS, descriptor

from conformance.features import claims_of
from conformance.registry import Registry
from conformance.run import Run
from fixtures.errors import BenchError
from fixtures.gateways import target as targets
from fixtures.gateways.descriptor import load
from fixtures.gateways.target import Target, resolve

RUNNING = """
[gateway]
name = "acme"
[endpoints]
base_url = "http://127.0.0.1:9"
"""
LAUNCHED = """
[gateway]
name = "acme"
[launch]
command = ["acme", "{port}"]
"""


def said(path: Path) -> str:
    with pytest.raises(BenchError) as caught:
        load(path)
    sentence = str(caught.value)
    assert "\n" not in sentence
    assert sentence.startswith(f"{path}: "), "it names the file"
    return sentence.removeprefix(f"{path}: ")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[gatewy]\nname = 'x'\n" + RUNNING, "gatewy is an unknown key; did you mean gateway?"),
        (RUNNING + "[dialect]\ntool_nam = 'x'", "dialect.tool_nam is an unknown key; did you mean tool_name?"),
        (
            RUNNING + "[claims]\nlevel = 3",
            "claims.level is an unknown key; there are deviations, features, principals, profiles, revisions, servers",
        ),
        (LAUNCHED + "comand = ['x']", "launch.comand is an unknown key; did you mean command?"),
        ("[endpoints]\nbase_url = 'http://x'", "gateway is missing; add it"),
        ("[gateway]\nversion = '1'", "gateway.name is missing; add it"),
        (
            RUNNING + "[launch]\nready = '{base_url}/'",
            "launch is wrong: there is neither command nor image; add one of them",
        ),
        ("[gateway]\nname = 3", "gateway.name is wrong: input should be a valid string, not 3"),
        (RUNNING + "[launch]\ncommand = 'acme'", "launch.command is wrong: input should be a valid list, not 'acme'"),
        (
            RUNNING + "[launch]\ncommand = ['acme', 5000]",
            "launch.command.1 is wrong: input should be a valid string, not 5000",
        ),
        (LAUNCHED + "ready_seconds = '3'", "launch.ready_seconds is wrong: input should be a valid number, not '3'"),
        (LAUNCHED + "ready_seconds = 0", "launch.ready_seconds is wrong: input should be greater than 0, not 0"),
        (
            RUNNING + "[claims]\nfeatures = 'caller.user'",
            "claims.features is wrong: input should be a valid list, not 'caller.user'",
        ),
        (
            RUNNING + "[claims]\nrevisions = []",
            "claims.revisions is wrong: list should have at least 1 item after validation, not 0, not []",
        ),
        (
            "[gateway]\nname = 'acme'",
            "endpoints.base_url is missing; a descriptor without [launch] must say where the gateway runs",
        ),
    ],
)
def test_keys_and_types(tmp_path: Path, text: str, sentence: str) -> None:
    assert said(descriptor(tmp_path, text)) == sentence


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            LAUNCHED.replace("{port}", "{prot}"),
            "launch.command uses {prot}, which is no variable here; there are {base_url}, {here}, {host}, {port}, ",
        ),
        (LAUNCHED.replace("{port}", "{}"), "launch.command uses {}, which is no variable here; there are"),
        (LAUNCHED.replace("{port}", "{port.x}"), "launch.command uses {port.x}, which is no variable here"),
        (
            LAUNCHED.replace("{port}", "{port"),
            "launch.command has an unbalanced brace (expected '}' before end of string)",
        ),
        (LAUNCHED.replace("{port}", "port}"), "launch.command has an unbalanced brace (Single '}' encountered"),
        (LAUNCHED.replace("{port}", "{port:d}"), "launch.command cannot be filled in (Unknown format code 'd'"),
        (LAUNCHED.replace("{port}", "{port:{wide}}"), "launch.command cannot be filled in ('wide')"),
        (LAUNCHED + "ready = '{base_url}/{world}'", "launch.ready uses {world}, which is no variable here"),
        (LAUNCHED + "environment = { PORT = '{prot}' }", "launch.environment uses {prot}, which is no variable here"),
        (
            RUNNING + "single = '{base_url}/{name}'",
            "endpoints.single uses {name}, which is no variable here; there are {base_url}, {server}",
        ),
        (RUNNING + "virtual = '{base_url}/{name}'", "endpoints.virtual uses {name}, which is no variable here"),
        (
            RUNNING + "[dialect]\ntool_name = '{server}.{name}'",
            "dialect.tool_name uses {name}, which is no variable here",
        ),
        (
            RUNNING + "[dialect]\ntool_name = '{server}'",
            "dialect.tool_name does not use {tool}; put it where the tool belongs",
        ),
        (RUNNING + "[dialect]\ncredential_format = 'Bearer'", "dialect.credential_format does not use {token}"),
    ],
)
def test_templates(tmp_path: Path, text: str, sentence: str) -> None:
    assert said(descriptor(tmp_path, text)).startswith(sentence)


def test_literal_braces_may_be_doubled(tmp_path: Path) -> None:
    loaded = load(descriptor(tmp_path, LAUNCHED.replace("{port}", '{{\\"port\\": {port}}}')))
    assert loaded.launch
    assert loaded.launch.command[1].format(port=3) == '{"port": 3}'


@pytest.mark.parametrize(
    ("text", "key"),
    [
        (RUNNING.replace("http://127.0.0.1:9", "127.0.0.1:9"), "endpoints.base_url"),
        (RUNNING.replace("http://127.0.0.1:9", "http://127.0.0.1:99999"), "endpoints.base_url"),
        (RUNNING.replace("http://127.0.0.1:9", "http://"), "endpoints.base_url"),
        (RUNNING.replace("http://127.0.0.1:9", "ftp://acme"), "endpoints.base_url"),
        (RUNNING.replace("http://127.0.0.1:9", "http://{host}:9x"), "endpoints.base_url"),
        (RUNNING + "single = '/mcp/{server}'", "endpoints.single"),
        (LAUNCHED + "ready = '/healthz'", "launch.ready"),
    ],
)
def test_addresses(tmp_path: Path, text: str, key: str) -> None:
    sentence = said(descriptor(tmp_path, text))
    assert sentence.startswith(f"{key} is ")
    assert sentence.endswith("which makes no http or https URL")


@pytest.mark.parametrize("name", ["credential_header", "override_header"])
@pytest.mark.parametrize("value", ["", "X Key", "X-Key:", "Schlüssel"])
def test_header_names(tmp_path: Path, name: str, value: str) -> None:
    sentence = said(descriptor(tmp_path, f"{RUNNING}[dialect]\n{name} = '{value}'"))
    assert sentence.startswith(f"dialect.{name} is wrong: string should match pattern")


@pytest.mark.parametrize("file", ["/etc/acme.yaml", "../acme.yaml", "a/../../acme.yaml", ""])
def test_what_is_rendered_stays_in_the_work_folder(tmp_path: Path, file: str) -> None:
    (tmp_path / "acme.j2").write_text("")
    sentence = said(descriptor(tmp_path, f"{LAUNCHED}render = {{ '{file}' = 'acme.j2' }}"))
    assert sentence == f"launch.render writes {file!r}, which is no file inside the work folder"


def test_a_template_that_is_not_there(tmp_path: Path) -> None:
    sentence = said(descriptor(tmp_path, f"{LAUNCHED}render = {{ 'acme.yaml' = 'acme.yaml.j2' }}"))
    assert sentence == "launch.render names the template acme.yaml.j2, which is not beside the descriptor"


@pytest.mark.parametrize("content", [b"[gateway", b"\xff\xfe", b"{}", b"[gateway]\nname = 'a'\nname = 'b'"])
def test_what_is_no_toml(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "acme.toml"
    path.write_bytes(content)
    with pytest.raises(BenchError, match=r"acme\.toml is not valid TOML: ") as caught:
        load(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("claims", "sentence"),
    [
        (
            "features = ['caller.usr']",
            "claims.features names 'caller.usr', which does not exist; did you mean caller.user?",
        ),
        ("features = ['zzz']", "claims.features names 'zzz', which does not exist; there are caller.user, "),
        ("profiles = ['cor']", "claims.profiles names 'cor', which does not exist; did you mean core?"),
        (
            "revisions = ['2025-11-26']",
            "claims.revisions names '2025-11-26', which does not exist; did you mean 2025-11-25?",
        ),
    ],
)
def test_claims_that_do_not_exist(tmp_path: Path, claims: str, sentence: str) -> None:
    path = descriptor(tmp_path, f"{RUNNING}[claims]\n{claims}")
    with pytest.raises(BenchError) as caught:
        claims_of(load(path), path)
    assert str(caught.value).startswith(f"{path}: {sentence}")


def test_a_deviation_that_is_no_requirement(tmp_path: Path) -> None:
    path = descriptor(tmp_path, f"{RUNNING}{CLAIMS}deviations = ['CRED-999']")
    with pytest.raises(BenchError) as caught:
        Run(str(path), tmp_path / "out", Registry())
    assert str(caught.value) == (
        f"{path}: claims.deviations names CRED-999, which is no requirement; see `gatebench list`"
    )


def test_shipped_targets_are_found_by_name() -> None:
    assert {"reference", "fastmcp"} <= set(targets.shipped())
    for name in targets.shipped():
        assert Target(resolve(name)).name


@pytest.mark.parametrize("name", ["", "referense", "nowhere/acme.toml", "."])
def test_a_target_that_does_not_exist(name: str) -> None:
    with pytest.raises(BenchError) as caught:
        resolve(name)
    sentence = str(caught.value)
    assert name in sentence
    assert "reference" in sentence
    assert "\n" not in sentence


def test_urls_of_servers(tmp_path: Path) -> None:
    text = RUNNING.replace(":9", ":9/") + "single = '{base_url}/s/{server}'\nvirtual = '{base_url}/v/{server}'"
    target = Target(descriptor(tmp_path, text))
    target._virtual = {"workbench"}
    assert target.url("mail") == "http://127.0.0.1:9/s/mail"
    assert target.url("workbench") == "http://127.0.0.1:9/v/workbench"
