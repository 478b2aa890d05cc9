"""Shapes about requests to upstreams: how often, with which header fields, and with whose cookies."""

from collections.abc import Iterator
from urllib.parse import parse_qsl

from gatebench.conformance.checks.probes import outcome_of
from gatebench.conformance.checks.shapes.cases import Case, ShapeRow, during, with_control
from gatebench.conformance.exchange import Exchange
from gatebench.conformance.outcomes import CheckContext
from gatebench.conformance.transcript import Transcript
from gatebench.fixtures.recording.labels import parse_with_labels

SESSION = "mcp-session-id"


def not_repeated(context: CheckContext, transcript: Transcript, row: ShapeRow) -> None:
    """Every attempt arrives at most once, and once if it succeeded; arrivals that the upstream redirects do not count."""
    for case in with_control(context, transcript, row):
        for attempt in case.attempts:
            context.examined()
            landed = [one for one in _arrivals(transcript, attempt) if not 300 <= (one.status or 0) < 400]
            if len(landed) > 1 or (not landed and attempt.succeeded):
                context.violation(
                    f"{attempt.describe()} with {case.where} arrived {len(landed)} times",
                    expected="it arrives once, or not at all and is refused",
                    actual=f"{len(landed)} arrivals; the client got {outcome_of(attempt)}",
                    at=landed[-1] if landed else attempt,
                    control=case.control,
                )


def _arrivals(transcript: Transcript, attempt: Exchange) -> list[Exchange]:
    return [one for one in transcript.landed(attempt.nonce) if one.rpc_method == attempt.rpc_method]


def few(context: CheckContext, transcript: Transcript, row: ShapeRow) -> None:
    """The upstream receives at most `max_requests` during the case (`http_method`: of this HTTP method).

    With the fact `node` only requests to this upstream count.
    """
    most, method = row.options["max_requests"], row.options.get("http_method")
    for case in with_control(context, transcript, row):
        context.examined()
        sent = [one for one in during(transcript, case, "upstream") if method in (None, one.method)]
        sent = [one for one in sent if case.facts.get("node") in (None, one.node)]
        if len(sent) > most:
            context.violation(
                f"the gateway sent {len(sent)} {method or ''} requests upstream ({case.where})",
                expected=f"at most {most}",
                actual=f"{len(sent)} requests",
                at=sent[most],
                control=case.control,
            )


def no_credential(context: CheckContext, transcript: Transcript, row: ShapeRow) -> None:
    """What arrives at the upstream in the case's fact `elsewhere` during the case carries no credential."""
    for case in with_control(context, transcript, row):
        context.examined()
        for one in during(transcript, case, "upstream"):
            found = transcript.labels(one.request_text) if one.node == case.facts["elsewhere"] else []
            if found:
                context.violation(
                    f"a credential went with a request of {case.server} to {one.node} ({case.where})",
                    expected="a credential is for the origin that it was configured for",
                    actual=f"{one.describe()} arrived with {', '.join(sorted(set(found)))}",
                    at=one,
                    control=case.control,
                )


def at_address(context: CheckContext, transcript: Transcript, row: ShapeRow) -> None:
    """What arrives at the upstream in the fact `node` during the case has the path and query in the fact `target`.

    Those are requests of the attempts, and any in a session that was opened in the case. A gateway may end older sessions, and
    listen to them, where they were opened.
    """
    for case in with_control(context, transcript, row):
        arrived = [one for one in during(transcript, case, "upstream") if one.node == case.facts["node"]]
        opened = {name for one in arrived for name in _opened(one)}
        own = {attempt.nonce for attempt in case.attempts if attempt.nonce}
        for one in arrived:
            if one.nonce not in own and not opened.intersection(one.header(SESSION)):
                continue
            context.examined()
            if not same_target(one.target, case.facts["target"]):
                context.violation(
                    f"{one.describe()} reached {one.node} at another address ({case.where})",
                    expected=case.facts["target"],
                    actual=one.target,
                    at=one,
                    control=case.control,
                )


def _opened(exchange: Exchange) -> list[str]:
    return exchange.response_header(SESSION) if exchange.rpc_method == "initialize" else []


def same_target(one: str, other: str) -> bool:
    """Return whether two targets have the same path, and the same query however its values are encoded."""
    (path, _, query), (other_path, _, other_query) = one.partition("?"), other.partition("?")
    return path == other_path and parse_with_labels(query, _pairs) == parse_with_labels(other_query, _pairs)


def _pairs(query: str) -> list[tuple[str, str]]:
    return parse_qsl(query, keep_blank_values=True)


def header_sent(context: CheckContext, transcript: Transcript, row: ShapeRow) -> None:
    """Every arrival of an attempt at the upstream in the fact `node` has the header `name` with the value in the fact `expected`.

    If that fact is null it has no such header. A refused arrival (4xx) does not count if the gateway tried again with success.
    """
    name = row.options["name"]
    for case in with_control(context, transcript, row):
        for one in _at_node(transcript, case):
            context.examined()
            expected, values = case.facts["expected"], one.header(name)
            if values != ([] if expected is None else [expected]):
                context.violation(
                    f"{one.describe()} reached {one.node} with a wrong {name} ({case.where})",
                    expected=f"{name}: {expected}" if expected else f"no header {name}",
                    actual=f"{name}: {', '.join(values)}" if values else f"no header {name}",
                    at=one,
                    control=case.control,
                )


def _at_node(transcript: Transcript, case: Case) -> Iterator[Exchange]:
    for attempt in case.attempts:
        arrivals = [one for one in transcript.landed(attempt.nonce) if one.node == case.facts["node"]]
        served = [one for one in arrivals if not 400 <= (one.status or 0) < 500]
        yield from served or arrivals


def own_cookies(context: CheckContext, transcript: Transcript, row: ShapeRow) -> None:
    """A cookie in a request to an upstream was set in a response to a request of the same caller."""
    for case in with_control(context, transcript, row):
        given: dict[str, str] = {}
        for one in during(transcript, case, "upstream"):
            context.examined()
            caller = transcript.caller_of(one)
            for cookie in _cookies(one):
                owner = given.get(cookie)
                if caller and owner and owner != caller:
                    context.violation(
                        f"a request of {caller} reached {one.node} with a cookie of {owner} ({case.where})",
                        expected="a cookie that the upstream set for one caller is sent for no other",
                        actual=f"Cookie: {cookie}",
                        at=one,
                        control=case.control,
                    )
            if caller:
                set_now = (value.partition(";")[0].strip() for value in one.response_header("set-cookie"))
                given.update(dict.fromkeys(set_now, caller))


def cookies_in_scope(context: CheckContext, transcript: Transcript, row: ShapeRow) -> None:
    """No request to an upstream has one of the cookies in the fact `out_of_scope`: prefixes of `name=value`."""
    for case in with_control(context, transcript, row):
        for one in during(transcript, case, "upstream"):
            context.examined()
            for cookie in _cookies(one):
                if cookie.startswith(tuple(case.facts["out_of_scope"])):
                    context.violation(
                        f"{one.describe()} reached {one.node} with a cookie of another scope ({case.where})",
                        expected="a cookie goes to the domain and below the path that it was set for",
                        actual=f"Cookie: {cookie}",
                        at=one,
                        control=case.control,
                    )


def _cookies(exchange: Exchange) -> Iterator[str]:
    for value in exchange.header("cookie"):
        yield from (one.strip() for one in value.split(";") if one.strip())
