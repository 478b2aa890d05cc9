"""Curves of cost against work."""

from pathlib import Path

import pytest

from gatebench.load.benchmarks.parts import growth
from gatebench.load.benchmarks.parts.growth import AXES, Point
from gatebench.load.profiles import profiles


@pytest.mark.parametrize("name", AXES)
def test_every_point_is_a_valid_profile(name: str, tmp_path: Path) -> None:
    for value in AXES[name].points:
        path = tmp_path / "point.toml"
        path.write_text(AXES[name].profile(value), encoding="utf-8")
        assert profiles.by_name("point", path).call
        assert AXES[name].rate(value) > 0


def test_power_is_the_exponent_of_the_growth() -> None:
    proportional = growth._table("tools", "t", [Point(5, 9, 10.0), Point(50, 9, 100.0)], 3.0, "CPU", short=True)
    assert "Power: 1.00." in proportional
    assert "Short mode" in proportional
    constant = growth._table("tools", "t", [Point(5, 9, 10.0), Point(50, 9, 10.0)], 3.0, "CPU", short=False)
    assert "Power: 0.00." in constant
    assert "No power." in growth._table("tools", "t", [Point(5, 0, said="failed")], 3.0, "CPU", short=True)


def test_other_curves_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    page = growth._table("tools", "old", [Point(5, 9, 10.0)], 3.0, "CPU", short=False)
    monkeypatch.setattr(growth.markdown, "known", lambda _name: page)
    monkeypatch.setattr(growth, "_point", lambda _axis, value, _seconds, short: Point(value, 1, 5.0, said=str(short)))
    text = growth.measure(1, 1.0, ["members"]).text
    assert "### tools: old" in text
    assert "### members" in text
    assert "### payload" not in text
