"""What authorization servers saw, for the checks that look there."""

from urllib.parse import parse_qs

from conformance.transcript import Exchange, Transcript


def form_fields(query: str) -> dict[str, str]:
    """The parameters of a form or query; of one that is repeated the first."""
    return {name: values[0] for name, values in parse_qs(query, keep_blank_values=True).items()}


def token_requests(transcript: Transcript, grant: str) -> list[Exchange]:
    """The requests to any token endpoint for this grant type."""
    return [
        x
        for x in transcript.leg("idp")
        if x.method == "POST" and x.target.endswith("/token") and form_fields(x.request_body).get("grant_type") == grant
    ]
