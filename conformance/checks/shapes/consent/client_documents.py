"""The shape about Client ID Metadata Documents: what the gateway publishes at the URL that is its client id."""

from collections.abc import Callable
from typing import Any

from gatebench.conformance.checks.shapes.cases import Case, ShapeRow, at_own_issuers, with_control
from gatebench.conformance.checks.shapes.consent.issuer_requests import form_fields
from gatebench.conformance.checks.shapes.consent.ownership import endpoint_of
from gatebench.conformance.exchange import Exchange
from gatebench.conformance.outcomes import CheckContext
from gatebench.conformance.transcript import Transcript
from gatebench.fixtures.protocol.messages import media_type, parse_json
from gatebench.fixtures.protocol.urls import split_url
from gatebench.fixtures.recording.labels import parse_with_labels

SECRETS = ("client_secret", "client_secret_expires_at")
WITH_A_SECRET = ("client_secret_basic", "client_secret_post", "client_secret_jwt")


def client_document(context: CheckContext, transcript: Transcript, row: ShapeRow) -> None:
    """The document at the URL of an authorization request's client id has what `part` is about.

    The scenario records the exchange `document` in which it read that URL without a credential, and `forged`: those with
    forwarding headers. A part of the document is judged if there is one.
    """
    part = row.options["part"]
    for case in with_control(context, transcript, row):
        asked = [x for x in at_own_issuers(transcript, case) if endpoint_of(x) == "authorize"]
        document = transcript.exchanges.get(case.facts["document"] or "")
        if not asked:
            context.blocked(f"no authorization request during the case {case.where}")
            continue
        sent = dict(form_fields(asked[0]))
        if ":" not in sent.get("client_id", ""):
            context.inapplicable(f"the gateway uses another client id than the URL of a document ({case.where})")
        elif part == "url":
            context.examined()
            if problem := problem_of_url(sent.get("client_id", "")):
                _report(context, case, asked[0], f"the client id {problem}", "an https URL with a path")
        elif document is None:
            context.inapplicable(f"the document is at a host that the bench does not read from ({case.where})")
        else:
            forged = [transcript.exchanges[name] for name in case.facts["forged"] if name in transcript.exchanges]
            _judge(context, case, part, sent, [document, *forged])


def problem_of_url(client_id: str) -> str | None:
    """Return what makes a URL unusable as client id (section 3 of the draft); None if it is usable."""
    try:
        parts = parse_with_labels(client_id, split_url)
    except ValueError:
        return "is no URL"
    if parts.scheme not in ("https", "http") or not parts.hostname:
        return "is no URL of the scheme https"
    if "@" in parts.netloc:
        return "has a user name"
    if "#" in client_id:
        return "has a fragment"
    if not parts.path:
        return "has no path"
    return "has a dot segment" if {".", ".."} & set(parts.path.split("/")) else None


def _judge(context: CheckContext, case: Case, part: str, sent: dict[str, str], read: list[Exchange]) -> None:
    """Judge the document; `read`: its exchange, and those with forged headers."""
    exchange = read[0]
    if part == "available":
        context.examined()
        if exchange.status != 200:
            _report(context, case, exchange, f"the document was answered with {exchange.status}", "status 200")
        return
    found = _document(exchange)
    if found is None:
        context.blocked(f"there is no document ({case.where})")
    elif part == "unforged":
        for forged in read[1:]:
            other = _document(forged)
            context.examined()
            if other is not None and _identity(other) != _identity(found):
                _report(context, case, forged, f"the document names {_identity(other)}", f"{_identity(found)}")
    else:
        context.examined()
        if problem := _PROBLEMS[part](found, sent, exchange):
            _report(context, case, exchange, f"the document {problem}", _EXPECTED[part])


def _document(exchange: Exchange) -> dict[str, Any] | None:
    value = parse_json(exchange.body) if exchange.status == 200 and exchange.readable else None
    return value if isinstance(value, dict) else None


def _identity(document: dict[str, Any]) -> tuple[Any, Any]:
    return document.get("client_id"), document.get("redirect_uris")


def _of_id(found: dict[str, Any], sent: dict[str, str], _exchange: Exchange) -> str | None:
    named = found.get("client_id")
    return (
        None
        if named == sent.get("client_id")
        else f"has the client_id {named!r}, and its URL is {sent.get('client_id')}"
    )


def _of_redirect(found: dict[str, Any], sent: dict[str, str], _exchange: Exchange) -> str | None:
    uris = found.get("redirect_uris")
    listed = isinstance(uris, list) and sent.get("redirect_uri") in uris
    return None if listed else f"has the redirect_uris {uris!r}, and the request has {sent.get('redirect_uri')}"


def _of_name(found: dict[str, Any], _sent: dict[str, str], _exchange: Exchange) -> str | None:
    name = found.get("client_name")
    return None if isinstance(name, str) and name else f"has the client_name {name!r}"


def _of_secret(found: dict[str, Any], _sent: dict[str, str], _exchange: Exchange) -> str | None:
    secret = next((name for name in SECRETS if name in found), None)
    method = found.get("token_endpoint_auth_method")
    return f"has {secret}" if secret else f"names the method {method}" if method in WITH_A_SECRET else None


def _of_type(_found: dict[str, Any], _sent: dict[str, str], exchange: Exchange) -> str | None:
    kind = media_type(exchange.response_headers)
    return None if kind == "application/json" or kind.endswith("+json") else f"is sent as {kind or 'no type'}"


_PROBLEMS: dict[str, Callable[[dict[str, Any], dict[str, str], Exchange], str | None]] = {
    "client-id": _of_id,
    "redirect-uri": _of_redirect,
    "name": _of_name,
    "secret": _of_secret,
    "media-type": _of_type,
}
_EXPECTED = {
    "client-id": "the URL of the document, character for character",
    "redirect-uri": "the redirect URI of the authorization request",
    "name": "a name for the users",
    "secret": "a client without a shared secret",
    "media-type": "application/json, or a type that ends in +json",
}
PARTS = ("url", "available", *_PROBLEMS, "unforged")


def _report(context: CheckContext, case: Case, at: Exchange, problem: str, expected: str) -> None:
    context.violation(f"{problem} ({case.where})", expected=expected, actual=problem, at=at, control=case.control)
