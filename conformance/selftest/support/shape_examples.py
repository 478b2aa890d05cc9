"""Example transcripts of shapes: what each shape passes and what it fails, for any row of it."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from gatebench.conformance.requirements.registry import Requirement
from gatebench.conformance.selftest.support import (
    change_examples,
    client_examples,
    denial_examples,
    dialogue_examples,
    feature_examples,
    response_examples,
    upstream_examples,
)
from gatebench.conformance.selftest.support.asks import ClientRequest
from gatebench.conformance.selftest.support.probe_steps import CHALLENGE
from gatebench.conformance.selftest.support.transcript_base import JSON_HEADERS, Pairs, TranscriptLine
from gatebench.conformance.selftest.support.transcript_builder import TranscriptBuilder
from gatebench.conformance.selftest.support.upstream_failures import landed_as

Example = Callable[[TranscriptBuilder, Requirement, str], ClientRequest | TranscriptLine]
"""Builds a transcript for one case of a row; returns the line that a violation points at."""

ISSUER = "vendor"
PAGES = ("destinations", "not-reflected", "nothing-secret", "sent-with", "no-server-error")


def _control(builder: TranscriptBuilder) -> ClientRequest:
    return builder.call("alice", "mail")


def _key_set(builder: TranscriptBuilder, row: Requirement) -> None:
    if issuer := row.options.get("key_set"):
        builder.issuer_request(issuer, "jwks", {})


def _refused(builder: TranscriptBuilder, row: Requirement, case: str) -> ClientRequest:
    control = _control(builder)
    _key_set(builder, row)
    form = next((form for form in row.options.get("forms", [401]) if isinstance(form, int)), 400)
    if row.options.get("forms") == ["denied"]:
        form = 403
    made = builder.ask("alice", "mail").answered(form, headers=CHALLENGE if form == 401 else JSON_HEADERS)
    return builder.case(case, made, control=control, markers=["gone"])


def _group(row: Requirement, *made: ClientRequest) -> dict[str, Any]:
    """Return the fact that names these attempts, for a row with the option `group`."""
    return {row.options["group"]: [one.exchange for one in made]} if "group" in row.options else {}


def _admitted(builder: TranscriptBuilder, row: Requirement, case: str) -> ClientRequest:
    control = _control(builder)
    _key_set(builder, row)
    made = builder.call("alice", "mail")
    return builder.case(case, made, control=control, **_group(row, made))


def _answered_without_upstream(builder: TranscriptBuilder, row: Requirement, case: str) -> ClientRequest:
    control = _control(builder)
    _key_set(builder, row)
    made = builder.ask("alice", "mail").answered()
    return builder.case(case, made, control=control, **_group(row, made))


def _not_admitted(builder: TranscriptBuilder, row: Requirement, case: str) -> ClientRequest:
    control = _control(builder)
    _key_set(builder, row)
    made = builder.ask("alice", "mail").answered(401)
    return builder.case(case, made, control=control, **_group(row, made))


def _request(builder: TranscriptBuilder, row: Requirement) -> ClientRequest:
    name = row.options["part"].removeprefix("header:")
    also = [(name, "of the client")] if row.options["part"].startswith("header:") else []
    return builder.ask("alice", "mail", also=also, meta={"note": {"of": "the client"}})


def _changed_request(builder: TranscriptBuilder, row: Requirement, case: str) -> TranscriptLine:
    made = _request(builder, row)
    member = row.options["part"].split(".")[1] if row.options["part"].startswith("params.") else ""
    made.arrives(changed={member: {"other": 1}} if member else {})
    builder.case(case, made.answered())
    return made.arrival


def _whole_request(builder: TranscriptBuilder, row: Requirement, case: str) -> ClientRequest:
    made = _request(builder, row)
    return builder.case(case, made.arrives(also=made.also).answered())


def _members(part: str) -> dict[str, Any]:
    """Return the member of a result that a row is about, if calls have none of that name."""
    given = {
        "result.contents": [{"uri": "test://a", "blob": "AA=="}],
        "result.messages": [{"role": "user", "content": {"type": "text", "text": "a"}}],
        "result.completion": {"values": ["a"], "total": 1, "hasMore": False},
        "result.cacheScope": "private",
    }
    return {part.removeprefix("result."): given[part]} if part in given else {}


def _response(builder: TranscriptBuilder, row: Requirement, received: Any = None) -> ClientRequest:
    """Add a call to which the upstream responds with the row's part, and the client receives `received` or the same."""
    made = builder.ask("alice", "mail")
    error = {"jsonrpc": "2.0", "id": made.rpc_id, "error": {"code": 1, "message": "", "data": {"a": None}}}
    result = made.reply("mail", _meta={"a": {}}, **_members(row.options["part"]))
    sent = error if row.options["part"].startswith("error") else result
    landed_as(made, 200, json.dumps(sent))
    return made.answered(200, sent if received is None else received)


def _changed_response(builder: TranscriptBuilder, row: Requirement, case: str) -> ClientRequest:
    error: dict[str, Any] = {"jsonrpc": "2.0", "id": 1, "error": {"code": 2, "message": ""}}
    other = {"jsonrpc": "2.0", "id": 1, "result": {}} if row.options.get("or_refused") else error
    return builder.case(case, _response(builder, row, other))


def _whole_response(builder: TranscriptBuilder, row: Requirement, case: str) -> ClientRequest:
    return builder.case(case, _response(builder, row) if "part" in row.options else builder.call("alice", "mail"))


def _marker(builder: TranscriptBuilder, row: Requirement, case: str, *, leaks: bool) -> ClientRequest | TranscriptLine:
    sent = [("x-note", "a-marker")] if leaks else []
    made = builder.ask("alice", "mail").arrives(also=sent if row.options["leg"] == "upstream" else [])
    made.answered(headers=[*JSON_HEADERS, *(sent if row.options["leg"] == "client" else [])])
    line = builder.refresh(ISSUER, "a-marker" if leaks and row.options["leg"] == "idp" else "refresh:alice:mail")
    builder.case(case, made, markers=["a-marker"], what="the marker")
    if row.options["leg"] == "idp":
        return line
    return made if row.options["leg"] == "client" else made.arrival


def _with_headers(builder: TranscriptBuilder, case: str, *sent: tuple[str, str]) -> TranscriptLine:
    made = builder.ask("alice", "mail").arrives(also=sent).answered()
    builder.case(case, made, headers=[{"x-note": "a, b", "x-other": None}])
    return made.arrival


def _expected_headers(builder: TranscriptBuilder, _row: Requirement, case: str) -> TranscriptLine:
    return _with_headers(builder, case, ("x-note", "a, b"))


def _changed_headers(builder: TranscriptBuilder, _row: Requirement, case: str) -> TranscriptLine:
    return _with_headers(builder, case, ("x-note", "a"))


def _header_twice(builder: TranscriptBuilder, _row: Requirement, case: str) -> TranscriptLine:
    return _with_headers(builder, case, ("x-note", "a, b"), ("x-note", "a, b"))


def _further_header(builder: TranscriptBuilder, _row: Requirement, case: str) -> TranscriptLine:
    return _with_headers(builder, case, ("x-note", "a, b"), ("x-other", "of another"))


def _headers_lost(builder: TranscriptBuilder, _row: Requirement, case: str) -> ClientRequest:
    made = builder.ask("alice", "mail").answered(502)
    return builder.case(case, made, headers=[{"x-note": "a, b"}])


def _once(builder: TranscriptBuilder, _row: Requirement, case: str) -> ClientRequest:
    return builder.case(case, builder.call("alice", "mail"))


def _twice(builder: TranscriptBuilder, _row: Requirement, case: str) -> TranscriptLine:
    made = builder.ask("alice", "mail").arrives().arrives()
    builder.case(case, made.answered())
    return made.arrival


def _own_answer(builder: TranscriptBuilder, row: Requirement, case: str) -> ClientRequest:
    made = builder.call("alice", "mail")
    return builder.case(case, made, **_group(row, made))


def _answer_of_another(builder: TranscriptBuilder, row: Requirement, case: str) -> TranscriptLine:
    made = builder.ask("alice", "mail").arrives(auth=["access:bob:mail"])
    builder.case(case, made.answered(), **_group(row, made))
    return made.arrival


def _of_another(builder: TranscriptBuilder, _row: Requirement, case: str) -> TranscriptLine:
    made = builder.ask("alice", "mail").arrives(auth=["access:bob:mail"])
    builder.case(case, made.answered())
    return made.arrival


def _asked_again(builder: TranscriptBuilder, row: Requirement, case: str) -> ClientRequest:
    control = _control(builder)
    made = builder.ask("alice", "mail").asked_to_consent("http://127.0.0.1:5000/oauth/connect/1")
    return builder.case(case, made, control=control, **_group(row, made))


def _with_anothers_token(builder: TranscriptBuilder, row: Requirement, case: str) -> ClientRequest:
    made = builder.ask("alice", "mail").arrives(auth=["access:bob:mail"]).answered()
    return builder.case(case, made, **_group(row, made))


def _used(builder: TranscriptBuilder, _row: Requirement, case: str) -> TranscriptLine:
    made = builder.call("alice", "mail")
    builder.case(case, made)
    return made.arrival


def _answered_500(builder: TranscriptBuilder, row: Requirement, case: str) -> ClientRequest:
    made = builder.ask("alice", "mail")
    return builder.case(case, made.failed() if row.options.get("any_status") else made.answered(500))


def _page_500(builder: TranscriptBuilder, row: Requirement, case: str) -> ClientRequest:
    if row.options.get("any_status"):
        return _answered_500(builder, row, case)
    builder.visit("alice", f"{builder.world_json['gateway']['callback_url']}?code=c&state=s", 500)
    return builder.case(case, builder.ask("alice", "mail").answered(502))


def _refreshes(builder: TranscriptBuilder, row: Requirement, case: str, *, more: int) -> TranscriptLine:
    fields = {"grant_type": row.options.get("grant", "refresh_token")}
    lines = [builder.token_request(ISSUER, fields, 503) for _ in range(row.options["max_requests"] + more)]
    builder.case(case, builder.ask("alice", "mail").answered(502))
    return lines[-1]


def _refused_then_none(builder: TranscriptBuilder, _row: Requirement, case: str) -> ClientRequest:
    return builder.case(case, builder.ask("alice", "mail").answered(502))


def _asks_for(builder: TranscriptBuilder, row: Requirement, case: str, value: str) -> TranscriptLine:
    fields = {"grant_type": row.options.get("grant", "refresh_token"), row.options["parameter"]: value}
    line = builder.issuer_request(ISSUER, row.options["endpoint"], fields)
    builder.case(case, builder.call("alice", "mail"), allowed=["a", "b"])
    return line


def _waits(builder: TranscriptBuilder, row: Requirement, case: str, *, longer: bool) -> ClientRequest:
    first = builder.call("alice", "mail")
    second = builder.call("bob", "mail")
    delayed, made = (first, second) if longer else (second, first)
    return builder.case(case, made, delayed=[delayed.exchange], **_group(row, made))


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


def _overtaken(builder: TranscriptBuilder, _row: Requirement, case: str, *, first: bool) -> ClientRequest:
    slow = builder.ask("alice", "mail")
    quick = builder.ask("alice", "mail")
    for made in (quick, slow) if first else (slow, quick):
        made.answered()
    return builder.case(case, quick, control=_control(builder) if not first else None, slow=slow.exchange)


def _counted(builder: TranscriptBuilder, _row: Requirement, case: str, *, each: bool) -> ClientRequest:
    calls = [builder.ask(user, "mail") for user in ("alice", "bob")]
    for made in calls:
        (made.arrives() if each or made is calls[0] else made).answered()
    return builder.case(case, *calls, member="mail")


def _personal(builder: TranscriptBuilder, _row: Requirement, case: str, *, own: bool) -> ClientRequest:
    made = builder.ask("alice", "mail", "tools/list").arrives(
        replies={"tools": [{"name": "of-alice" if own else "of-bob"}]}
    )
    return builder.case(case, made.answered(), marks={"alice": "of-alice", "bob": "of-bob"})


def _handshakes(builder: TranscriptBuilder, _row: Requirement, case: str, *, own: bool) -> ClientRequest:
    made = []
    for user in ("alice", "bob"):
        headers = [*JSON_HEADERS, ("Mcp-Session-Id", f"session-of-{user}" if own else "session")]
        made.append(builder.ask(user, "mail", "initialize").arrives().answered(headers=headers))
    last = builder.case(case, *made)
    last.control = None if own else made[0].seq
    return last


def _asked(builder: TranscriptBuilder, _row: Requirement, case: str) -> ClientRequest:
    return builder.case(case, builder.ask("alice", "mail").asked_to_consent(CONNECT))


def _not_asked(builder: TranscriptBuilder, _row: Requirement, case: str) -> ClientRequest:
    return builder.case(case, builder.call("alice", "mail"))


CONNECT = "http://127.0.0.1:5000/oauth/connect/1"
CALLBACK = "http://127.0.0.1:5000/oauth/callback"
ELSEWHERE = "https://evil.example/"


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


def _asked_after_consent(builder: TranscriptBuilder, _row: Requirement, case: str) -> ClientRequest:
    control = _control(builder)
    made = builder.ask("alice", "mail").asked_to_consent("http://127.0.0.1:5000/oauth/connect/1")
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


def _failed(builder: TranscriptBuilder, _row: Requirement, case: str) -> ClientRequest:
    control = _control(builder)
    return builder.case(case, builder.ask("alice", "mail").answered(500), control=control)


def _echo(builder: TranscriptBuilder, _row: Requirement, case: str) -> ClientRequest:
    control = _control(builder)
    body = {"error": "invalid_token", "error_description": "«pat:alice» is not known"}
    return builder.case(case, builder.ask("alice", "mail").answered(401, body), control=control)


CONFORMING: Mapping[str, Example] = {
    "refused": _refused,
    "accepted": _admitted,
    "forwarded": _whole_request,
    "returned": _whole_response,
    "absent": lambda builder, row, case: _marker(builder, row, case, leaks=False),
    "once": _once,
    "headers-sent": _expected_headers,
    "owned": _once,
    "recovered": _admitted,
    "consent-kept": _admitted,
    "consent-asked": _asked_again,
    "not-used": _refused_then_none,
    "orderly": _refused_then_none,
    "bounded": lambda builder, row, case: _refreshes(builder, row, case, more=0),
    "not-waiting": lambda builder, row, case: _waits(builder, row, case, longer=False),
    "parameter-allowed": lambda builder, row, case: _asks_for(builder, row, case, "b"),
    "parameter-sent": lambda builder, row, case: _issuer_request(builder, row, case, right=True),
    "granted": _admitted,
    "metadata-refused": lambda builder, row, case: _unusable_metadata(builder, row, case, used=False),
    "not-requested": _stopped,
    "own-answer": _own_answer,
    "overtakes": lambda builder, row, case: _overtaken(builder, row, case, first=True),
    "each-arrives": lambda builder, row, case: _counted(builder, row, case, each=True),
    "own-list": lambda builder, row, case: _personal(builder, row, case, own=True),
    "own-session": lambda builder, row, case: _handshakes(builder, row, case, own=True),
    "asked": _asked,
    "no-admission": lambda builder, row, case: _origin(builder, row, case, right=True),
    **{shape: lambda builder, row, case: _page(builder, row, case, right=True) for shape in PAGES},
    **response_examples.CONFORMING,
    **upstream_examples.CONFORMING,
    **dialogue_examples.CONFORMING,
    **feature_examples.CONFORMING,
    **client_examples.CONFORMING,
    **denial_examples.CONFORMING,
    **change_examples.CONFORMING,
    "answered": _refused,
    "not-echoed": _refused,
    "requests-bounded": lambda builder, row, case: _requests(builder, row, case, row.options["most"]),
}
VIOLATING: Mapping[str, Example] = {
    "refused": _admitted,
    "accepted": _not_admitted,
    "forwarded": _changed_request,
    "returned": _changed_response,
    "absent": lambda builder, row, case: _marker(builder, row, case, leaks=True),
    "once": _twice,
    "headers-sent": _changed_headers,
    "owned": _of_another,
    "recovered": _asked_again,
    "consent-kept": _asked_again,
    "consent-asked": _not_admitted,
    "not-used": _used,
    "orderly": _answered_500,
    "bounded": lambda builder, row, case: _refreshes(builder, row, case, more=1),
    "not-waiting": lambda builder, row, case: _waits(builder, row, case, longer=True),
    "parameter-allowed": lambda builder, row, case: _asks_for(builder, row, case, "b c"),
    "parameter-sent": lambda builder, row, case: _issuer_request(builder, row, case, right=False),
    "granted": _not_admitted,
    "metadata-refused": lambda builder, row, case: _unusable_metadata(builder, row, case, used=True),
    "not-requested": _went_on,
    "own-answer": _answer_of_another,
    "overtakes": lambda builder, row, case: _overtaken(builder, row, case, first=False),
    "each-arrives": lambda builder, row, case: _counted(builder, row, case, each=False),
    "own-list": lambda builder, row, case: _personal(builder, row, case, own=False),
    "own-session": lambda builder, row, case: _handshakes(builder, row, case, own=False),
    "asked": _not_asked,
    "no-admission": lambda builder, row, case: _origin(builder, row, case, right=False),
    **{shape: lambda builder, row, case: _page(builder, row, case, right=False) for shape in PAGES},
    **response_examples.VIOLATING,
    **upstream_examples.VIOLATING,
    **dialogue_examples.VIOLATING,
    **feature_examples.VIOLATING,
    **client_examples.VIOLATING,
    **denial_examples.VIOLATING,
    **change_examples.VIOLATING,
    "answered": _failed,
    "not-echoed": _echo,
    "requests-bounded": lambda builder, row, case: _requests(builder, row, case, row.options["most"] + 1),
}
OTHER_VIOLATIONS: Mapping[str, list[Example]] = {
    "granted": [_asked_after_consent],
    "accepted": [_answered_without_upstream],
    "recovered": [_not_admitted, _with_anothers_token, _answered_without_upstream],
    "consent-kept": [_with_anothers_token],
    "orderly": [_page_500],
    **response_examples.OTHER_VIOLATIONS,
    **upstream_examples.OTHER_VIOLATIONS,
    **dialogue_examples.OTHER_VIOLATIONS,
    **feature_examples.OTHER_VIOLATIONS,
    **client_examples.OTHER_VIOLATIONS,
    **denial_examples.OTHER_VIOLATIONS,
    **change_examples.OTHER_VIOLATIONS,
    "headers-sent": [_header_twice, _further_header, _headers_lost],
}


def build(kind: str, builder: TranscriptBuilder, row: Requirement, case: str) -> Any:
    """Add the example of a row's shape to a transcript: `conforming` or `violating`."""
    return (CONFORMING if kind == "conforming" else VIOLATING)[row.check or ""](builder, row, case)
