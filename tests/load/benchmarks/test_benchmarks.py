"""Ratios, goals and sections of the benchmarks; `make bench` asserts the measurements themselves."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gatebench.fixtures.errors import HarnessError
from gatebench.load.benchmarks import markdown, outside_tools, servers
from gatebench.load.benchmarks.markdown import Section, Turn, ratios
from gatebench.load.benchmarks.parts import client_cost, mock_cost
from gatebench.load.plan.plan import PlannedCall


def turns(*microseconds: float) -> list[Turn]:
    return [Turn(1000, one / 1000, 1.0) for one in microseconds]


def test_ratio_compares_turns_of_one_round() -> None:
    assert ratios(turns(10, 20, 30), turns(40, 100, 90)) == pytest.approx((4.0, 3.0, 5.0))


COSTS = {
    "ours": 20, "ours, checks off": 17, "FastHttpUser": 100, "HttpUser": 500, "ours, no records": 15,
    "gevent loop": 11, "epoll loop": 9, "wrk": 12,
}  # fmt: skip


def users(**changes: float) -> client_cost.Turns:
    return {name: turns(cost) for name, cost in (COSTS | changes).items()}


def test_missed_goal_is_reported() -> None:
    assert client_cost._section(users(), 1, 1.0).missed == []
    assert [one[:60] for one in client_cost._section(users(ours=90), 1, 1.0).missed] == [
        "at least 4 times the requests per CPU second of FastHttpUser",
        "at least 55% of wrk's: 0.13 (0.13 to 0.13)",
    ]
    assert mock_cost._section({"lean": turns(20), "FastMCP": turns(1900)}, 1, 1.0).missed
    assert not mock_cost._section({"lean": turns(20), "FastMCP": turns(2100)}, 1, 1.0).missed


def test_tools_that_are_not_installed_are_named() -> None:
    without = {name: of for name, of in users().items() if name != "wrk"}
    text = client_cost._section(without, 1, 1.0).text
    assert "omitted: wrk (Debian: wrk), h2load (Debian: nghttp2-client), hey (Debian: hey), autocannon" in text
    assert "vegeta, oha and k6" in text
    assert "| wrk |" not in text
    assert "the distance to it is not measured" in text
    assert "omitted" not in outside_tools.missing(list(outside_tools.TOOLS))


def test_table_has_ratios_with_checks_on_and_off() -> None:
    text = client_cost._section(users(), 1, 1.0).text
    assert "| wrk | 12.0 | 83333 | 0.60 (0.60 to 0.60) | 0.71 (0.71 to 0.71) |" in text
    assert "| epoll loop |" not in text  # of the second table


def test_parts_are_differences_and_add_up() -> None:
    costs = users() | {"epoll loop": [Turn(1000, 0.009, 1.0, system=0.007)]}
    text = client_cost._where_the_time_goes(costs)
    rows = [line.split(" | ") for line in text.splitlines() if line.endswith("% |")]
    assert [float(row[1]) for row in rows] == [3.0, 2.0, 4.0, 2.0, 2.0, 7.0]
    assert [row[2] for row in rows] == ["15% |", "10% |", "20% |", "10% |", "10% |", "35% |"]


def test_distance_to_wrk_is_explained_until_the_wanted_share_is_reached() -> None:
    assert "85% would be 14.1 us per request, which leaves 3.1 us for all work" in client_cost._distance(users())
    assert "that work takes 9.0 us" in client_cost._distance(users())
    costly = users(**{"gevent loop": 15})
    assert "is 0.9 us less than the gevent loop needs, without all work" in client_cost._distance(costly)
    assert "85% would be" not in client_cost._distance(users(ours=13))


def test_section_is_replaced_and_others_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(markdown, "PAGE", tmp_path / "page.md")
    markdown.write("users", Section("## Users\n\nold \\1"))
    markdown.write("mocks", Section("## Mocks"))
    markdown.write("users", Section("## Users\n\nnew \\1", files={"curves/users.svg": "<svg/>"}))
    assert (tmp_path / "curves" / "users.svg").read_text() == "<svg/>"
    text = markdown.PAGE.read_text()
    assert text.startswith("# Benchmarks")
    assert text.count("## ") == 2
    assert "new \\1" in text
    assert "old" not in text


@pytest.fixture(scope="module")
def call() -> Iterator[PlannedCall]:
    with servers.lean(None) as server:
        yield PlannedCall(operation="call", url=server.url, tool="echo", arguments={"value": "hello"})


@pytest.mark.parametrize("competitor", [*client_cost.CALLED, *client_cost.REDUCED])
def test_every_competitor_completes_calls(competitor: str, call: PlannedCall) -> None:
    turn = (client_cost.CALLED | client_cost.REDUCED)[competitor](call, 1.0)
    assert turn.requests > 10
    assert turn.cpu > 0
    assert (turn.system > 0) == competitor.endswith(" loop")


@pytest.mark.parametrize("tool", list(outside_tools.TOOLS))
def test_every_installed_tool_completes_calls(tool: str, call: PlannedCall) -> None:
    program = shutil.which(tool)
    if program is None:
        pytest.skip(f"{tool} is not installed here; {outside_tools.PLACES[tool]}")
    turn = client_cost._outside(tool, program)(call, 1.0)
    assert turn.requests > 10
    assert turn.cpu > 0


@pytest.mark.parametrize(
    ("count", "good", "bad"),
    [
        (outside_tools._wrk_count, "  42 requests in 2.00s", "  42 requests in 2.00s\n  Non-2xx or 3xx responses: 42"),
        (
            outside_tools._h2load_count,
            "status codes: 42 2xx, 0 3xx, 0 4xx, 0 5xx",
            "status codes: 41 2xx, 0 3xx, 1 4xx, 0 5xx",
        ),
        (outside_tools._hey_count, "  [200]\t42 responses", "  [200]\t41 responses\n  [401]\t1 responses"),
        (
            outside_tools._autocannon_count,
            '{"2xx": 42, "non2xx": 0, "errors": 0}',
            '{"2xx": 41, "non2xx": 1, "errors": 0}',
        ),
    ],
)
def test_failed_requests_of_a_tool_do_not_count(count: Callable[[str], int | None], good: str, bad: str) -> None:
    assert count(good) == 42
    assert count(bad) is None


def test_failed_requests_end_a_variant_and_a_loop(call: PlannedCall) -> None:
    nowhere = call.model_copy(update={"url": call.url.replace("/mcp", "/nowhere")})
    for competitor in ("ours, checks off", "epoll loop", "gevent loop"):
        with pytest.raises(HarnessError):
            (client_cost.CALLED | client_cost.REDUCED)[competitor](nowhere, 1.0)


def test_autocannon_is_left_out_where_npm_cannot_install_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with outside_tools.installed() as programs:
        assert programs == {}
    npm = tmp_path / "npm"
    npm.write_text("#!/bin/sh\nexit 1\n")
    npm.chmod(0o755)
    with outside_tools.installed() as programs:
        assert programs == {}
