"""Files with thousands of random changes: each reader accepts the file or raises a documented error with one sentence."""

import json
import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gatebench.commands.load import output
from gatebench.conformance.evaluation import replay
from gatebench.conformance.requirements.expectations import Expectations
from gatebench.conformance.requirements.registry import loaded
from gatebench.conformance.selftest.support.dry_runs.stub_bench import OWN_VARIANTS
from gatebench.fixtures.errors import BenchError
from gatebench.fixtures.gateways import descriptor_loader
from gatebench.fixtures.gateways.lookup import resolve
from gatebench.fixtures.recording.secrets import SecretRegistry
from gatebench.fixtures.world import config as world_config
from gatebench.fixtures.world import definition
from gatebench.fixtures.world.variants import own
from gatebench.load.profiles import budgets, profiles
from gatebench.reports.conformance import model
from gatebench.reports.errors import NoRunError
from gatebench.reports.load import model as load_model

ROOT = Path(__file__).parents[2]
RUN = ROOT / "tests" / "reports" / "data" / "run"
LOAD = ROOT / "tests" / "reports" / "data" / "load.json"
REGISTRY = loaded()
VALUES: list[Any] = [
    None, True, 0, -1, 2**70, 1e308, float("nan"), float("inf"), "", "x" * 5000, "\x00", "\ud800", "::error::x", [], {}, [[]],
    {"a": 1}, [None], "a.b:c", "*", "[", "../../etc",
]  # fmt: skip
RAW: list[bytes] = [
    b"", b"\x00", b"\xff\xfe", b"\xef\xbb\xbf", b"{", b"[" * 100_000, b'{"a":' * 100_000, b"null", b"1" * 5000,
    b"\x1f\x8b\x08\x00",
    b'"\\ud800"', b"1e999", b"NaN", b"a = " + b"[" * 50_000, b"= = =", b"\r\r\n\n",
]  # fmt: skip


def sheet() -> bytes:
    ports = dict.fromkeys(definition.MOCKS, 9)
    return json.dumps(world_config.create("run", SecretRegistry(), world_config.loopback(ports, 9)).to_json()).encode()


EXPECTATIONS = b'[[expect]]\nrequirement = "CRED-001"\nscenario = "*"\noutcome = "fail"\nreason = "r"\nlink = "https://example.com"\n'


def read_report(path: Path) -> None:
    model.read(path)


def read_run(path: Path) -> None:
    model.rebuild(path.parent)


def read_transcript(path: Path) -> None:
    list(replay.judge(replay.Recording.load(path), REGISTRY))


def read_load_report(path: Path) -> None:
    output.read(path)
    load_model.read(path)


Reader = Callable[[Path], Any]
KINDS: dict[str, tuple[Callable[[], bytes], Reader]] = {
    "descriptor.toml": (resolve("house").read_bytes, descriptor_loader.load),
    "world.json": (sheet, world_config.load),
    "known.toml": (lambda: EXPECTATIONS, lambda path: Expectations.load(path, REGISTRY)),
    "variants.toml": (OWN_VARIANTS.read_bytes, own.load),
    "budgets.toml": ((ROOT / "load" / "profiles" / "budgets.toml").read_bytes, budgets.load),
    "profiles.toml": ((ROOT / "load" / "profiles" / "profiles.toml").read_bytes, profiles.load),
    "report.json": (lambda: json.dumps(model.build(RUN)).encode(), read_report),
    "load.json": (LOAD.read_bytes, read_load_report),
    "transcript.jsonl": ((RUN / "transcript.jsonl").read_bytes, read_transcript),
    "verdicts.jsonl": ((RUN / "verdicts.jsonl").read_bytes, read_run),
}
DOCUMENTED = (BenchError, NoRunError)


def container_keys(value: Any) -> list[tuple[Any, Any]]:
    """Return every (container, key) in a JSON value."""
    found = []
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in list(items):
        found.append((value, key))
        found += container_keys(inner)
    return found


def change_json(text: bytes, chance: random.Random) -> bytes:
    """Return JSON, or JSON lines, with one value replaced or removed, or one key renamed."""
    lines = text.split(b"\n") if b"\n{" in text else [text]
    number = chance.randrange(len(lines))
    try:
        value = json.loads(lines[number])
    except ValueError:
        return change_bytes(text, chance)
    container, key = chance.choice(container_keys(value) or [({}, None)])
    if key is not None:
        how = chance.randrange(4)
        if how == 0:
            del container[key]
        elif how == 1 and isinstance(container, dict):
            container[f"{key}x"] = container.pop(key)
        else:
            container[key] = chance.choice(VALUES)
    lines[number] = json.dumps(value).encode()
    return b"\n".join(lines)


def change_bytes(text: bytes, chance: random.Random) -> bytes:
    """Return the text with bytes removed, repeated, inserted or replaced."""
    at, until = sorted(chance.randrange(len(text) + 1) for _ in range(2))
    return chance.choice(
        [
            text[:at],
            text[:at] + text[until:],
            text[:until] + text[at:],
            text[:at] + chance.choice(RAW)[:2000] + text[at:],
            text[:at] + bytes(chance.randrange(256) for _ in range(8)) + text[at + 8 :],
        ]
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copytree(RUN, tmp_path / "run")
    return tmp_path / "run"


def error_of(reader: Reader, path: Path) -> str | None:
    """Return the sentence of a documented error, None if the file can be read; other errors propagate."""
    try:
        reader(path)
    except DOCUMENTED as error:
        return str(error)
    return None


@pytest.mark.parametrize("kind", KINDS)
def test_damaged_file_is_refused_with_one_sentence(kind: str, folder: Path) -> None:
    make, reader = KINDS[kind]
    good, path = make(), folder / kind
    path.write_bytes(good)
    assert error_of(reader, path) is None
    chance = random.Random(kind)  # noqa: S311 - a seed that reproduces it
    is_json = kind.endswith(("json", "jsonl"))
    times = 120 if kind in ("transcript.jsonl", "verdicts.jsonl", "report.json") else 500
    refused = 0
    for number in range(times + len(RAW)):
        damage = change_json if is_json and number % 4 else change_bytes
        data = RAW[number] if number < len(RAW) else damage(good, chance)
        path.write_bytes(data)
        try:
            sentence = error_of(reader, path)
        except Exception as error:
            (folder / "damaged").write_bytes(data)
            raise AssertionError(f"damage {number} of {kind}: {type(error).__name__}: {error}") from error
        if sentence is not None:
            refused += 1
            assert path.name in sentence or str(folder) in sentence, sentence
    assert refused > len(RAW) / 2, "a part of the changes was refused"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("thing", ["folder", "pipe", "missing", "loop"])
def test_path_that_is_no_regular_file_is_refused(kind: str, thing: str, folder: Path) -> None:
    path = folder / kind
    path.unlink(missing_ok=True)
    if thing == "folder":
        path.mkdir()
    elif thing == "pipe":
        os.mkfifo(path)  # which has no writer
    elif thing == "loop":
        path.symlink_to(path)
    sentence = error_of(KINDS[kind][1], path)
    assert sentence is not None
    assert path.name in sentence or str(folder) in sentence, sentence


def test_invalid_file_name_in_launch_render_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "acme.toml"
    for template in ("x" * 300, "a/" * 3000, "a\\u0000b"):
        path.write_text(
            f'[gateway]\nname = "a"\n[launch]\ncommand = ["a"]\nrender = {{ "a" = "{template}" }}\n', encoding="utf-8"
        )
        sentence = error_of(descriptor_loader.load, path)
        assert sentence is not None
        assert "launch.render" in sentence
        path.write_text(
            f'[gateway]\nname = "a"\n[launch]\ncommand = ["a"]\nrender = {{ "{template}" = "acme.toml" }}\n',
            encoding="utf-8",
        )
        assert "launch.render" in str(error_of(descriptor_loader.load, path))
