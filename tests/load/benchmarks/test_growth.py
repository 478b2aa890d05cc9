"""Curves of cost against work."""

from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from gatebench.load.benchmarks import curves
from gatebench.load.benchmarks.curves import Point
from gatebench.load.benchmarks.parts import growth
from gatebench.load.benchmarks.parts.growth import AXES
from gatebench.load.profiles import profiles


@pytest.mark.parametrize("name", AXES)
def test_every_point_is_a_valid_profile(name: str, tmp_path: Path) -> None:
    for value in AXES[name].points:
        path = tmp_path / "point.toml"
        path.write_text(AXES[name].profile(value), encoding="utf-8")
        assert profiles.by_name("point", path).call
        assert AXES[name].rate(value) > 0


def test_growth_of_a_cost_is_said() -> None:
    def said(*costs: float) -> str:
        return curves.growth([Point(5 * 10**place, 9, cost) for place, cost in enumerate(costs)], "cpu_us")

    assert said(10, 11, 12) == "constant (within 25%) up to 500"
    assert said(10, 100) == "the power from the first point to the last is 1.00"
    assert said(10, 11, 300) == (
        "constant (within 25%) up to 50; the power from the first point to the last is 0.74; "
        "it grows faster than the work from 50 to 500"
    )
    assert said(10) == "too few points"
    assert curves.growth([Point(5, 0), Point(50, 9, 10.0)], "cpu_us") == "too few points"


def load_report(count: int, *, calls: int = 100, share: float = 0.1) -> dict[str, Any]:
    """Return a load of ten seconds: 4000 us of CPU of the gateway per call in the first half, 1000 us in the second."""
    samples = [
        {"second": None if second < 0 else second, "cpu_seconds": cpu, "rss_mib": 40.0 + second}
        for second, cpu in ((-1, 0.0), (0, 0.1), (5, 0.3), (10, 0.35))
    ]
    moments = [{"second": float(second), "arm": "gateway", "done": calls // 10} for second in range(10)]
    latency = {"percentiles": [[50.0, 3000.0]]}
    operations = [
        {"operation": "call", "outcome": "ok", "count": calls, "response": latency},
        {"operation": "initialize", "outcome": "ok", "count": count, "response": latency},
    ]
    return {
        "arms": [{"name": "gateway", "done": calls, "failed": 0, "operations": operations}],
        "resources": {"samples": samples, "cpu_us_per_call": {"value": 2500.0}},
        "generator": {"cpu_share": share, "workers": 2},
        "moments": moments,
        "seconds": 10.0,
        "validity": [
            {"rule": "late starts, p99", "ok": True, "voids": True},
            {"rule": "waiting for a CPU", "ok": False, "voids": False},
        ],
    }


def test_point_separates_the_generator_from_the_gateway() -> None:
    point = growth.of_report(1000, load_report(640), settles=True)
    assert point.cpu_us == pytest.approx(1000.0), "of the second half"
    assert point.generator_us == pytest.approx(0.1 * 2 * 10 / 100 * 1e6)
    assert (point.p50_us, point.rss_mib, point.said) == (3000.0, 50.0, "640 sessions")
    assert growth.of_report(1000, load_report(640), settles=False).cpu_us == 2500.0
    late = load_report(0) | {"validity": [{"rule": "CPU steal", "ok": False, "voids": True}]}
    assert growth.of_report(1, late, settles=False).said == "void: CPU steal, 0 sessions"
    none = growth.of_report(1, load_report(0, calls=0, share=0.0), settles=True)
    assert (none.cpu_us, none.generator_us) == (None, None)


def test_charts_are_svg_with_both_costs() -> None:
    points = [Point(1 << 10, 9, 900.0, 40.0), Point(8 << 20, 9, 90000.0, 2000.0)]
    root = ET.fromstring(curves.chart("payload", points))  # noqa: S314 - our own
    texts = [one.text for one in root.iter("{http://www.w3.org/2000/svg}text")]
    assert {"gateway", "generator", "1 Ki", "8 Mi", "payload", "100,000"} <= set(texts)
    rates = [Point(1, 9, generator_us=20.0, rate=1000.0), Point(2, 9, generator_us=22.0, rate=1500.0)]
    assert "in proportion" in curves.chart_of_processes("processes", rates)
    assert "| 2 | 9 | 1500 | 1.50 | 22 |" in curves.table_of_processes("processes", "t", "n", rates)
    assert "</svg>" in curves.chart("tools", [Point(5, 0, said="failed")]), "a chart without points"


def test_other_curves_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    page = curves.table("tools", "old", "then", [Point(5, 9, 10.0)])
    monkeypatch.setattr(growth.markdown, "known", lambda _name: page)
    monkeypatch.setattr(growth, "_point", lambda _axis, value, _seconds, short: Point(value, 1, 5.0, said=str(short)))
    section = growth.measure(1, 1.0, ["members"])
    assert "### tools: old" in section.text
    assert "### members" in section.text
    assert "![members of a virtual server, of which the list is called](curves/members.svg)" in section.text
    assert "### payload" not in section.text
    assert list(section.files) == ["curves/members.svg"]
