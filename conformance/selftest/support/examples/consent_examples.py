"""Example transcripts of the shapes about consents: grants, requests to authorization servers, and pages in a browser."""

from collections.abc import Mapping
from typing import Any

from gatebench.conformance.requirements.registry import Requirement
from gatebench.conformance.selftest.support.asks import ClientRequest
from gatebench.conformance.selftest.support.examples.example_facts import Example, group_of
from gatebench.conformance.selftest.support.transcript_base import JSON_HEADERS, Pairs, TranscriptLine
from gatebench.conformance.selftest.support.transcript_builder import TranscriptBuilder

ISSUER = "vendor"
PAGES = ("destinations", "not-reflected", "nothing-secret", "sent-with", "no-server-error")
CONNECT = "http://127.0.0.1:5000/oauth/connect/1"
CALLBACK = "http://127.0.0.1:5000/oauth/callback"
ELSEWHERE = "https://evil.example/"


def _used(builder: TranscriptBuilder, _row: Requirement, case: str) -> TranscriptLine:
    made = builder.call("alice", "mail")
    builder.case(case, made)
    return made.arrival


def _asks_its_issuer(builder: TranscriptBuilder, row: Requirement) -> None:
    if row.options.get("asked"):
        builder.issuer_request(ISSUER, "metadata", {})


def _answered_500(builder: TranscriptBuilder, row: Requirement, case: str) -> ClientRequest:
    _asks_its_issuer(builder, row)
    made = builder.ask("alice", "mail")
    return builder.case(case, made.failed() if row.options.get("any_status") else made.answered(500))


def _page_500(builder: TranscriptBuilder, row: Requirement, case: str) -> ClientRequest:
    if row.options.get("any_status"):
        return _answered_500(builder, row, case)
    _asks_its_issuer(builder, row)
    builder.visit("alice", f"{builder.world_json['gateway']['callback_url']}?code=c&state=s", 500)
    return builder.case(case, builder.ask("alice", "mail").answered(502))


def _refreshes(builder: TranscriptBuilder, row: Requirement, case: str, *, more: int) -> TranscriptLine:
    fields = {"grant_type": row.options.get("grant", "refresh_token")}
    lines = [builder.token_request(ISSUER, fields, 503) for _ in range(row.options["max_requests"] + more)]
    builder.case(case, builder.ask("alice", "mail").answered(502))
    return lines[-1]


def _refused_then_none(builder: TranscriptBuilder, row: Requirement, case: str) -> ClientRequest:
    _asks_its_issuer(builder, row)
    return builder.case(case, builder.ask("alice", "mail").answered(502))


def _asks_for(builder: TranscriptBuilder, row: Requirement, case: str, value: str) -> TranscriptLine:
    if row.options["endpoint"] == "authorize":
        line = builder.authorize(ISSUER, **{row.options["parameter"]: value})
    else:
        fields = {"grant_type": row.options.get("grant", "refresh_token"), row.options["parameter"]: value}
        line = builder.issuer_request(ISSUER, row.options["endpoint"], fields)
    builder.case(case, builder.call("alice", "mail"), allowed=["a", "b"])
    return line


def _waits(builder: TranscriptBuilder, row: Requirement, case: str, *, longer: bool) -> ClientRequest:
    first = builder.call("alice", "mail")
    second = builder.call("bob", "mail")
    delayed, made = (first, second) if longer else (second, first)
    return builder.case(case, made, delayed=[delayed.exchange], **group_of(row, made))


def _issuer_request(
    builder: TranscriptBuilder, row: Requirement, case: str, *, right: bool
) -> ClientRequest | TranscriptLine:
    name = row.options["parameter"]
    present = right != bool(row.options.get("absent"))
    value = {name: "expected"} if present else {name: None}
    if row.options["endpoint"] == "authorize":
        line = builder.authorize(ISSUER, **value)
    else:
        fields = {"grant_type": row.options.get("grant", "authorization_code")} | {k: v for k, v in value.items() if v}
        line = builder.issuer_request(ISSUER, row.options["endpoint"], fields)
    made = builder.case(case, builder.call("alice", "mail"), expected="expected")
    return made if right else line


def _stopped(builder: TranscriptBuilder, _row: Requirement, case: str) -> ClientRequest:
    return builder.case(case, builder.call("alice", "mail"))


def _went_on(builder: TranscriptBuilder, row: Requirement, case: str) -> TranscriptLine:
    issuer = row.options.get("issuer", ISSUER)
    line = builder.issuer_request(issuer, row.options["endpoints"][0], {"grant_type": "authorization_code"})
    builder.case(case, builder.call("alice", "mail"))
    return line


def _asked(builder: TranscriptBuilder, _row: Requirement, case: str) -> ClientRequest:
    return builder.case(case, builder.ask("alice", "mail").asked_to_consent(CONNECT))


def _not_asked(builder: TranscriptBuilder, _row: Requirement, case: str) -> ClientRequest:
    return builder.case(case, builder.call("alice", "mail"))


def _page(builder: TranscriptBuilder, row: Requirement, case: str, *, right: bool) -> ClientRequest | TranscriptLine:
    state = "a-state-of-the-gateway"
    url = f"{CALLBACK}?code=c&state={state}"
    headers: Pairs = [("content-type", "text/html"), ("x-content-type-options", "nosniff")]
    status, body = 200, "<!doctype html><p>mail is connected."
    if not right and row.check == "destinations":
        status, headers = 302, [("location", ELSEWHERE)]
    elif not right and row.check == "not-reflected":
        body = "<!doctype html><p>error: <gb-markup>"
    elif not right and row.check == "nothing-secret":
        body = state if row.options.get("states") else "«code:alice:mail»"
    elif not right and row.check == "sent-with":
        headers, body = [("content-type", "text/html")], f'<!doctype html><a href="{ELSEWHERE}">'
    elif not right:
        status = 500
    control = builder.ask("alice", "mail").asked_to_consent(CONNECT)
    line = builder.visit("alice", url, status, headers=headers, body=body)
    builder.case(case, control, control=control, markup=["<gb-markup"])
    return line


def _origin(builder: TranscriptBuilder, row: Requirement, case: str, *, right: bool) -> ClientRequest:
    control = builder.ask("alice", "mail").asked_to_consent(CONNECT)
    made = builder.ask("alice", "mail", also=[("Origin", "https://evil.example")])
    name, value = ("headers", "Authorization") if row.options.get("preflight") else ("credentials", "true")
    admitted = [("access-control-allow-origin", "https://evil.example"), (f"access-control-allow-{name}", value)]
    made.answered(403 if right else 200, headers=[*JSON_HEADERS, *([] if right else admitted)])
    return builder.case(case, made, control=control)


def _unusable_metadata(
    builder: TranscriptBuilder, row: Requirement, case: str, *, used: bool
) -> ClientRequest | TranscriptLine:
    issuer = builder.world_json["issuers"][ISSUER]["issuer"]
    defects: dict[str, dict[str, Any]] = {
        "issuer": {"issuer": f"{issuer}/v2"},
        "pkce": {"code_challenge_methods_supported": ["plain"]},
        "endpoint": {"authorization_endpoint": "javascript:alert(1)"},
    }
    usual = {
        "issuer": issuer,
        "code_challenge_methods_supported": ["S256"],
        "authorization_endpoint": f"{issuer}/authorize",
    }
    builder.metadata(ISSUER, {**usual, **defects[row.options["defect"]]})
    line = builder.authorize(ISSUER) if used else None
    made = builder.case(case, builder.ask("alice", "mail").refused("mail cannot be connected", 502))
    return line or made


def _requests(builder: TranscriptBuilder, row: Requirement, case: str, count: int) -> TranscriptLine:
    made = builder.call("alice", "mail")
    lines = [builder.issuer_request(row.options["issuer"], row.options["endpoint"], {}) for _ in range(count)]
    builder.case(case, made)
    return lines[-1]


CLIENT_ID = "http://127.0.0.1:5000/client.json"
_WRONG_DOCUMENTS: dict[str, dict[str, Any]] = {
    "client-id": {"client_id": f"{CLIENT_ID}/"},
    "redirect-uri": {"redirect_uris": [f"{CALLBACK}/"]},
    "name": {"client_name": None},
    "secret": {"token_endpoint_auth_method": "client_secret_basic"},
    "unforged": {"redirect_uris": [ELSEWHERE]},
}


def _client_document(
    builder: TranscriptBuilder, row: Requirement, case: str, *, right: bool
) -> ClientRequest | TranscriptLine:
    part = "" if right else row.options["part"]
    client_id = f"{CLIENT_ID}#client" if part == "url" else CLIENT_ID
    line: TranscriptLine = builder.authorize(ISSUER, client_id=client_id, redirect_uri=CALLBACK)
    usual = {"client_id": CLIENT_ID, "client_name": "gateway", "redirect_uris": [CALLBACK]}
    changed = usual | _WRONG_DOCUMENTS.get(part, {})
    kind = "text/plain" if part == "media-type" else "application/json"
    document = builder.read(
        CLIENT_ID, usual if part == "unforged" else changed, 302 if part == "available" else 200, kind=kind
    )
    forged = builder.read(CLIENT_ID, changed if part == "unforged" else usual)
    if part and part != "url":
        line = forged if part == "unforged" else document
    made = builder.call("alice", "mail")
    builder.case(case, made, document=document.exchange, forged=[forged.exchange])
    return made if right else line


_SECRETS = {"alice": ("q7Zr1kPv0aXw9", "Lm2"), "bob": ("B4tnY8sEj5oUc", "Gd6")}


def _guessable(
    builder: TranscriptBuilder, row: Requirement, case: str, *, right: bool
) -> ClientRequest | TranscriptLine:
    lines: list[ClientRequest | TranscriptLine] = []
    for number, (user, parts) in enumerate(_SECRETS.items()):
        secret = "".join(parts) * 2 if right else f"00000000{number}"
        link = f"{CONNECT}{secret}"
        asked = builder.ask(user, "mail").asked_to_consent(link)
        builder.visit(user, link, 302, headers=[("location", f"http://127.0.0.1/{ISSUER}/authorize?state={secret}")])
        state = builder.authorize(ISSUER, state=secret)
        lines.append(asked if row.options["what"] == "link" else state)
    made = builder.case(case, builder.call("alice", "mail"))
    return made if right else lines[-1]


CONFORMING: Mapping[str, Example] = {
    "requests-bounded": lambda builder, row, case: _requests(builder, row, case, row.options["most"]),
    "not-used": _refused_then_none,
    "orderly": _refused_then_none,
    "bounded": lambda builder, row, case: _refreshes(builder, row, case, more=0),
    "not-waiting": lambda builder, row, case: _waits(builder, row, case, longer=False),
    "parameter-allowed": lambda builder, row, case: _asks_for(builder, row, case, "b"),
    "parameter-sent": lambda builder, row, case: _issuer_request(builder, row, case, right=True),
    "metadata-refused": lambda builder, row, case: _unusable_metadata(builder, row, case, used=False),
    "not-requested": _stopped,
    "asked": _asked,
    "consent-unguessable": lambda builder, row, case: _guessable(builder, row, case, right=True),
    "client-document": lambda builder, row, case: _client_document(builder, row, case, right=True),
    "no-admission": lambda builder, row, case: _origin(builder, row, case, right=True),
    **{shape: lambda builder, row, case: _page(builder, row, case, right=True) for shape in PAGES},
}
VIOLATING: Mapping[str, Example] = {
    "requests-bounded": lambda builder, row, case: _requests(builder, row, case, row.options["most"] + 1),
    "not-used": _used,
    "orderly": _answered_500,
    "bounded": lambda builder, row, case: _refreshes(builder, row, case, more=1),
    "not-waiting": lambda builder, row, case: _waits(builder, row, case, longer=True),
    "parameter-allowed": lambda builder, row, case: _asks_for(builder, row, case, "b c"),
    "parameter-sent": lambda builder, row, case: _issuer_request(builder, row, case, right=False),
    "metadata-refused": lambda builder, row, case: _unusable_metadata(builder, row, case, used=True),
    "not-requested": _went_on,
    "asked": _not_asked,
    "consent-unguessable": lambda builder, row, case: _guessable(builder, row, case, right=False),
    "client-document": lambda builder, row, case: _client_document(builder, row, case, right=False),
    "no-admission": lambda builder, row, case: _origin(builder, row, case, right=False),
    **{shape: lambda builder, row, case: _page(builder, row, case, right=False) for shape in PAGES},
}
OTHER_VIOLATIONS: Mapping[str, list[Example]] = {
    "orderly": [_page_500],
}
