"""The layout of lists and descriptions on the terminal."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from gatebench.cli import gatebench
from gatebench.commands import layout


@pytest.fixture(autouse=True)
def columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")


def shown(*words: str) -> list[str]:
    result = CliRunner().invoke(gatebench, [*words, "--no-config"], standalone_mode=False)
    assert result.exception is None, result
    return result.output.splitlines()


@pytest.mark.parametrize("words", [("explain", "MCF-001"), ("explain", "ACC-001"), ("load", "list")])
def test_descriptions_fit_the_terminal(words: tuple[str, ...]) -> None:
    for line in shown(*words):
        assert len(line) <= 60 or " " not in line.strip() or "check:" in line, line  # a long path stays whole


def test_texts_of_lists_begin_in_one_column() -> None:
    requirements = [re.fullmatch(r"(\S+ +(?:MUST|SHOULD)(?: NOT)? +\S+ +)\S.*", line) for line in shown("list")]
    assert len({len(one[1]) for one in requirements if one}) == 1
    faults = [re.fullmatch(r"(\S+ +\S+ +)\S.*", line) for line in shown("faults")]
    assert len({len(one[1]) for one in faults if one}) == 1
    assert None not in [*requirements, *faults]


def test_installations_are_aligned() -> None:
    lines = shown("install")
    starts = {min(line.index(word) for word in ("installed", "not installed") if word in line) for line in lines}
    assert len(starts) == 1


def test_a_path_far_away_is_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "a" / "b" / "c" / "d"
    folder.mkdir(parents=True)
    monkeypatch.chdir(folder)
    assert layout.shortest(folder / "out") == "out"
    assert layout.shortest(folder.parent / "out") == "../out"
    assert layout.shortest(Path("/x")) == "/x"
