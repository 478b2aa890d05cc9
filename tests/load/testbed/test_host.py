"""CPU time of processors, from a given file of the kernel."""

from pathlib import Path

import pytest

from gatebench.load.testbed import host
from gatebench.load.testbed.host import Processors

STAT = """\
cpu  900 0 0 900 0 0 0 0 0 0
cpu0 100 20 30 5000 40 5 6 7 50 10
cpu2 300 0 0 5000 0 0 0 0 0 0
cpu10 400 0 0 5000 0 0 0 0 0 0
intr 1 2 3
"""


def test_processors_are_named_by_number_where_others_are_offline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "stat").write_text(STAT)
    monkeypatch.setattr(host, "STAT", tmp_path / "stat")
    monkeypatch.setattr(host, "TICKS", 100)
    assert Processors((2,)).cpu_seconds() == 3.0
    assert Processors((2, 10)).cpu_seconds() == 7.0
    assert Processors((0,)).cpu_seconds() == 1.68, "neither idle time nor guests, which are in `user` as well"
