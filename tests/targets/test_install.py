"""Installs on demand: what is there, what is not, and what goes wrong. Nothing is fetched here: pip gets empty requirements."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import gatebench
from fixtures.errors import BenchError
from fixtures.gateways import install


@pytest.fixture
def recipes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for recipes, and a cache folder, of this test's own."""
    folder = tmp_path / "recipes"
    folder.mkdir()
    (folder / "none.txt").write_text("", encoding="utf-8")
    monkeypatch.setattr(install, "RECIPES", folder)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    return folder


def write(recipes: Path, name: str, text: str) -> None:
    (recipes / f"{name}.toml").write_text(text, encoding="utf-8")


PYTHON = 'kind = "python"\nversion = "1.0"\nrequirements = "none.txt"\nprogram = "bin/python"\n'


def test_once_is_enough(recipes: Path, tmp_path: Path) -> None:
    write(recipes, "acme", PYTHON)
    with pytest.raises(BenchError, match=r"^acme is not installed; run `gatebench install acme`$"):
        install.program("acme")
    said: list[str] = []
    folder = install.install("acme", said.append)
    assert folder == tmp_path / "cache" / "gatebench" / "installs" / "acme-1.0"
    assert said
    assert install.program("acme") == str(folder / "bin" / "python")
    said.clear()
    install.install("acme", said.append)
    assert not said, "there was nothing left to do"
    subprocess.run([install.program("acme"), "-c", "import sys; assert sys.prefix != sys.base_prefix"], check=True)  # noqa: S603


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment is a folder with a python in it, where the environment is not what matters."""

    def make(_wanted: install.Recipe, command: list[str], _tell: install.Tell) -> None:
        if "venv" in command:
            (Path(command[-1]) / "bin").mkdir()
            (Path(command[-1]) / "bin" / "python").symlink_to(sys.executable)

    monkeypatch.setattr(install, "_do", make)


@pytest.mark.usefixtures("quick")
def test_what_was_half_made_is_not_installed(recipes: Path) -> None:
    write(recipes, "acme", PYTHON)
    folder = install.install("acme", lambda _line: None)
    (folder / install.DONE).unlink()
    assert install.find(install.recipe("acme")) is None
    install.install("acme", lambda _line: None)
    assert install.find(install.recipe("acme"))


@pytest.mark.usefixtures("quick")
def test_other_requirements_are_another_install(recipes: Path) -> None:
    write(recipes, "acme", PYTHON)
    install.install("acme", lambda _line: None)
    (recipes / "none.txt").write_text("# changed\n", encoding="utf-8")
    assert install.find(install.recipe("acme")) is None


def test_what_cannot_be_installed_leaves_nothing(recipes: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (recipes / "none.txt").write_text("there-is-no-such-distribution==1\n", encoding="utf-8")
    write(recipes, "acme", PYTHON)
    assert gatebench.main(["install", "acme"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("gatebench: acme could not be installed: python said: ERROR: ")
    assert len(error.splitlines()) == 1
    assert not install.recipe("acme").folder.exists()


@pytest.mark.usefixtures("quick")
def test_a_recipe_that_brings_another_program(recipes: Path) -> None:
    write(recipes, "acme", PYTHON.replace("bin/python", "bin/acme"))
    with pytest.raises(BenchError, match=r"^acme is installed, but has no bin/acme; the recipe is wrong$"):
        install.install("acme", lambda _line: None)
    assert not install.recipe("acme").folder.exists()


def test_our_own_environment_will_do_while_it_has_the_same_version(recipes: Path) -> None:
    ours = install.importlib.metadata.version("pytest")
    write(recipes, "acme", PYTHON.replace("1.0", ours) + 'ours = "pytest"\n')
    assert install.program("acme") == sys.executable
    assert not install.installed(install.recipe("acme"))
    write(recipes, "acme", PYTHON + 'ours = "pytest"\n')
    assert install.find(install.recipe("acme")) is None


def test_a_program_of_the_operating_system(recipes: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(recipes, "shell", 'kind = "system"\nprogram = "sh"\npackage = "dash"\n')
    write(recipes, "acme", 'kind = "system"\nprogram = "there-is-no-such-program"\npackage = "acme-server"\n')
    assert install.program("shell") == shutil.which("sh")
    assert gatebench.main(["install", "shell", "acme"]) == 2
    out, error = capsys.readouterr()
    assert out.startswith("shell is installed: ")
    assert error == (
        "gatebench: acme is not installed; it comes with the operating system: `apt-get install acme-server`, "
        "or what does that on yours\n"
    )


def test_no_npm(recipes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (recipes / "acme").mkdir()
    write(recipes, "acme", 'kind = "npm"\nversion = "1"\nrequirements = "acme"\nprogram = "x"\n')
    monkeypatch.setenv("PATH", "")
    with pytest.raises(BenchError, match=r"acme needs Node.js and npm"):
        install.install("acme", lambda _line: None)


def test_a_cache_folder_that_cannot_be_written(recipes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(recipes, "acme", PYTHON)
    (tmp_path / "file").write_text("", encoding="utf-8")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(BenchError, match=r"cannot be written: .*; set XDG_CACHE_HOME to a folder that can"):
        install.install("acme", lambda _line: None)


def test_a_name_that_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    assert gatebench.main(["install", "nginx", "ngnix"]) == 2
    assert capsys.readouterr().err.startswith(
        "gatebench: there is nothing to install by the name of 'ngnix'; there are "
    )


def test_a_target_that_is_not_installed_is_told_so_before_anything_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert gatebench.main(["run", "envoy", "--out", str(tmp_path / "out")]) == 2
    assert capsys.readouterr().err == "gatebench: envoy is not installed; run `gatebench install envoy` (165 MB)\n"
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", install.names())
def test_recipes_are_whole(name: str) -> None:
    recipe = install.recipe(name)
    if recipe.kind == "system":
        assert recipe.package
        return
    assert recipe.version
    assert len(recipe.digest()) == 64
    source = install.RECIPES / recipe.requirements
    for path in [source] if source.is_file() else source.iterdir():
        text = path.read_text(encoding="utf-8")
        assert "--index-url" not in text
        assert '"resolved"' not in text, "which registry is its user's affair"
    if recipe.kind == "python":
        pinned = [line for line in source.read_text(encoding="utf-8").splitlines() if line]
        assert all("==" in line for line in pinned)
        assert any(f"=={recipe.version}" in line for line in pinned)
