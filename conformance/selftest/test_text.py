"""Text from the network can neither control a terminal nor be a command to a CI runner, however it is written."""

import io
import json
import random
import re

import pytest

from gatebench.conformance.text import Lines, SafeStream, json_text, visible, visible_lines

UNSAFE = [
    "\x1b[31mred", "\x1b]0;title\x07", "\x9b31m", "\x9d0;t\x9c", "a\rb", "a\x08b", "a\x0bb\x0cc\x85d\u2028e\u2029f",
    "\u202egnp.exe", "\u2066a\u2069", "\u200f", "\ufeff", "\ud800", "\x00", "\x7f", "\U000e0001", "::error::x",
    " \t\u00a0\u3000::set-env name=A::b",
    "x ##[error]y", "##vso[task.setvariable variable=A]b", "##teamcity[x]", "##[set-env name=PATH]x", "###[group]",
    "::add-mask::x", "::", ":",
]  # fmt: skip


def assert_harmless(line: str) -> None:
    """Assert it as terminals and runners parse a line: white space before `::` is skipped, and `##[` counts anywhere."""
    assert not [one for one in line if ord(one) < 0x20 and one != "\t"], line
    assert not re.search(r"[\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\u2028\u2029\ufeff\ud800-\udfff]", line), (
        line
    )
    assert not line.lstrip().startswith("::"), line
    assert not re.search(r"##[\w.-]*\[", line), line


@pytest.mark.parametrize("text", UNSAFE)
def test_visible_text_is_harmless(text: str) -> None:
    assert "\n" not in visible(text)
    for whole in (text, f"what:\n{text}", f"{text}\n{text}"):
        for line in visible_lines(whole).split("\n"):
            assert_harmless(line)


def test_stream_is_harmless_for_any_division_into_writes() -> None:
    chance = random.Random(9)  # noqa: S311 - seeded, so that it is reproducible
    for _ in range(3000):
        text = "".join(chance.choice([*UNSAFE, "\n", " ", ":", "#", "[", "a"]) for _ in range(chance.randint(1, 12)))
        stream = io.StringIO()
        safe = SafeStream(stream)
        rest = text
        while rest:
            cut = chance.randint(1, 5)
            safe.write(rest[:cut])
            rest = rest[cut:]
        for line in stream.getvalue().split("\n"):
            assert_harmless(line)
        assert stream.getvalue().count("\n") == text.count("\n")


@pytest.mark.parametrize(
    "text", ["", "plain", "naïve «pat:alice» 漢字 🎉", "a::b", "x ::1", "# [a] ## b", "tab\tthere"]
)
def test_harmless_text_is_unchanged(text: str) -> None:
    assert Lines().next(f"{text}\n{text}") == f"{text}\n{text}"


def test_own_colours_are_kept_on_a_terminal() -> None:
    assert Lines(colours=True).next("\x1b[1;31mx\x1b[0m \x1b[8") == "\x1b[1;31mx\x1b[0m \\x1b[8"
    assert Lines().next("\x1b[1;31mx") == "\\x1b[1;31mx"
    assert Lines(colours=True).next("\r\x1b[K  3 of 7") == "\r\x1b[K  3 of 7"


@pytest.mark.parametrize("indent", [None, 1])
def test_json_output_is_harmless(indent: int | None) -> None:
    value = {text: [text, {"deep": text * 2}] for text in [*UNSAFE, "naïve 🎉"]}
    printed = json_text(value, indent=indent)
    assert json.loads(printed) == value
    assert "naïve 🎉" in printed
    for line in printed.split("\n"):
        assert_harmless(line)
    assert Lines().next(printed) == printed, "the stream, which does not parse JSON, changes nothing"
