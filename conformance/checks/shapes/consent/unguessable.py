"""The shape about values of a consent that must not be guessed: states of authorization requests, and links."""

from collections.abc import Iterator

from gatebench.conformance.checks.probes import consent_urls
from gatebench.conformance.checks.shapes.cases import Case, ShapeRow, during, with_control
from gatebench.conformance.checks.shapes.consent.issuer_requests import form_fields
from gatebench.conformance.checks.shapes.consent.ownership import endpoint_of
from gatebench.conformance.checks.shapes.session_ids import SHORTEST, varying_characters
from gatebench.conformance.exchange import Exchange
from gatebench.conformance.outcomes import CheckContext
from gatebench.conformance.transcript import Transcript


def consent_unguessable(context: CheckContext, transcript: Transcript, row: ShapeRow) -> None:
    """The values of the case differ, in more than a few characters. `what`: `state` or `link`.

    Links count if a browser that shows nothing else (no cookie, no credential) is led on by them; each user has one.
    """
    find = _states if row.options["what"] == "state" else _links
    for case in with_control(context, transcript, row):
        found = find(transcript, case)
        values = [value for value, _ in found]
        if len(found) < 2:
            context.inapplicable(f"the gateway gave fewer than two such values ({case.where})")
            continue
        context.examined()
        last = found[-1][1]
        repeated = len(set(values)) < len(values)
        varying = 0 if repeated else varying_characters(values)
        if repeated or varying < SHORTEST:
            what = "one value was given twice" if repeated else f"they differ in {varying} characters only"
            context.violation(
                f"the {row.options['what']}s of {len(found)} consents can be guessed from each other ({case.where})",
                expected="a value of its own for each, that cannot be guessed",
                actual=what,
                at=last,
                control=case.control,
            )


def _states(transcript: Transcript, case: Case) -> list[tuple[str, Exchange]]:
    asked = [x for x in during(transcript, case, "idp") if endpoint_of(x) == "authorize"]
    own = [x for x in asked if x.node in transcript.facts.issuers(case.server)]
    states = ((dict(form_fields(x)).get("state"), x) for x in own)
    seen: dict[str, tuple[str, Exchange]] = {}
    # A browser that has to sign in sends the same request twice.
    for state, exchange in states:
        if state:
            seen.setdefault(exchange.target, (state, exchange))
    return list(seen.values())


def _links(transcript: Transcript, case: Case) -> list[tuple[str, Exchange]]:
    followed = {x.target for x in during(transcript, case, "client") if _alone(x)}
    by_user: dict[str, tuple[str, Exchange]] = {}
    for user, url, exchange in _given(transcript, case):
        if url in followed:
            by_user.setdefault(user, (url, exchange))
    return list(by_user.values())


def _alone(exchange: Exchange) -> bool:
    """Return whether a browser followed a link without anything else that tells who it is, and was led on."""
    shown = [*exchange.header("cookie"), *exchange.header("authorization")]
    return exchange.tags.get("client") == "browser" and not shown and 200 <= (exchange.status or 0) < 400


def _given(transcript: Transcript, case: Case) -> Iterator[tuple[str, str, Exchange]]:
    for exchange in during(transcript, case, "client"):
        for url in consent_urls(transcript, exchange)[:1]:
            yield str(exchange.tags.get("principal")), url, exchange
