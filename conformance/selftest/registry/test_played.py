"""Selection of scenarios: every requirement runs in each of its claimed revisions, and needs no further claims."""

from collections.abc import Iterable
from dataclasses import replace
from functools import cache

import pytest

from gatebench.conformance.collected_scenario import CollectedScenario
from gatebench.conformance.pytest_plugin import collection
from gatebench.conformance.pytest_plugin.sample import omitted_scenarios
from gatebench.conformance.requirements.features import (
    CALLS_BACK,
    IMPLIED,
    PROFILES,
    Claims,
    claims_of,
    features_of,
    in_world,
)
from gatebench.conformance.requirements.registry import Requirement
from gatebench.conformance.selftest.support.cases import check_each
from gatebench.conformance.selftest.support.dry_runs.dry_run import DryRun, dry_run, dry_runs
from gatebench.conformance.selftest.support.transcript_builder import REGISTRY
from gatebench.fixtures.gateways import descriptor_loader, lookup
from gatebench.fixtures.world import definition
from gatebench.fixtures.world.variants import own

CHECKED = [requirement for requirement in REGISTRY.all() if requirement.check]
PLAYS = [play for play in collection.collect_scenarios() if play.judges]
# As with a user's file of variants, a user's own server, and in a world whose authorization servers reach the gateway.
OWN = {own.REFUSED, own.ACCEPTED, own.SERVED, own.READ, definition.OWN_UPSTREAM, CALLS_BACK}
PATH = lookup.resolve("reference")
WHOLE = in_world(claims_of(descriptor_loader.load(PATH), PATH), OWN)
CORE = {
    *OWN,
    *PROFILES["core"].core,
    *PROFILES["troubleshooting"].core,
    "own-output",
    "named-addresses",
    "several-servers",
}


def played(claims: Claims) -> list[CollectedScenario]:
    """Return what a run includes for a target with these claims."""
    unplayed = omitted_scenarios(PLAYS, claims)
    return [
        play
        for play in PLAYS
        if play.name not in unplayed
        and claims.reach(play.name)
        and not claims.missing(features_of(play.params) | set(play.needs))
    ]


def judged(plays: Iterable[CollectedScenario]) -> set[str]:
    return {requirement for play in plays for requirement in play.judges}


@pytest.mark.parametrize("revision", definition.REVISIONS)
def test_gateway_of_one_revision_is_judged_by_every_requirement_of_it(revision: str) -> None:
    about = {requirement.id for requirement in CHECKED if revision in requirement.about}
    assert judged(played(replace(WHOLE, revisions=(revision,)))) == about


@pytest.mark.parametrize("revisions", [definition.REVISIONS, definition.REVISIONS[:2], definition.REVISIONS[1:]])
def test_every_requirement_runs_in_each_of_its_claimed_revisions(revisions: tuple[str, ...]) -> None:
    plays = played(replace(WHOLE, revisions=revisions))
    for requirement in CHECKED:
        # Third-party clients (mode), and scenarios without a revision, negotiate one with the gateway.
        named = [play.params.get("revision") for play in plays if requirement.id in play.judges]
        assert {*requirement.about} & {*revisions} <= {*named} or None in named, requirement.id


def test_requirement_runs_with_exactly_the_features_of_the_registry() -> None:
    check_each(CHECKED, _needs_no_more, lambda requirement: requirement.id)


@cache
def judged_with(features: frozenset[str]) -> set[str]:
    """Return what is judged on a gateway that claims these features: many requirements need the same."""
    return judged(played(replace(WHOLE, features=features)))


def _needs_no_more(requirement: Requirement) -> None:
    needed = {requirement.feature} if requirement.feature else set()
    needed |= set(requirement.prerequisites.features) if requirement.prerequisites else set()
    needed |= {IMPLIED[name][0] for name in needed if name in IMPLIED}
    features = frozenset(CORE | needed)
    assert requirement.id in judged_with(features), f"not played on a gateway that claims {', '.join(sorted(needed))}"
    if requirement.prerequisites:
        for name in requirement.prerequisites.features:
            assert requirement.id not in judged_with(features - {name}), f"{name} is not needed"


# -- everything that a scenario uses is claimed

VERBS = {
    "grant": "runtime-grants",
    "withdraw": "runtime-grants",
    "issue_token": "token-revocation",
    "revoke_token": "token-revocation",
    "forget_consent": "consent-withdrawal",
    "restart": "restart",
    "disable_server": "server-switching",
    "enable_server": "server-switching",
    "remove_server": "server-removal",
    "add_server": "server-removal",
    "rename_server": "server-renaming",
    "change_address": "address-changes",
    "change_credential": "credential-changes",
}
OPTIONAL = {"refresh_tools", "operator_headers", "browser_headers"}
"""Verbs without a feature: without them, the gateway detects the change itself, has no operator, or needs no sign-in."""


def test_scenario_uses_only_declared_callers_servers_and_verbs() -> None:
    wider = {play.name: unsaid for play in dry_runs(narrowly=True) if (unsaid := used(play) - play.presupposed)}
    assert wider == {}


def used(play: DryRun) -> set[str]:
    callers = {one for name in play.callers() if name for one in features_of({"principal": name})}
    servers = {one for name in play.servers() if name for one in features_of({"server": name})}
    return callers | servers | {VERBS[verb] for verb in play.verbs - OPTIONAL}


@pytest.mark.parametrize("feature", ["token-revocation", "runtime-grants", "consent-withdrawal"])
def test_unclaimed_operator_verb_is_not_used(feature: str) -> None:
    """CLM-001 on a gateway whose adapter has such a verb, unclaimed: there, a second login may end the first."""
    alone = {"caller.user", "upstream.none", "named-addresses"}
    assert not dry_run("claims/feature", alone, feature=feature).verbs
    assert {VERBS[verb] for verb in dry_run("claims/feature", {*alone, feature}, feature=feature).verbs} == {feature}
