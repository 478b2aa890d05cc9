"""The shapes by name, with the options that each one takes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from gatebench.conformance.checks.shapes import (
    arrivals,
    changes,
    consents,
    denials,
    grants,
    headers,
    issuer_requests,
    ownership,
    pages,
    pairs,
    refusals,
    responses,
    upstream_responses,
    values,
)
from gatebench.conformance.checks.shapes.cases import ShapeRow
from gatebench.conformance.outcomes import CheckContext
from gatebench.conformance.transcript import Transcript

ShapeCheck = Callable[[CheckContext, Transcript, ShapeRow], None]


@dataclass(frozen=True)
class Shape:
    """A check for rows: `required` and `optional` name its options."""

    check: ShapeCheck
    required: frozenset[str] = frozenset()
    optional: frozenset[str] = frozenset()


def _shape(check: ShapeCheck, required: str = "", optional: str = "") -> Shape:
    return Shape(check, frozenset(required.split()), frozenset(optional.split()))


SHAPES: Mapping[str, Shape] = {
    "refused": _shape(refusals.refused, optional="forms key_set"),
    "accepted": _shape(refusals.admitted, optional="group key_set"),
    "answered": _shape(refusals.answered),
    "not-echoed": _shape(refusals.not_echoed),
    "forwarded": _shape(values.forwarded, "part", "exact"),
    "returned": _shape(values.returned, "part", "exact kept message_within"),
    "same-id": _shape(responses.same_id),
    "no-result": _shape(responses.no_result),
    "listed": _shape(responses.listed, "members"),
    "absent": _shape(values.absent, "leg"),
    "once": _shape(values.once),
    "headers-sent": _shape(headers.headers_sent),
    "owned": _shape(ownership.owned),
    "recovered": _shape(ownership.recovered, optional="max_requests group consent_after_401"),
    "consent-kept": _shape(grants.consent_kept, optional="group"),
    "consent-asked": _shape(grants.consent_asked, optional="group"),
    "not-used": _shape(grants.not_used),
    "orderly": _shape(grants.orderly, optional="any_status"),
    "bounded": _shape(grants.bounded, "max_requests", "grant"),
    "not-waiting": _shape(grants.not_waiting, optional="group"),
    "parameter-sent": _shape(issuer_requests.parameter_sent, "endpoint parameter", "grant absent words"),
    "parameter-allowed": _shape(issuer_requests.parameter_allowed, "endpoint parameter", "grant"),
    "granted": _shape(consents.granted),
    "metadata-refused": _shape(consents.metadata_refused, "defect"),
    "own-answer": _shape(pairs.own_answer),
    "overtakes": _shape(pairs.overtakes),
    "each-arrives": _shape(pairs.each_arrives),
    "own-list": _shape(pairs.own_list),
    "own-session": _shape(pairs.own_session),
    "asked": _shape(pairs.asked),
    "destinations": _shape(pages.destinations),
    "not-reflected": _shape(pages.not_reflected),
    "no-admission": _shape(pages.no_admission, optional="preflight"),
    "nothing-secret": _shape(pages.nothing_secret, optional="states"),
    "sent-with": _shape(pages.sent_with, "header values", "external"),
    "no-server-error": _shape(pages.no_server_error),
    "not-requested": _shape(issuer_requests.not_requested, "endpoints", "issuer grant"),
    "requests-bounded": _shape(issuer_requests.requests_bounded, "endpoint issuer most"),
    "as-control": _shape(upstream_responses.as_control, optional="or_refused group"),
    "answered-completely": _shape(upstream_responses.answered, optional="group or_relayed"),
    "coding-accepted": _shape(upstream_responses.coding_accepted),
    "not-redirected": _shape(upstream_responses.not_redirected),
    "not-repeated": _shape(arrivals.not_repeated),
    "few-requests": _shape(arrivals.few, "max_requests", "http_method"),
    "no-credential": _shape(arrivals.no_credential),
    "header-sent": _shape(arrivals.header_sent, "name"),
    "own-cookies": _shape(arrivals.own_cookies),
    "cookies-in-scope": _shape(arrivals.cookies_in_scope),
    "nothing-arrives": _shape(denials.nothing_arrives),
    "not-listed": _shape(denials.not_listed),
    "no-internals": _shape(denials.no_internals, "what"),
    "no-session": _shape(denials.no_session),
    "same-refusal": _shape(denials.same_refusal),
    "kept-or-ended": _shape(changes.kept_or_ended),
    "fresh-session": _shape(changes.fresh_session),
    "arrives-at": _shape(changes.arrives_at, optional="accepted"),
    "credential-used": _shape(changes.credential_used),
}
