"""Dry runs of the scenarios for a gateway with its own tool names and its own header for tokens."""

from typing import Any

import pytest

from gatebench.conformance.requirements.features import features_of
from gatebench.conformance.selftest.support.dry_run import DryRun, dry_run, dry_runs
from gatebench.fixtures.clients import fastmcp_client
from gatebench.fixtures.world import definition

OTHER = {
    "credential_header": "X-Own-Key",
    "credential_format": "{token}",
    "tool_name": "{server}-{tool}",
    "single_tool_name": "{server}-{tool}",
}


def played(name: str, **params: str) -> list[DryRun]:
    """Return dry runs of a scenario with these parameters."""
    found = [
        play
        for play in dry_runs(**OTHER)
        if f"/{name}[" in play.name and all(play.params.get(key) == value for key, value in params.items())
    ]
    assert found
    return found


def test_tools_are_called_by_the_name_of_the_server_that_has_them() -> None:
    strangers = {
        "TRB-015",
        "TRB-017",
        "DIA-001",
        "DIA-002",
        "REF-010",
        "REF-013",
        "VAL-055",
    }  # these call unknown tools or addresses
    strayed = [
        (play.name, play.params, sent["server"], sent["tool"])
        for play in dry_runs(**OTHER)
        if not play.judges & strangers
        for sent in play.notes_of("sent")
        if sent["tool"]
        if not sent["tool"].startswith(tuple(f"{one}-" for one in members(sent["server"])))
    ]
    assert strayed == []


def members(server: str) -> tuple[str, ...]:
    return definition.VIRTUAL_SERVERS.get(server, (server,))


@pytest.mark.parametrize(("scenario", "server"), [("upstream_hangs", "calculator"), ("member_hangs", "desk")])
def test_while_one_server_hangs_its_neighbour_is_asked_for_what_the_neighbour_has(scenario: str, server: str) -> None:
    (play,) = played(scenario, server=server, revision=definition.MODERN_REVISION)
    called = {(sent["server"], sent["tool"]) for sent in play.notes_of("sent") if sent["tool"]}
    assert (
        called
        == {
            "calculator": {("calculator", "calculator-whoami"), ("everything", "everything-whoami")},
            "desk": {("desk", "calculator-whoami"), ("desk", "web-search-whoami")},
        }[server]
    )


def test_the_agent_calls_tools_by_the_names_that_the_gateway_gives_them() -> None:
    for play in played("several_servers"):
        calls = [note for note in play.notes_of("observation") if note["what"] == "agent-call"]
        assert {note["server"] for note in calls} == {"calculator", "web-search", "mail"}
        assert all(note["tool"].startswith(f"{note['server']}-") for note in calls)


@pytest.mark.parametrize("template", ["{server}-{tool}", "{tool}", "{tool}_at_{server}", "x.{tool}"])
def test_a_client_translates_names_of_tools_once(template: str) -> None:
    named = template.format(server="calculator", tool="whoami")
    params: dict[str, Any] = {"principal": "alice", "server": "calculator", "revision": definition.MODERN_REVISION}
    play = dry_run("shared_credentials/cookies", dialect={"single_tool_name": template}, **params)
    assert {sent["tool"] for sent in play.notes_of("sent") if sent["tool"]} == {named}


def test_a_header_without_schemes_is_not_asked_for_another_one() -> None:
    # Alone: other scenarios register parts of this token as secrets.
    alice: dict[str, Any] = {"principal": "alice", "server": "calculator", "revision": definition.MODERN_REVISION}
    for play in [dry_run("gateway_token/bad_token", dialect=OTHER, wrong="another scheme", **alice)]:
        shown = {str(sent["credential"]) for sent in play.notes_of("sent")}
        assert "the token of alice" in shown
        assert not any("the token of alice" in value for value in shown - {"the token of alice"})


@pytest.mark.parametrize(
    ("mode", "needed"),
    [("auto", set()), ("legacy", {"revision.2025-11-25"}), ("2026-07-28", {"revision.2026-07-28"})],
)
def test_the_guides_client_needs_no_revision_unless_it_insists_on_one(
    mode: fastmcp_client.Mode, needed: set[str]
) -> None:
    assert features_of({"mode": mode}) == needed


def test_whose_session_it_is_matters_only_where_the_gateway_gives_them_out() -> None:
    for play in played("foreign_session"):
        assert "sessions" in play.needs


def test_an_origin_that_is_declared_as_allowed_is_not_foreign() -> None:
    params: dict[str, Any] = {"principal": "alice", "server": "calculator", "revision": definition.MODERN_REVISION}
    for origin, sent in (("null", False), ("https://evil.example", True)):
        play = dry_run("origin/foreign_origin", dialect={"allowed_origins": ["null"]}, origin=origin, **params)
        assert bool(list(play.notes_of("probe"))) == sent


@pytest.mark.parametrize("scenario", ["bad_token", "bad_jwt", "foreign_origin"])
def test_no_two_streams_are_opened_on_one_session(scenario: str) -> None:
    for play in played(scenario, revision=definition.LEGACY_REVISIONS[-1]):
        sessions = [sent["session"] for sent in play.notes_of("sent") if sent["method"] == "GET"]
        assert len(sessions) == len(set(sessions)) == 2
