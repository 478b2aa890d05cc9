"""Dry runs of the scenarios for a gateway with its own tool names and its own header for tokens."""

from typing import Any

import pytest

from gatebench.conformance.requirements.features import features_of
from gatebench.conformance.selftest.support.dry_runs.dry_run import OTHER_DIALECT, DryRun, dry_run, dry_runs
from gatebench.fixtures.clients import fastmcp_client
from gatebench.fixtures.world import definition


def played(name: str, **params: str) -> list[DryRun]:
    """Return dry runs of a scenario with these parameters."""
    found = [
        play
        for play in dry_runs(**OTHER_DIALECT)
        if f"/{name}[" in play.name and all(play.params.get(key) == value for key, value in params.items())
    ]
    assert found
    return found


def test_tool_names_contain_the_name_of_their_server() -> None:
    of_unknown_names = {
        "TRB-015",
        "TRB-017",
        "HTP-012",
        "DIA-001",
        "DIA-002",
        "REF-010",
        "REF-013",
        "VAL-055",
    }  # these call unknown tools or addresses
    misnamed = [
        (play.name, play.params, sent["server"], sent["tool"])
        for play in dry_runs(**OTHER_DIALECT)
        if not play.judges & of_unknown_names
        for sent in play.notes_of("sent")
        if sent["tool"]
        if not sent["tool"].startswith(tuple(f"{one}-" for one in members(sent["server"])))
    ]
    assert misnamed == []


def members(server: str) -> tuple[str, ...]:
    return definition.VIRTUAL_SERVERS.get(server, (server,))


@pytest.mark.parametrize(("scenario", "server"), [("upstream_hangs", "calculator"), ("member_hangs", "desk")])
def test_hanging_server_scenario_calls_existing_tools_of_the_other_server(scenario: str, server: str) -> None:
    (play,) = played(scenario, server=server, revision=definition.MODERN_REVISION)
    called = {(sent["server"], sent["tool"]) for sent in play.notes_of("sent") if sent["tool"]}
    assert (
        called
        == {
            "calculator": {("calculator", "calculator-whoami"), ("everything", "everything-whoami")},
            "desk": {("desk", "calculator-whoami"), ("desk", "web-search-whoami")},
        }[server]
    )


def test_agent_uses_the_tool_names_of_the_dialect() -> None:
    for play in played("several_servers"):
        calls = [note for note in play.notes_of("observation") if note["what"] == "agent-call"]
        assert {note["server"] for note in calls} == {"calculator", "web-search", "mail"}
        assert all(note["tool"].startswith(f"{note['server']}-") for note in calls)


@pytest.mark.parametrize("template", ["{server}-{tool}", "{tool}", "{tool}_at_{server}", "x.{tool}"])
def test_client_applies_the_tool_name_template_once(template: str) -> None:
    named = template.format(server="calculator", tool="whoami")
    params: dict[str, Any] = {"principal": "alice", "server": "calculator", "revision": definition.MODERN_REVISION}
    play = dry_run("shared_credentials/cookies", dialect={"single_tool_name": template}, **params)
    assert {sent["tool"] for sent in play.notes_of("sent") if sent["tool"]} == {named}


def test_credential_header_without_scheme_gets_no_other_scheme() -> None:
    # Alone: other scenarios register parts of this token as secrets.
    alice: dict[str, Any] = {"principal": "alice", "server": "calculator", "revision": definition.MODERN_REVISION}
    for play in [dry_run("gateway_token/bad_token", dialect=OTHER_DIALECT, wrong="another scheme", **alice)]:
        shown = {str(sent["credential"]) for sent in play.notes_of("sent")}
        assert "the token of alice" in shown
        assert not any("the token of alice" in value for value in shown - {"the token of alice"})


@pytest.mark.parametrize(
    ("mode", "needed"),
    [("auto", set()), ("legacy", {"revision.2025-11-25"}), ("2026-07-28", {"revision.2026-07-28"})],
)
def test_guide_client_needs_a_revision_only_in_fixed_modes(mode: fastmcp_client.Mode, needed: set[str]) -> None:
    assert features_of({"mode": mode}) == needed


def test_foreign_session_scenario_needs_the_sessions_feature() -> None:
    for play in played("foreign_session"):
        assert "sessions" in play.needs


def test_declared_origin_is_not_probed_as_foreign() -> None:
    params: dict[str, Any] = {"principal": "alice", "server": "calculator", "revision": definition.MODERN_REVISION}
    for origin, sent in (("null", False), ("https://evil.example", True)):
        play = dry_run("origin/foreign_origin", dialect={"allowed_origins": ["null"]}, origin=origin, **params)
        assert bool(list(play.notes_of("probe"))) == sent


@pytest.mark.parametrize("scenario", ["bad_token", "bad_jwt", "foreign_origin"])
def test_each_session_opens_one_stream(scenario: str) -> None:
    for play in played(scenario, revision=definition.LEGACY_REVISIONS[-1]):
        sessions = [sent["session"] for sent in play.notes_of("sent") if sent["method"] == "GET"]
        assert len(sessions) == len(set(sessions)) == 2
