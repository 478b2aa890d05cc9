"""Ratios, goals and sections of the benchmarks; `make bench` asserts the measurements themselves."""

from pathlib import Path

import pytest

from gatebench.load.benchmarks import load_tools, markdown, servers
from gatebench.load.benchmarks.markdown import Section, Turn, ratios
from gatebench.load.benchmarks.parts import client_cost, mock_cost
from gatebench.load.plan.plan import PlannedCall


def turns(*microseconds: float) -> list[Turn]:
    return [Turn(1000, one / 1000, 1.0) for one in microseconds]


def test_ratio_compares_turns_of_one_round() -> None:
    assert ratios(turns(10, 20, 30), turns(40, 100, 90)) == pytest.approx((4.0, 3.0, 5.0))


def test_missed_goal_is_reported() -> None:
    fine = {"ours": turns(20), "FastHttpUser": turns(100), "HttpUser": turns(500), "wrk": turns(10)}
    assert client_cost._section(fine, 1, 1.0).missed == []
    slow = {**fine, "ours": turns(90)}
    assert [one[:60] for one in client_cost._section(slow, 1, 1.0).missed] == [
        "at least 4 times the requests per CPU second of FastHttpUser",
        "at least 12% of wrk's: 0.11 (0.11 to 0.11)",
    ]
    without = {name: of for name, of in fine.items() if name != "wrk"}
    assert "wrk is not installed" in client_cost._section(without, 1, 1.0).text
    assert mock_cost._section({"lean": turns(20), "FastMCP": turns(1900)}, 1, 1.0).missed
    assert not mock_cost._section({"lean": turns(20), "FastMCP": turns(2100)}, 1, 1.0).missed


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


@pytest.mark.parametrize("competitor", ["ours", "FastHttpUser", "HttpUser", "wrk"])
def test_every_competitor_completes_calls(competitor: str) -> None:
    if competitor == "wrk" and not load_tools.wrk_path():
        pytest.skip("wrk is not installed here; on Debian: apt-get install wrk")
    with servers.lean(None) as server:
        call = PlannedCall(operation="call", url=server.url, tool="echo", arguments={"value": "hello"})
        turn = client_cost.CALLED[competitor](call, 1.0)
    assert turn.requests > 10
    assert turn.cpu > 0
