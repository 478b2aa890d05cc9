"""Which content codings a field Accept-Encoding accepts."""

import pytest

from gatebench.conformance.checks.shapes.codings import accepts


@pytest.mark.parametrize(
    ("field", "coding", "accepted"),
    [
        ("gzip", "gzip", True),
        ("gzip", "x-gzip", True),
        ("gzip, br;q=0.5", "br", True),
        ("gzip;q=0", "gzip", False),
        ("gzip;q=0.0", "gzip", False),
        ("gzip; Q=0.001", "gzip", True),
        ("*", "zstd", True),
        ("*;q=0, gzip", "zstd", False),
        ("*;q=0, gzip", "identity", False),
        ("", "gzip", False),
        ("", "identity", True),
        ("identity;q=0, gzip", "identity", False),
        ("gzip", "identity", True),
    ],
)
def test_accepted(field: str, coding: str, accepted: bool) -> None:
    assert accepts(field, coding) is accepted
