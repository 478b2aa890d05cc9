"""Tests of the checks of consent.toml, third part: callbacks with a bad state, and callbacks of another browser."""

import pytest

from gatebench.conformance.selftest.support.outcome_marks import fails, passes
from gatebench.conformance.selftest.support.transcript_base import TranscriptLine
from gatebench.conformance.selftest.support.transcript_builder import TranscriptBuilder

# -- CONS-011

GOOD, FORGED = "«code:alice:mail»", "n-forged"
LATER_CODE = "«code:alice:mail~5»"  # labels of later codes of one user and server in a run


def callback(builder: TranscriptBuilder, code: str, *, redeemed: str | None = None) -> TranscriptLine | None:
    """Add a callback request of a browser with a bad state."""
    begin = builder.here()
    builder.visit("alice", f"http://127.0.0.1:5000/oauth/callback?code={code}&state=s", 400)
    line = builder.redeem("vendor", redeemed) if redeemed else None
    builder.observe("bad-callback", attribute="a state", status=400, **{"from": begin, "to": builder.here()})
    return line


def good_callback(builder: TranscriptBuilder) -> None:
    """Add a callback request with the right state."""
    builder.visit("alice", f"http://127.0.0.1:5000/oauth/callback?code={GOOD}&state=s")
    builder.redeem("vendor", GOOD)


@passes("CONS-011")
def test_callbacks_with_a_bad_state_redeem_no_code(builder: TranscriptBuilder) -> int:
    callback(builder, FORGED)
    good_callback(builder)
    callback(builder, GOOD)
    builder.redeem("vendor", "«code:bob:mail»")
    return 2


@fails("CONS-011")
@pytest.mark.parametrize("redeemed", [FORGED, GOOD])
def test_forged_callback_redeems_a_code(builder: TranscriptBuilder, redeemed: str) -> TranscriptLine | None:
    return callback(builder, FORGED, redeemed=redeemed)


@fails("CONS-011")
def test_repeated_callback_redeems_the_code(builder: TranscriptBuilder) -> TranscriptLine | None:
    good_callback(builder)
    return callback(builder, GOOD, redeemed=GOOD)


@fails("CONS-011")
def test_code_of_forged_callback_is_redeemed_later(builder: TranscriptBuilder) -> TranscriptLine:
    callback(builder, FORGED)
    good_callback(builder)
    return builder.redeem("vendor", FORGED)


@fails("CONS-011")
@pytest.mark.parametrize("code", [GOOD, LATER_CODE])
def test_code_of_repeated_callback_is_redeemed_later(builder: TranscriptBuilder, code: str) -> TranscriptLine:
    good_callback(builder)
    callback(builder, code)
    return builder.redeem("vendor", code)


# -- CONS-012


def foreign_callback(
    builder: TranscriptBuilder, *, redeemed: str | None = None, code: str = GOOD
) -> TranscriptLine | None:
    """Add a callback request of another browser with the first one's parameters."""
    begin = builder.here()
    builder.visit("alice", f"http://127.0.0.1:5000/oauth/callback?code={code}&state=s", 400)
    line = builder.redeem("vendor", redeemed) if redeemed else None
    builder.observe("foreign-callback", principal="alice", status=400, **{"from": begin, "to": builder.here()})
    return line


@passes("CONS-012")
def test_callback_of_another_browser_redeems_no_code(builder: TranscriptBuilder) -> int:
    builder.redeem("vendor", GOOD)  # earlier, by the browser that started the flow
    foreign_callback(builder)
    foreign_callback(builder, redeemed="«code:bob:mail»")  # another user's flow
    return 2


@fails("CONS-012")
@pytest.mark.parametrize("code", [GOOD, LATER_CODE])
def test_callback_of_another_browser_redeems_the_code(builder: TranscriptBuilder, code: str) -> TranscriptLine | None:
    return foreign_callback(builder, redeemed=code, code=code)


@fails("CONS-012")
def test_code_of_another_browser_is_redeemed_later(builder: TranscriptBuilder) -> TranscriptLine:
    foreign_callback(builder)
    return builder.redeem("vendor", GOOD)
