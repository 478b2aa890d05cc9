"""Requests that authorization servers received, for checks that need them."""

from urllib.parse import parse_qs

from gatebench.conformance.exchange import Exchange
from gatebench.conformance.transcript import Transcript
from gatebench.fixtures.recording.labels import parse_with_labels
from gatebench.mock_upstreams.http import spellings


def form_fields(query: str) -> dict[str, str]:
    """Return the parameters of a form or query; of a repeated one the first value."""
    return {name: values[0] for name, values in parse_with_labels(query, _parameters).items()}


def _parameters(query: str) -> dict[str, list[str]]:
    return parse_qs(query, keep_blank_values=True)


def same_resource(configured: str, sent: str) -> bool:
    """Return whether a request names the configured resource; one without a path may end in a slash (RFC 3986, 6.2.3)."""
    return sent == configured or sent in spellings(configured)


def token_requests(transcript: Transcript, grant: str) -> list[Exchange]:
    """Return the requests to any token endpoint with this grant type."""
    return [
        x
        for x in transcript.leg("idp")
        if x.method == "POST" and x.target.endswith("/token") and form_fields(x.request_body).get("grant_type") == grant
    ]
