"""Fixtures of load on a URL."""

from pathlib import Path

import pytest

from tests.support.load.url_load import ALICE, BOB, LoadCommand


@pytest.fixture
def load(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> LoadCommand:
    monkeypatch.setenv("GW", ALICE)
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY"):
        monkeypatch.delenv(name, raising=False)
    return LoadCommand(tmp_path, capsys)


@pytest.fixture
def tokens(tmp_path: Path) -> str:
    path = tmp_path / "tokens.txt"
    path.write_text(f"{ALICE}\n\n{BOB}\n")
    return str(path)
