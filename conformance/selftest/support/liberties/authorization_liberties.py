"""What right gateways may do with metadata of authorization servers and with demands for scopes."""

from collections.abc import Callable

from gatebench.conformance.selftest.support.transcript_base import TEXT_HEADERS
from gatebench.conformance.selftest.support.transcript_builder import TranscriptBuilder

CONSENT = "http://127.0.0.1:5000/oauth/connect/1"


def _metadata(builder: TranscriptBuilder, name: str, **members: object) -> None:
    address = builder.world_json["issuers"][name]["issuer"]
    usual = {"issuer": address, "authorization_endpoint": f"{address}/authorize"}
    builder.metadata(name, {**usual, "code_challenge_methods_supported": ["S256"], **members})


def metadata_at_once(builder: TranscriptBuilder) -> None:
    """Asks all addresses of the metadata at the same time, or only one that has worked before."""
    address = builder.world_json["issuers"]["vendor"]["issuer"]
    for path in ("/vendor/.well-known/openid-configuration", "/.well-known/openid-configuration/vendor"):
        builder.metadata("vendor", None, path, t=1.0)
    builder.metadata("vendor", {"issuer": address}, t=1.0)
    builder.metadata("calendar-as", None, "/calendar-as/.well-known/openid-configuration")


def endpoints_from_its_operator(builder: TranscriptBuilder) -> None:
    """Reads no metadata: its operator has typed the endpoints, for servers whose metadata are wrong as well."""
    for case in ("metadata-issuer-missing", "pkce-absent", "endpoint-data"):
        builder.authorize("misnamed-as")
        builder.redeem("misnamed-as", code=case, code_verifier=case)
        builder.case(case, builder.ask("alice", "misnamed").asked_to_consent(CONSENT))


def unusable_metadata_shown_late(builder: TranscriptBuilder) -> None:
    """Offers a link first, and shows on the page behind it that the authorization server cannot be used."""
    _metadata(builder, "without-pkce-as", code_challenge_methods_supported=None)
    builder.visit("alice", CONSENT, 502)
    builder.case("pkce-absent", builder.ask("alice", "without-pkce").asked_to_consent(CONSENT))


def metadata_read_again(builder: TranscriptBuilder) -> None:
    """Reads metadata before every request, and keeps none of them."""
    for name in ("misnamed-as", "misnamed-as"):
        _metadata(builder, name, issuer="http://127.0.0.1:1/v2")
    builder.case(
        "metadata-issuer-of-a-longer-path",
        builder.ask("alice", "misnamed", "tools/list").answered(502, headers=TEXT_HEADERS, body="no"),
    )


def an_error_for_lack_of_a_scope(builder: TranscriptBuilder) -> None:
    """Answers a demand for more scopes with an error, after having refreshed once."""
    made = builder.ask("alice", "mail", "tools/list").arrives(status=403)
    builder.refresh("vendor")
    made.arrives(status=403).answered(502, headers=TEXT_HEADERS, body="mail demands the scope mail.write")
    builder.case("scope-demanded", made, scopes=["mail", "mail.write"])


def stored_token_unused_after_a_demand(builder: TranscriptBuilder) -> None:
    """Asks for consent from a demand for a further scope on, before the user declines it: the scenario has no attempt then."""
    control = builder.call("alice", "mail")
    whose = {"scenario": "story", "server": "mail", "principal": "alice"}
    exchanges = {"attempts": [], "control": control.exchange}
    builder.recorder.note("case", case="request-for-a-further-scope-declined", begin=0, **exchanges, **whose)


def users_tokens_alone(builder: TranscriptBuilder) -> None:
    """Issues tokens while it runs, for users only."""
    builder.observe("new-token", principal="support-bot", possible=False)


def step_up_with_more_scopes(builder: TranscriptBuilder) -> None:
    """Asks for consent to more scopes than the upstream demands."""
    demanded = ["mail", "mail.write"]
    builder.case("scope-demanded", builder.ask("alice", "mail").asked_to_consent(CONSENT), scopes=demanded)
    builder.authorize("vendor", scope="offline_access mail mail.write")
    builder.case("scope-granted", builder.call("alice", "mail"), scopes=demanded)


def resource_metadata_refused(builder: TranscriptBuilder) -> None:
    """Refuses to work with an upstream whose resource metadata are wrong, or ignores them."""
    expected = builder.world_json["upstreams"]["astray"]["url"]
    refused = builder.ask("alice", "astray", "tools/list").answered(
        502, headers=TEXT_HEADERS, body="its resource metadata name another resource"
    )
    builder.case("resource-metadata-of-another-resource", refused, expected=expected)
    builder.authorize("astray-as")
    builder.case("resource-metadata-of-another-issuer", refused, expected=expected)


LIBERTIES: list[Callable[[TranscriptBuilder], object]] = [
    metadata_at_once,
    endpoints_from_its_operator,
    unusable_metadata_shown_late,
    metadata_read_again,
    an_error_for_lack_of_a_scope,
    step_up_with_more_scopes,
    stored_token_unused_after_a_demand,
    users_tokens_alone,
    resource_metadata_refused,
]
