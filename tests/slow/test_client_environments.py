"""Client environments that cannot be installed."""

from pathlib import Path

import pytest

from tests.slow import client_environments
from tests.slow.client_environments import NotInstalledError


@pytest.fixture(autouse=True)
def no_index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_environments, "CACHE", tmp_path / "environments")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("UV_NO_INDEX", "1")
    monkeypatch.setenv("UV_OFFLINE", "1")


def test_missing_package_index_is_reported_in_one_sentence() -> None:
    with pytest.raises(NotInstalledError) as failure:
        client_environments.python("none", "a-package-that-does-not-exist>=2,<3")
    assert str(failure.value)
    assert "\n" not in str(failure.value)


def test_missing_npm_is_reported_in_one_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NotInstalledError, match=r"^npm is not on the path$"):
        client_environments.node("none", "a-package-that-does-not-exist@1")
