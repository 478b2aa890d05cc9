"""The digest of what a whole run depends on: what changes it, and what does not."""

from pathlib import Path

import pytest

from gatebench.conformance.selftest.kill_matrix import digest
from gatebench.conformance.selftest.kill_matrix.digest import Digests
from gatebench.fixtures.reference_gateway.faults import all_faults

SOURCE = '''"""A module."""

import os


def one(x: int) -> int:
    """One."""
    return x + 1  # more


def two() -> str:
    return f"{os.sep}!"
'''
FAULTS = '''from faults import fault

COMMON = 1


def _more(right):
    return right + COMMON


@fault("m.a", caught_by="R-1", stands_for="x", collateral="y")
def wrong_one(right):
    """It is wrong."""
    return _more(right)


@fault("m.b", caught_by="R-2", stands_for="x")
def wrong_two(right):
    return right
'''
TOML = """[[requirement]]
id = "R-1"
text = "A sentence."
check = "one"
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    package = tmp_path / "package"
    (package / "requirements").mkdir(parents=True)
    (package / "source.py").write_text(SOURCE, encoding="utf-8")
    (package / "faults.py").write_text(FAULTS, encoding="utf-8")
    (package / "requirements" / "r.toml").write_text(TOML, encoding="utf-8")
    return package


def digests_of(tree: Path) -> Digests:
    return digest.current([tree], tree.parent / "cache")


def test_prose_and_moves_do_not_change_the_digest(tree: Path) -> None:
    before = digests_of(tree)
    plain = SOURCE.replace("  # more", "").replace('    """One."""\n', '    """The first."""\n')
    one, _, two = plain.partition("\n\ndef two")
    (tree / "source.py").write_text(one, encoding="utf-8")
    (tree / "deeper").mkdir()
    (tree / "deeper" / "elsewhere.py").write_text(f"from os import *\n\ndef two{two}", encoding="utf-8")
    faults = FAULTS.replace("It is wrong", "It is not right").replace('"y"', '"because"')
    (tree / "faults.py").write_text(faults, encoding="utf-8")
    (tree / "requirements" / "r.toml").rename(tree / "requirements" / "s.toml")
    (tree / "requirements" / "s.toml").write_text(TOML.replace("A sentence", "Another"), encoding="utf-8")
    (tree / "selftest").mkdir()
    (tree / "selftest" / "t.py").write_text("def test(): pass", encoding="utf-8")
    assert digests_of(tree) == before


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [("source.py", "x + 1", "x + 2"), ("source.py", "}!", "}?"), ("requirements/r.toml", '"one"', '"two"')],
)
def test_changed_code_changes_the_digest(tree: Path, name: str, old: str, new: str) -> None:
    before = digests_of(tree)
    (tree / name).write_text((tree / name).read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    after = digests_of(tree)
    assert after.bench != before.bench
    assert after.tree != before.tree
    assert after.faults == before.faults


def test_a_changed_fault_changes_its_own_digest_and_no_other(tree: Path) -> None:
    before = digests_of(tree)
    (tree / "faults.py").write_text(FAULTS.replace("R-1", "R-3"), encoding="utf-8")
    after = digests_of(tree)
    assert after.tree != before.tree
    assert after.of("wrong-one") != before.of("wrong-one")
    assert after.of("wrong-two") == before.of("wrong-two")
    assert after.bench == before.bench


def test_what_a_fault_uses_of_its_module_changes_its_digest_and_no_other(tree: Path) -> None:
    before = digests_of(tree)
    (tree / "faults.py").write_text(FAULTS.replace("COMMON = 1", "COMMON = 2"), encoding="utf-8")
    after = digests_of(tree)
    assert after.of("wrong-one") != before.of("wrong-one")
    assert after.of("wrong-two") == before.of("wrong-two")


def test_a_fault_may_move_to_another_module_with_what_it_uses(tree: Path) -> None:
    before = digests_of(tree)
    first, decorator, second = FAULTS.partition('@fault("m.b"')
    (tree / "faults.py").write_text(first, encoding="utf-8")
    (tree / "more_faults.py").write_text(f"from faults import fault\n\n{decorator}{second}", encoding="utf-8")
    assert digests_of(tree) == before


def test_a_fault_that_moved_imports_what_it_uses(tree: Path) -> None:
    before = digests_of(tree)
    first, decorator, second = FAULTS.partition('@fault("m.b"')
    body = first.partition("COMMON = 1")[2].partition("@fault")
    (tree / "faults.py").write_text(
        f"from faults import fault\n\nCOMMON = 1\n{body[0]}{decorator}{second}", encoding="utf-8"
    )
    (tree / "more_faults.py").write_text(f"from p.faults.faults import _more\n\n@fault{body[2]}", encoding="utf-8")
    assert digests_of(tree) == before
    (tree / "faults.py").write_text(
        f"from faults import fault\n\nCOMMON = 2\n{body[0]}{decorator}{second}", encoding="utf-8"
    )
    after = digests_of(tree)
    assert after.of("wrong-one") != before.of("wrong-one")
    assert after.of("wrong-two") == before.of("wrong-two")


def test_every_fault_has_a_digest() -> None:
    assert list(digest.current().faults) == sorted(all_faults())
