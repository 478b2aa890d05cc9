"""The files and folders that are given to pytest, and the folders of the scenarios."""

import importlib.util
from pathlib import Path

import pytest

from gatebench.fixtures.extensions import catalog

SCENARIOS = Path(__file__).parents[1] / "scenarios"


def scenario_folders() -> list[Path]:
    """Return the folders of the scenarios of all extensions; in a checkout, ours is behind a symbolic link."""
    return [extension.scenarios.resolve() for extension in catalog.extensions() if extension.scenarios]


def holds_scenarios(path: Path) -> bool:
    """Return whether a file or folder is a folder of scenarios, or in one."""
    return any(path.is_relative_to(folder) for folder in scenario_folders())


def given_paths(config: pytest.Config) -> set[Path]:
    """Return the files and folders given to pytest: by path or, with --pyargs, by module; of a path with `::` the file."""
    return {path_of(argument.partition("::")[0], modules=config.option.pyargs) for argument in config.args}


def path_of(argument: str, *, modules: bool) -> Path:
    """Return the path of an argument; `modules`: it may name a module instead."""
    path = Path(argument).resolve()
    if not modules or path.exists():
        return path
    try:
        found = importlib.util.find_spec(argument)
    except (ImportError, ValueError):  # not a module either: pytest reports it
        return path
    if found is None or found.origin is None:
        return path
    origin = Path(found.origin)
    return (origin.parent if origin.name == "__init__.py" else origin).resolve()


def is_scenario_file(config: pytest.Config, file: str) -> bool:
    """Return whether the file of an item holds scenarios. `file` is relative to pytest's root or to an argument."""
    folders = [config.rootpath, *given_paths(config)]
    paths = [(folder / file).resolve() for folder in folders]
    return any(holds_scenarios(path) and path.exists() for path in paths)


def narrowing_of(config: pytest.Config) -> str | None:
    """Return the options and paths that narrow the run, as on the command line; None for a complete run."""
    option = config.option
    given = [f"{name} {text!r}" for name, text in (("-k", option.keyword), ("-m", option.markexpr)) if text]
    given += ["--lf"] if getattr(option, "lf", False) else []
    given += [f"--deselect {name}" for name in option.deselect or []]
    whole = scenario_folders()
    given += [path for path in config.args if path_of(path, modules=option.pyargs) not in whole]
    return " ".join(given) or None
