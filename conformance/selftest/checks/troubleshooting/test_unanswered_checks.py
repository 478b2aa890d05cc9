"""Tests of TRB-002 for what has no JSON-RPC response: notifications, and the end of a session."""

import pytest

from gatebench.conformance.selftest.support.asks import ClientRequest
from gatebench.conformance.selftest.support.outcome_marks import fails, passes
from gatebench.conformance.selftest.support.transcript_builder import TranscriptBuilder
from gatebench.conformance.selftest.support.upstream_failures import failing_request, late

WITHOUT_RESPONSE = ("notifications/roots/list_changed", "DELETE")


@passes("TRB-002", "TRB-004", "TRB-005")
@pytest.mark.parametrize("method", WITHOUT_RESPONSE)
@pytest.mark.parametrize("status", [200, 202, 204, 404, 405, 502, 504])
def test_answered(builder: TranscriptBuilder, method: str, status: int) -> int:
    failing_request(builder, method).answered(status, headers=[], body="")
    return 1


@fails("TRB-002")
@pytest.mark.parametrize("method", WITHOUT_RESPONSE)
def test_not_answered(builder: TranscriptBuilder, method: str) -> ClientRequest:
    return failing_request(builder, method).failed(detail="CancelledError")


@fails("TRB-002")
@pytest.mark.parametrize("method", WITHOUT_RESPONSE)
def test_answered_late(builder: TranscriptBuilder, method: str) -> ClientRequest:
    return late(failing_request(builder, method).answered(202, headers=[], body=""), 16)
