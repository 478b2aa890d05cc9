"""The shapes about lists of resources, templates and prompts: complete, unchanged, in no wider scope, for no longer time."""

from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

from gatebench.conformance.checks.answers import mapping
from gatebench.conformance.checks.probes import outcome_of
from gatebench.conformance.checks.shapes.cases import Case, ShapeRow, arrivals, of_lists
from gatebench.conformance.checks.shapes.difference import first_difference
from gatebench.conformance.checks.shapes.responses.values import ABSENT, answer_part
from gatebench.conformance.exchange import Exchange
from gatebench.conformance.outcomes import CheckContext
from gatebench.conformance.transcript import Transcript
from gatebench.fixtures.gateways.shown_names import shown_as

MOST_NAMES = 5  # names in a message
SCOPE = "result.cacheScope"


class Lists(NamedTuple):
    """The entries that an upstream lists, and those that a client found, by what identifies them."""

    case: Case
    expected: list[dict[str, Any]]
    found: dict[str, list[dict[str, Any]]]


def entries_listed(context: CheckContext, transcript: Transcript, row: ShapeRow) -> None:
    """The pages of a list hold every entry of the upstream once, and these `members` of each unchanged.

    The attempts are the pages that the client got, `original` those that the upstream sends to a client of its own, `member`
    the upstream, `key` the member of the result, `identity` what identifies an entry. On virtual servers the gateway may have
    names of its own. `newest_leg`: only if the gateway asks in 2026-07-28. What a gateway may add: see `_comparable`.
    """
    for case in of_lists(context, transcript, row):
        original = [transcript.exchanges[name] for name in case.facts["original"]]
        expected = list(_entries(original, case))
        if not expected:
            context.blocked(f"the upstream {case.facts['member']} listed nothing ({outcome_of(original[-1])})")
            continue
        found: dict[str, list[dict[str, Any]]] = {}
        for entry in _entries(case.attempts, case):
            found.setdefault(str(entry[case.facts["identity"]]), []).append(entry)
        if row.options["members"] and not any(
            _shown(transcript, case, str(one[case.facts["identity"]]), found) for one in expected
        ):
            context.blocked(f"the list shows nothing of the upstream ({case.where}; {outcome_of(case.attempts[-1])})")
            continue
        context.examined()
        if row.options["members"]:
            _unchanged(context, transcript, Lists(case, expected, found), row.options["members"])
        else:
            _complete(context, transcript, Lists(case, expected, found))


def scope_not_widened(context: CheckContext, transcript: Transcript, row: ShapeRow) -> None:
    """No page of a list is `public` that the upstream declares `private`: the pages in `original`, as for `entries-listed`."""
    for case in of_lists(context, transcript, row):
        scopes = [answer_part(transcript.exchanges[name], SCOPE) for name in case.facts["original"]]
        if "private" not in scopes:
            context.blocked(f"the upstream {case.facts['member']} declares no list as private ({case.where})")
            continue
        context.examined()
        for page in case.attempts:
            if answer_part(page, SCOPE) == "public":
                context.violation(
                    f"{page.describe()} declares the list as public ({case.where})",
                    expected="cacheScope private, as the upstream declares it, or none",
                    actual="cacheScope public",
                    at=page,
                )


def not_kept_longer(context: CheckContext, transcript: Transcript, row: ShapeRow) -> None:
    """No page of a list has a longer `ttlMs` than the upstream's pages in `original`. Without one, it is 0 (ibid., TTL Field).

    A resource (without `original`) has no longer one than the upstream's response to the same request.
    `newest_leg`: only if the gateway asks in 2026-07-28.
    """
    for case in of_lists(context, transcript, row):
        if "original" in case.facts:
            original = [transcript.exchanges[name] for name in case.facts["original"]]
        else:
            original = [one for attempt in case.attempts for one in arrivals(transcript, attempt)[-1:]]
        if not original or not all(page.succeeded for page in original):
            outcome = outcome_of(original[-1] if original else case.attempts[-1])
            context.blocked(f"the upstream {case.facts['member']} listed nothing ({outcome})")
            continue
        allowed = min(_time_to_live(page) for page in original)
        for page in case.attempts:
            context.examined()
            if _time_to_live(page) > allowed:
                context.violation(
                    f"{page.describe()} may be kept longer than the list of {case.facts['member']} ({case.where})",
                    expected=f"a ttlMs of at most {allowed}, as the upstream declares it, or none",
                    actual=f"ttlMs {_time_to_live(page)}",
                    at=page,
                )


def _time_to_live(page: Exchange) -> int:
    given = page.result.get("ttlMs")
    return given if isinstance(given, int) and given > 0 else 0


def _entries(pages: list[Exchange], case: Case) -> Iterator[dict[str, Any]]:
    for page in pages:
        listed = answer_part(page, f"result.{case.facts['key']}")
        for entry in listed if isinstance(listed, list) else []:
            if isinstance(mapping(entry).get(case.facts["identity"]), str):
                yield entry


def _shown(transcript: Transcript, case: Case, own: str, found: dict[str, Any]) -> str | None:
    member = str(case.facts["member"])
    alone = member == case.server
    preferred = [transcript.facts.spoken.tool_of(member, own, alone=alone)] if case.facts["key"] == "prompts" else []
    return shown_as(own, found, (member, *transcript.facts.members(case.server)), *preferred)


def _unchanged(context: CheckContext, transcript: Transcript, lists: Lists, members: list[str]) -> None:
    case, expected, found = lists
    for entry in expected:
        own = str(entry[case.facts["identity"]])
        for here in found.get(_shown(transcript, case, own, found) or "", [])[:1]:
            for name in members:
                given, got = _comparable(entry.get(name, ABSENT), here.get(name, ABSENT), name)
                if difference := first_difference(given, got, name):
                    context.violation(
                        f"{name} of {own} in the list of {case.facts['key']} was changed ({case.where})",
                        expected=difference[0],
                        actual=difference[1],
                        at=case.attempts[-1],
                        control=case.control,
                    )
                    return


def _comparable(given: Any, got: Any, name: str) -> tuple[Any, Any]:
    """Return two values of a member of an entry without what a gateway may choose.

    It may add members of its own to `_meta` (MCP 2025-11-25, basic, `_meta`), and no items are the same as an empty list.
    """
    if name == "_meta":
        got = {key: value for key, value in mapping(got).items() if key in mapping(given)}
        return mapping(given), got
    return (ABSENT if given == [] else given), (ABSENT if got == [] else got)


def _complete(context: CheckContext, transcript: Transcript, lists: Lists) -> None:
    case, expected, found = lists
    last = case.attempts[-1]
    owned = [str(entry[case.facts["identity"]]) for entry in expected]
    shown = {own: _shown(transcript, case, own, found) for own in owned}
    absent = [own for own, name in shown.items() if name is None]
    times = Counter({own: len(found[name]) for own, name in shown.items() if name is not None})
    # Without prefixes, prompts of two members may have the same name.
    several = [
        own for own, count in times.items() if count > 1 and (own != shown[own] or case.facts["key"] != "prompts")
    ]
    for names, what in ((absent, "are missing in"), (several, "are several times in")):
        if names:
            context.violation(
                f"{len(names)} {case.facts['key']} of {case.facts['member']} {what} the list ({case.where})",
                expected=f"each once: {', '.join(names[:MOST_NAMES])}",
                actual=f"{sum(map(len, found.values()))} entries on {len(case.attempts)} pages; {outcome_of(last)}",
                at=last,
                control=case.control,
            )
