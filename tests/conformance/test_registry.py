"""The error for a broken requirements file is one sentence that names the file, the key and the fix."""

from pathlib import Path

import pytest

from gatebench.conformance.requirements.registry import Registry
from gatebench.fixtures.errors import BenchError

GOOD = '[[requirement]]\nid="ABC-001"\nlevel="MUST"\nverdict="hard"\ntext="t"\nsources=[{document="d",section="s"}]\n'


def test_a_requirement_is_read(tmp_path: Path) -> None:
    (tmp_path / "group.toml").write_text(f'{GOOD}check="a"\n', encoding="utf-8")
    registry = Registry(tmp_path)
    assert (len(registry), registry["ABC-001"].group) == (1, "group")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[[requirement", "is not valid TOML"),
        (GOOD, "ABC-001 needs exactly one of check and exclusion"),
        (f'{GOOD}check="a"\nexclusion="b"\n', "ABC-001 needs exactly one of check and exclusion"),
        (f'{GOOD}check="a"\nfeature="magic"\n', "ABC-001 names the feature magic, which does not exist"),
        (f'{GOOD}chek="a"\n', "requirement.0.chek is an unknown key; did you mean check?"),
        (f'{GOOD}check="a"\n' * 2, "ABC-001 is in the registry twice"),
        (GOOD.replace("MUST", "MAYBE") + 'check="a"\n', "requirement.0.level is wrong"),
        (GOOD.replace("ABC-001", "abc") + 'check="a"\n', "requirement.0.id is wrong"),
    ],
)
def test_broken_requirements_file_is_refused(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "group.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(BenchError) as caught:
        Registry(tmp_path)
    sentence = str(caught.value)
    assert words in sentence
    assert str(path) in sentence
    assert "\n" not in sentence


def test_empty_requirements_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="there are no requirements in"):
        Registry(tmp_path)


def test_unknown_check_is_refused(tmp_path: Path) -> None:
    (tmp_path / "endpoint.toml").write_text(f'{GOOD}check="no_such_check"\n', encoding="utf-8")
    with pytest.raises(BenchError, match=r"endpoint\.toml: ABC-001 names the check no_such_check"):
        Registry(tmp_path)["ABC-001"].load_check()
