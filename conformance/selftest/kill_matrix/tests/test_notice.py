"""The notice of an outdated matrix."""

import json
from pathlib import Path
from typing import Any

import pytest

from gatebench.conformance.selftest.kill_matrix import digest, files, notice
from gatebench.conformance.selftest.kill_matrix.tests.examples import DIGESTS


def test_matrix_of_another_tree_prints_a_notice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MATRIX", tmp_path / "m.json")
    monkeypatch.setattr(digest, "current", lambda: DIGESTS)
    kept: dict[str, Any] = {"faults": {"a": {"whole": {"fault": "1"}}, "b": {}}}
    files.MATRIX.write_text(json.dumps(kept), encoding="utf-8")
    assert "its whole runs: none yet" in notice.notice()
    assert "1 of 2 faults are new or changed" in notice.notice()
    files.MATRIX.write_text(json.dumps(kept | {"whole": {"digest": "older"}}), encoding="utf-8")
    assert "OLDER" in notice.notice()
    files.MATRIX.write_text(json.dumps(kept | {"whole": {"digest": DIGESTS.tree}}), encoding="utf-8")
    assert notice.notice() == ""
