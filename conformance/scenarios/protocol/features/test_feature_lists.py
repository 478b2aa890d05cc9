"""Lists of resources, templates and prompts: in pages, and after a change."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from gatebench.conformance.scenarios.common import LEAKS
from gatebench.conformance.scenarios.feature_client import OF_EACH_MEMBER, SERVERS, FeatureClient, feature_client
from gatebench.conformance.scenarios.marks import in_each_era, judged_by_groups
from gatebench.fixtures.harness.scenario import Scenario
from gatebench.fixtures.world.definition import MODERN_REVISION, REVISIONS

PAGE_SIZE = 1
FAILS = {"status": 503, "body": "busy"}
LISTS = {
    "resources": ("resources/list", "resources", "uri", "resources"),
    "templates": ("resources/templates/list", "resourceTemplates", "uriTemplate", "resources"),
    "prompts": ("prompts/list", "prompts", "name", "prompts"),
}
"""Method, member of the result, what identifies an entry, capability."""
TOOLS = ("tools/list", "tools", "name", "tools")
CHANGED = ("resources", "prompts")
GROUPS = {
    "whole": [*(f"list-of-{name}" for name in LISTS), "list-of-tools"],
    "in-pages": [f"pages-of-{name}" for name in LISTS],
    "changed": [f"list-of-{name}-after-change" for name in CHANGED],
}


async def _listed(case: str, name: str, here: FeatureClient, direct: FeatureClient) -> None:
    method, key, identity, capability = (LISTS | {"tools": TOOLS})[name]
    listed, original = await here.pages(method), await direct.pages(method)
    exchanges = [page.exchange for page in original]
    here.case(case, *listed, capability=capability, key=key, identity=identity, original=exchanges)


@contextmanager
def added(scenario: Scenario, member: str, *kinds: str) -> Iterator[None]:
    """Add a resource and a prompt within this block; the upstream announces both changes."""
    for kind in kinds:
        scenario.bench.world.control(member, "PUT", kind, {"add": [f"added-{kind}"]})
    try:
        yield
    finally:
        for kind in kinds:
            scenario.bench.world.control(member, "PUT", kind, {"remove": [f"added-{kind}"]})


@judged_by_groups(GROUPS, *LEAKS, thorough=in_each_era)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server", "member"), OF_EACH_MEMBER)
@pytest.mark.parametrize("case", list(GROUPS))
async def test_feature_lists(
    scenario: Scenario, *, case: str, principal: str, server: str, member: str, revision: str
) -> None:
    """All pages of each list, through the gateway and directly; the third time with an entry that was added meanwhile."""
    here = await feature_client(scenario, principal, server, member, revision)
    client = await scenario.client_of_upstream(principal, member, revision)
    direct = FeatureClient(scenario, client, await client.connect(), principal, member, member)
    if case == "whole":
        for name in (*LISTS, "tools"):
            await _listed(f"list-of-{name}", name, here, direct)
    elif case == "in-pages":
        with scenario.pages(member, PAGE_SIZE):
            for name in LISTS:
                await _listed(f"pages-of-{name}", name, here, direct)
    else:
        for name in CHANGED:
            await here.pages(LISTS[name][0])
        with added(scenario, member, *CHANGED):
            for name in CHANGED:
                await _listed(f"list-of-{name}-after-change", name, here, direct)


EMPTY_CURSORS = {"empty-cursors": [f"empty-cursor-of-{name}" for name in LISTS]}


@judged_by_groups(EMPTY_CURSORS, thorough=in_each_era)
@pytest.mark.parametrize("revision", [MODERN_REVISION])
@pytest.mark.parametrize(("principal", "server", "member"), SERVERS[:2])
@pytest.mark.parametrize("case", list(EMPTY_CURSORS))
async def test_empty_cursors(
    scenario: Scenario, *, case: str, principal: str, server: str, member: str, revision: str
) -> None:
    """All pages of each list, of which the last one has an empty cursor."""
    here = await feature_client(scenario, principal, server, member, revision)
    client = await scenario.client_of_upstream(principal, member, revision)
    direct = FeatureClient(scenario, client, await client.connect(), principal, member, member)
    control = scenario.bench.world.control
    with scenario.pages(member, PAGE_SIZE):
        control(member, "PUT", "cursors", {"empty": True})
        try:
            for name, played in zip(LISTS, EMPTY_CURSORS[case], strict=True):
                await _listed(played, name, here, direct)
        finally:
            control(member, "PUT", "cursors", {"empty": False})


BESIDE = {"beside": [f"list-of-{name}-beside-a-failing-member" for name in LISTS]}


@judged_by_groups(BESIDE, thorough=in_each_era)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server", "member", "other"), [("alice", "workbench", "web-search", "mail")])
@pytest.mark.parametrize("case", list(BESIDE))
async def test_lists_beside_a_failing_member(
    scenario: Scenario, *, case: str, principal: str, server: str, member: str, other: str, revision: str
) -> None:
    """Each list of a virtual server while one of two members with more than tools fails: that of the other member."""
    here = await feature_client(scenario, principal, server, member, revision)
    client = await scenario.client_of_upstream(principal, member, revision)
    direct = FeatureClient(scenario, client, await client.connect(), principal, member, member)
    failing = [{"method": LISTS[name][0], "action": FAILS} for name in LISTS]
    with scenario.upstream_fault(other, *failing):
        for name, played in zip(LISTS, BESIDE[case], strict=True):
            await _listed(played, name, here, direct)
