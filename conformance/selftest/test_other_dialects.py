"""The scenarios, rehearsed for a gateway that names tools and carries tokens in a way of its own."""

import pytest

from conformance.features import features_of
from conformance.selftest.rehearsal import Play, rehearsed
from fixtures import standard
from fixtures.clients import guide

OTHER = {
    "credential_header": "X-Own-Key",
    "credential_format": "{token}",
    "tool_name": "{server}-{tool}",
    "single_tool_name": "{server}-{tool}",
}


def played(name: str, **params: str) -> list[Play]:
    """Rehearsals of a scenario with these parameters."""
    found = [
        play
        for play in rehearsed(**OTHER)
        if f"/{name}[" in play.name and all(play.params.get(key) == value for key, value in params.items())
    ]
    assert found
    return found


def test_tools_are_called_by_the_name_of_the_server_that_has_them() -> None:
    strangers = {"TRB-015", "TRB-017", "DIA-001", "DIA-002"}  # these call what is not there
    strayed = [
        (play.name, play.params, sent["server"], sent["tool"])
        for play in rehearsed(**OTHER)
        if not play.judges & strangers
        for sent in play.said("sent")
        if sent["tool"]
        if not sent["tool"].startswith(tuple(f"{one}-" for one in members(sent["server"])))
    ]
    assert strayed == []


def members(server: str) -> tuple[str, ...]:
    return standard.VIRTUAL_SERVERS.get(server, (server,))


@pytest.mark.parametrize("server", ["calculator", "desk"])
def test_while_one_server_hangs_its_neighbour_is_asked_for_what_the_neighbour_has(server: str) -> None:
    (play,) = played("upstream_hangs", server=server)
    called = {(sent["server"], sent["tool"]) for sent in play.said("sent") if sent["tool"]}
    assert (
        called
        == {
            "calculator": {("calculator", "calculator-whoami"), ("everything", "everything-whoami")},
            "desk": {("desk", "calculator-whoami"), ("desk", "web-search-whoami")},
        }[server]
    )


def test_a_header_without_schemes_is_not_asked_for_another_one() -> None:
    for play in played("bad_token", wrong="another scheme", principal="alice"):
        shown = {str(sent["credential"]) for sent in play.said("sent")}
        assert "the token of alice" in shown
        assert not any("the token of alice" in value for value in shown - {"the token of alice"})


@pytest.mark.parametrize(
    ("mode", "needed"),
    [("auto", set()), ("legacy", {"revision.2025-11-25"}), ("2026-07-28", {"revision.2026-07-28"})],
)
def test_the_guides_client_needs_no_revision_unless_it_insists_on_one(mode: guide.Mode, needed: set[str]) -> None:
    assert features_of({"mode": mode}) == needed


def test_whose_session_it_is_matters_only_where_the_gateway_gives_them_out() -> None:
    for play in played("foreign_session"):
        assert "sessions" in play.needs


@pytest.mark.parametrize("scenario", ["bad_token", "bad_jwt"])
def test_no_two_streams_are_opened_on_one_session(scenario: str) -> None:
    for play in played(scenario, revision=standard.LEGACY_REVISIONS[-1]):
        sessions = [sent["session"] for sent in play.said("sent") if sent["method"] == "GET"]
        assert len(sessions) == len(set(sessions)) == 2
