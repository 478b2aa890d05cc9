"""What a gateway prints without end must neither stop it nor fill our memory."""

import io

import pytest

from fixtures.gateways import output
from fixtures.gateways.output import lines_of
from fixtures.secrets import SecretRegistry


def told(text: bytes) -> list[str]:
    stream = io.BytesIO(text)
    found = list(lines_of(stream.readline, lambda body: body))
    assert not stream.read(), "all of it is read"
    return found


def test_lines_are_lines() -> None:
    assert told(b"one\n\ntwo \xff\r\nthree") == ["one", "", "two �\r", "three"]


def test_a_long_line_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output, "LONGEST", 10)
    assert told(b"x" * 25 + b"\nshort\n") == ["xxxxxxxxxx ... (16 more bytes in this line)", "short"]


def test_a_flood_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output, "MOST", 20)
    assert told(b"12345678\n" * 1000) == [
        "12345678",
        "12345678",
        "... (the gateway has printed more than 20 bytes; what follows is not recorded)",
    ]


def test_a_line_without_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output, "MOST", 10 * output.LONGEST)
    read = 0

    def endless(size: int) -> bytes:
        nonlocal read
        read += size
        return b"x" * size

    lines = lines_of(endless, lambda body: body)
    assert len(next(lines)) < 2 * output.LONGEST
    assert "has printed more than" in next(lines)
    assert read <= 2 * output.MOST


def test_no_part_of_a_secret_stands_where_a_line_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output, "LONGEST", 30)
    secrets = SecretRegistry()
    value = secrets.mint("admin-token", "admin", "adm")
    (line,) = lines_of(io.BytesIO(b"the token is " + value.encode()).readline, secrets.cut)
    assert line.startswith("the token is  ... (")
