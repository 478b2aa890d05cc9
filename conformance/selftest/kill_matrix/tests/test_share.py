"""The faults that CI runs for a commit."""

import os

import pytest

from gatebench.conformance.selftest.kill_matrix import matrix
from gatebench.conformance.selftest.kill_matrix.digest import Digests
from gatebench.conformance.selftest.kill_matrix.matrix import KillMatrix
from gatebench.conformance.selftest.kill_matrix.runs import share
from gatebench.conformance.selftest.kill_matrix.tests.examples import DIGESTS, row


def test_share_depends_on_the_commit_only() -> None:
    names = [str(number) for number in range(100)]
    assert share.choose(names, 8, "one") == share.choose(reversed(names), 8, "one")
    assert share.choose(names, 8, "one") != share.choose(names, 8, "two")
    assert len(set(share.choose(names, 8, "one"))) == 8
    assert {"5", "77"} <= set(share.choose(names, 8, "one", first={"5", "77"}))


def test_share_is_bounded_and_begins_with_new_and_changed_faults() -> None:
    digests = Digests("bench", {str(number): "now" for number in range(100)})
    known = KillMatrix({name: row(fault="now") for name in digests.faults})
    assert not share.changed(digests, known)
    assert len(share.for_this_commit(8, digests, known)) == 8
    known["3"], known["4"] = row(fault="before"), row()
    del known["5"]
    assert share.changed(digests, known) == {"3", "4", "5"} <= set(share.for_this_commit(8, digests, known))
    assert len(share.for_this_commit(8, digests, KillMatrix())) == 8


def test_share_leaves_out_what_only_a_run_alone_has_shown() -> None:
    known = KillMatrix({name: row(fault=own, how=matrix.ALONE) for name, own in DIGESTS.faults.items()})
    assert share.for_this_commit(8, DIGESTS, known) == []
    known["b"] = row(fault="before", how=matrix.ALONE)
    assert share.for_this_commit(8, DIGESTS, known) == ["b"]


def test_share_without_git_uses_the_digest(monkeypatch: pytest.MonkeyPatch) -> None:
    assert share.commit() == "" or len(share.commit()) == 40
    monkeypatch.setitem(os.environ, "PATH", "")
    assert share.commit() == ""
    assert (
        len(
            share.for_this_commit(
                1, DIGESTS, KillMatrix({name: row(fault=own) for name, own in DIGESTS.faults.items()})
            )
        )
        == 1
    )
