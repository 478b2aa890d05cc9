"""Which member of a virtual server is asked for a resource that one lists and a template of another may expand to."""

from contextlib import ExitStack
from typing import Any

import pytest

from gatebench.conformance.scenarios.common import refresh
from gatebench.conformance.scenarios.feature_client import (
    OF_EACH_MEMBER,
    SEVERAL,
    FeatureClient,
    base_of,
    feature_client,
)
from gatebench.conformance.scenarios.marks import in_each_era, judged_by_cases, judged_by_groups
from gatebench.conformance.scenarios.protocol.features.test_capabilities import NOT_CONFIGURED
from gatebench.conformance.scenarios.protocol.features.test_feature_lists import added
from gatebench.fixtures.harness.scenario import Scenario
from gatebench.fixtures.harness.steps import scripted_calls
from gatebench.fixtures.world.definition import REVISIONS

CASE = "read-listed-beside-a-template"
LISTS = {"resources/list": "resources", "resources/templates/list": "resourceTemplates"}
OWNERS = [
    ("alice", "library", "web-search", "everything"),
    ("alice", "library", "everything", "web-search"),
    ("alice", "workbench", "mail", "web-search"),
    ("alice", "workbench", "web-search", "mail"),
]
"""A caller, a virtual server, the member that lists the resource, and the one with the template: in either order."""


def base_of_case(server: str, member: str) -> str:
    """Return the beginning of the URIs of one row of OWNERS: no other row has it, so that no resource moves to another member."""
    return f"test://shared-{[(one[1], one[2]) for one in OWNERS].index((server, member))}/"


def rules(member: str, uri: str, **listed: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the rules of a member that lists these entries alone, and answers each read."""
    contents = {"contents": [{"uri": uri, "text": f"of {member}"}]}
    read = {"method": "resources/read", "action": {"respond": scripted_calls.as_json(_cacheable(contents))}}
    lists = {method: {key: [listed[key]] if key in listed else []} for method, key in LISTS.items()}
    answers = {method: {"respond": scripted_calls.as_json(_cacheable(one))} for method, one in lists.items()}
    return [read, *({"method": method, "action": answer} for method, answer in answers.items())]


def _cacheable(result: dict[str, Any]) -> str:
    return scripted_calls.result_of(result).replace(scripted_calls.COMPLETE, ',"$cacheable":0')


@judged_by_cases([CASE], thorough=in_each_era)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server", "member", "beside"), OWNERS)
async def test_listed_beside_a_template(
    scenario: Scenario, *, principal: str, server: str, member: str, beside: str, revision: str
) -> None:
    """A resource that one member lists is read under the URI of the gateway's list; the other member's template matches it."""
    here = await feature_client(scenario, principal, server, member, revision)
    base = base_of_case(server, member)
    uri = base + "listed"
    listed, templates = {"uri": uri, "name": "listed"}, {"uriTemplate": base + "{name}", "name": "any"}
    with ExitStack() as scripted:
        scripted.enter_context(scenario.upstream_fault(member, *rules(member, uri, resources=listed)))
        scripted.enter_context(scenario.upstream_fault(beside, *rules(beside, uri, resourceTemplates=templates)))
        for one in (member, beside):  # both announce the change
            scripted.enter_context(added(scenario, one, "resources"))
            refresh(scenario, one)
        refresh(scenario, server)
        await here.pages("resources/templates/list")
        shown = await _shown(here, uri)
        attempt = await here.client.request("resources/read", {"uri": shown or uri})
    refresh(scenario, server)
    unless = {} if here.configured else {"inapplicable": NOT_CONFIGURED}
    here.case(CASE, attempt, capability="resources", shown=shown, own={"uri": uri}, **unless)


async def _shown(here: FeatureClient, uri: str) -> str | None:
    """Return the URI of the resource in the gateway's list; None if that has it under no such URI."""
    pages = await here.pages("resources/list")
    entries = [one for page in pages for one in page.result.get("resources") or [] if isinstance(one, dict)]
    named = [str(one["uri"]) for one in entries if str(one.get("uri", "")).endswith(uri.rpartition("://")[2])]
    return named[0] if len(named) == 1 else None


LATER = {"later-pages": ["read-of-a-later-page", "prompt-of-a-later-page"]}


@judged_by_groups(LATER, thorough=in_each_era)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server", "member"), [*OF_EACH_MEMBER, *SEVERAL])
@pytest.mark.parametrize("case", list(LATER))
async def test_of_a_later_page(
    scenario: Scenario, *, case: str, principal: str, server: str, member: str, revision: str
) -> None:
    """A resource and a prompt that are new, and on the last of many pages of their list, are read and got."""
    uri, name = f"{base_of(member)}added/added-resources", "added-prompts"
    with scenario.pages(member, 1), added(scenario, member, "resources", "prompts"):
        for one in dict.fromkeys((member, server)):
            refresh(scenario, one)
        here = await feature_client(scenario, principal, server, member, revision)
        shown = await _if_listed(here, "resources", uri), await _if_listed(here, "prompts", name)
        read = await here.client.request("resources/read", {"uri": shown[0] or uri})
        prompt = await here.client.request("prompts/get", {"name": shown[1] or name})
    for one in dict.fromkeys((member, server)):
        refresh(scenario, one)
    unless = {} if here.configured else {"inapplicable": NOT_CONFIGURED}
    here.case(LATER[case][0], read, capability="resources", shown=shown[0], **unless)
    here.case(LATER[case][1], prompt, capability="prompts", shown=shown[1], **unless)


async def _if_listed(here: FeatureClient, kind: str, own: str) -> str | None:
    """Return the URI or the name of an entry in the gateway's list; None if that does not have it (yet)."""
    if not here.alone:
        return await (here.uri(own.removeprefix(base_of(here.member))) if kind == "resources" else here.prompt(own))
    entries = [one for page in await here.pages(f"{kind}/list") for one in page.result.get(kind) or []]
    return own if any(isinstance(one, dict) and own in (one.get("uri"), one.get("name")) for one in entries) else None
