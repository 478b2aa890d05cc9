"""Shapes about consent: that it is given and works, and that no consent is begun with metadata that must not be used."""

import json
from collections.abc import Iterator
from typing import Any

from gatebench.conformance.checks.probes import asked_for_consent, consent_urls, outcome_of
from gatebench.conformance.checks.shapes.cases import Case, ShapeRow, at_own_issuers, during, with_control
from gatebench.conformance.checks.shapes.consent.ownership import endpoint_of
from gatebench.conformance.exchange import Exchange
from gatebench.conformance.outcomes import CheckContext
from gatebench.conformance.transcript import Transcript
from gatebench.fixtures.protocol.urls import split_url
from gatebench.fixtures.recording.labels import parse_with_labels

BEGINNINGS = ("authorize", "token", "register")


def granted(context: CheckContext, transcript: Transcript, row: ShapeRow) -> None:
    """After the user has given consent every attempt reaches the upstream and succeeds, without a further consent.

    `after`: only if the gateway has sent a request to this endpoint of the authorization server during the case.
    """
    for case in with_control(context, transcript, row):
        after = row.options.get("after")
        if after and not any(endpoint_of(one) == after for one in at_own_issuers(transcript, case)):
            context.inapplicable(f"the gateway sent no request to the endpoint {after} ({case.where})")
            continue
        for attempt in case.attempts:
            context.examined()
            asked = asked_for_consent(transcript, attempt)
            if attempt.succeeded and not transcript.landed(attempt.nonce):
                context.violation(
                    f"{attempt.describe()} with {case.where} was answered without the upstream",
                    expected="the upstream receives the call",
                    actual="no request with its nonce arrived",
                    at=attempt,
                    control=case.control,
                )
            elif asked or not attempt.succeeded:
                context.violation(
                    f"{case.principal} {'is asked for consent again' if asked else 'cannot call'} at {case.server} after the "
                    f"consent with {case.where}",
                    expected="the call succeeds",
                    actual=outcome_of(attempt),
                    at=attempt,
                    control=case.control,
                )


def metadata_refused(context: CheckContext, transcript: Transcript, row: ShapeRow) -> None:
    """With metadata that have the `defect` the gateway begins no authorization at that issuer, neither itself nor by a link.

    `defect`: `issuer` (the document names another issuer), `pkce` (S256 is not announced), `endpoint` (the authorization
    endpoint is no web address). Only metadata that the gateway has read during the case count.
    """
    for case in with_control(context, transcript, row):
        issuer = transcript.facts.world["upstreams"][case.server]["auth"]["issuer"]
        read = [(x, document) for x, document in _documents(transcript, case) if x.node == issuer]
        if not read:
            context.inapplicable(f"the gateway read no metadata of {issuer} during the case {case.where}")
        if not read or not _has_defect(row.options["defect"], transcript, issuer, read[-1][1]):
            continue
        context.examined()
        reader, document = read[-1]
        for exchange in _used(transcript, case, issuer, reader.seq, document):
            context.violation(
                f"the gateway went on with metadata of {issuer} that must not be used ({case.where})",
                expected="an error, and no authorization request",
                actual=f"{exchange.method} {exchange.target[:200]}",
                at=exchange,
                control=case.control,
            )


def _documents(transcript: Transcript, case: Case) -> Iterator[tuple[Exchange, dict[str, Any]]]:
    for exchange in during(transcript, case, "idp"):
        if endpoint_of(exchange) == "metadata" and exchange.status == 200:
            document = _parsed(exchange.body)
            if isinstance(document, dict):
                yield exchange, document


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


def _has_defect(defect: str, transcript: Transcript, issuer: str, document: dict[str, Any]) -> bool:
    if defect == "issuer":
        return bool(document.get("issuer") != transcript.facts.world["issuers"][issuer]["issuer"])
    if defect == "pkce":
        methods = document.get("code_challenge_methods_supported")
        return not isinstance(methods, list) or "S256" not in methods
    return parse_with_labels(str(document.get("authorization_endpoint")), split_url).scheme not in ("http", "https")


def _used(transcript: Transcript, case: Case, issuer: str, since: int, document: dict[str, Any]) -> Iterator[Exchange]:
    """Yield the requests to the issuer, and the responses that send a browser to the document's authorization endpoint."""
    endpoint = str(document.get("authorization_endpoint") or "no endpoint").lower()
    for exchange in during(transcript, case, "idp"):
        if exchange.seq > since and exchange.node == issuer and endpoint_of(exchange) in BEGINNINGS:
            yield exchange
    for exchange in during(transcript, case, "client"):
        urls = [*exchange.response_header("location"), *consent_urls(transcript, exchange)]
        if any(url.lower().startswith(endpoint) for url in urls):
            yield exchange
