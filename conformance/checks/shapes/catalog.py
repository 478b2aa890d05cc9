"""The shapes by name, with the options that each one takes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from gatebench.conformance.checks.shapes import changes, session_ids
from gatebench.conformance.checks.shapes.cases import ShapeRow
from gatebench.conformance.checks.shapes.consent import (
    client_documents,
    consents,
    grants,
    issuer_requests,
    ownership,
    pages,
    unguessable,
)
from gatebench.conformance.checks.shapes.features import capabilities, feature_lists, notifications
from gatebench.conformance.checks.shapes.interaction import announcements, event_streams, input_rounds, server_requests
from gatebench.conformance.checks.shapes.requests import arrivals, client_requests, headers, trace
from gatebench.conformance.checks.shapes.responses import (
    denials,
    pairs,
    refusals,
    responses,
    upstream_errors,
    upstream_responses,
    values,
)
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
    "forwarded": _shape(values.forwarded, "part", "exact or_refused if_arrived at_member"),
    "returned": _shape(values.returned, "part", "exact kept message_within or_refused if_arrived"),
    "same-id": _shape(responses.same_id, optional="as_first"),
    "called": _shape(responses.called, optional="or_refused"),
    "own-params": _shape(values.own_params),
    "of-its-uri": _shape(responses.of_its_uri),
    "no-result": _shape(responses.no_result),
    "listed": _shape(responses.listed, "members", "newest_leg"),
    "absent": _shape(values.absent, "leg"),
    "once": _shape(values.once, optional="if_at_all"),
    "headers-sent": _shape(headers.headers_sent),
    "headers-of-each-kind": _shape(headers.headers_of_each_kind, optional="of_the_session"),
    "name-mirrored": _shape(headers.name_mirrored),
    "owned": _shape(ownership.owned),
    "recovered": _shape(ownership.recovered, optional="max_requests group consent_after_401 client_refused"),
    "consent-kept": _shape(grants.consent_kept, optional="group"),
    "consent-asked": _shape(grants.consent_asked, optional="group"),
    "not-used": _shape(grants.not_used),
    "orderly": _shape(grants.orderly, optional="any_status asked"),
    "bounded": _shape(grants.bounded, "max_requests", "grant within"),
    "not-waiting": _shape(grants.not_waiting, optional="group"),
    "parameter-sent": _shape(issuer_requests.parameter_sent, "endpoint parameter", "grant absent words"),
    "parameter-allowed": _shape(issuer_requests.parameter_allowed, "endpoint parameter", "grant"),
    "granted": _shape(consents.granted, optional="after"),
    "metadata-refused": _shape(consents.metadata_refused, "defect"),
    "client-document": _shape(client_documents.client_document, "part"),
    "consent-unguessable": _shape(unguessable.consent_unguessable, "what"),
    "own-answer": _shape(pairs.own_answer, optional="group without_attempts or_refused"),
    "overtakes": _shape(pairs.overtakes, optional="without_attempts"),
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
    "as-control": _shape(upstream_responses.as_control, optional="or_refused group without_attempts"),
    "answered-completely": _shape(upstream_responses.answered, optional="group or_relayed"),
    "coding-accepted": _shape(upstream_responses.coding_accepted),
    "readable": _shape(upstream_errors.readable),
    "field-kept": _shape(upstream_errors.field_kept, "name statuses"),
    "not-redirected": _shape(upstream_responses.not_redirected),
    "not-repeated": _shape(arrivals.not_repeated),
    "few-requests": _shape(arrivals.few, "max_requests", "http_method"),
    "no-credential": _shape(arrivals.no_credential),
    "header-sent": _shape(arrivals.header_sent, "name"),
    "own-cookies": _shape(arrivals.own_cookies),
    "cookies-in-scope": _shape(arrivals.cookies_in_scope),
    "client-asked": _shape(server_requests.client_asked),
    "request-kept": _shape(server_requests.request_kept),
    "reply-kept": _shape(server_requests.reply_kept),
    "own-reply": _shape(server_requests.own_reply),
    "nothing-of-others": _shape(server_requests.nothing_of_others),
    "answered-ping": _shape(server_requests.answered_ping),
    "not-asked": _shape(server_requests.not_asked),
    "roots-reported": _shape(server_requests.roots_reported),
    "client-capabilities-kept": _shape(server_requests.capabilities_kept, "direction"),
    "input-returned": _shape(input_rounds.input_returned),
    "state-kept": _shape(input_rounds.state_kept),
    "input-forwarded": _shape(input_rounds.input_forwarded),
    "state-refused": _shape(input_rounds.state_refused),
    "call-notified": _shape(event_streams.notified, "method part"),
    "as-they-come": _shape(event_streams.as_they_come),
    "announced": _shape(event_streams.announced, optional="again"),
    "announced-once": _shape(announcements.announced_once),
    "subscribed": _shape(event_streams.subscribed),
    "acknowledged": _shape(event_streams.acknowledged),
    "only-asked-for": _shape(event_streams.only_asked_for),
    "completed": _shape(event_streams.completed),
    "resumed-once": _shape(event_streams.resumed_once),
    "left-upstream": _shape(event_streams.left_upstream),
    "listening-goes-on": _shape(event_streams.listening_goes_on),
    "entries-listed": _shape(feature_lists.entries_listed, "members", "newest_leg"),
    "scope-not-widened": _shape(feature_lists.scope_not_widened),
    "not-kept-longer": _shape(feature_lists.not_kept_longer, optional="newest_leg"),
    "capabilities-kept": _shape(capabilities.capabilities_kept, optional="parts"),
    "capabilities-not-added": _shape(capabilities.capabilities_not_added),
    "announced-works": _shape(capabilities.announced_works),
    "nothing-invented": _shape(capabilities.nothing_invented),
    "error-code": _shape(capabilities.error_code, "codes"),
    "another-revision": _shape(capabilities.another_revision),
    "described": _shape(capabilities.described),
    "notified": _shape(notifications.notified, optional="if_subscribed"),
    "subscription-accepted": _shape(notifications.subscription_accepted),
    "notified-only": _shape(notifications.notified_only),
    "log-messages-kept": _shape(notifications.log_messages_kept),
    "new-id": _shape(session_ids.new_id),
    "level-in-session": _shape(notifications.level_in_session),
    "not-on-session": _shape(session_ids.not_on_session),
    "at-their-upstream": _shape(session_ids.at_their_upstream),
    "unguessable": _shape(session_ids.unguessable),
    "nameless": _shape(session_ids.nameless),
    "upstream-ended": _shape(session_ids.upstream_ended),
    "stateless": _shape(session_ids.stateless),
    "stream-ended": _shape(session_ids.stream_ended),
    "trace-valid": _shape(trace.trace_valid),
    "own-trace": _shape(trace.own_trace),
    "trace-complete": _shape(trace.trace_complete),
    "baggage-complete": _shape(trace.baggage_complete),
    "trace-agrees": _shape(trace.trace_agrees),
    "only-baggage": _shape(trace.only_baggage),
    "turned-away": _shape(client_requests.turned_away, optional="or_closed statuses"),
    "runs-nothing": _shape(client_requests.runs_nothing),
    "served": _shape(client_requests.served, optional="or_refused refusals or_closed group upstream_accepts"),
    "no-fault-of-server": _shape(client_requests.no_fault_of_the_server),
    "responded": _shape(client_requests.responded, optional="or_closed group"),
    "runs-once": _shape(client_requests.runs_once),
    "kept-out": _shape(client_requests.kept_out),
    "kept-from": _shape(client_requests.kept_from),
    "not-smuggled": _shape(client_requests.not_smuggled),
    "error-formed": _shape(client_requests.error_formed, optional="without_id"),
    "nothing-arrives": _shape(denials.nothing_arrives),
    "not-listed": _shape(denials.not_listed),
    "withheld": _shape(denials.withheld, "part"),
    "no-internals": _shape(denials.no_internals, "what"),
    "no-session": _shape(denials.no_session),
    "same-refusal": _shape(denials.same_refusal),
    "kept-or-ended": _shape(changes.kept_or_ended),
    "fresh-session": _shape(changes.fresh_session),
    "arrives-at": _shape(changes.arrives_at, optional="accepted"),
    "credential-used": _shape(changes.credential_used),
}
