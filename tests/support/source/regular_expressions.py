"""Every regular expression of the code base: compiled ones in modules, and literals in calls."""

import ast
import functools
import importlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

ROOT = Path(__file__).parents[3]
PACKAGES = ("conformance", "fixtures", "gatebench", "load", "mock_upstreams", "reports")
FUNCTIONS = {"compile", "match", "search", "sub", "subn", "split", "fullmatch", "findall", "finditer"}
USED = re.compile(rf"\.({'|'.join(sorted(FUNCTIONS))})\b")
DEEPEST = 6  # containers in containers of a module


@dataclass(frozen=True)
class FoundPattern:
    """A pattern, its location, and the slowest method that it is used with: `finditer`, `match` or `fullmatch`."""

    where: str
    pattern: "re.Pattern[Any]"
    how: str


@functools.cache
def sources() -> list[tuple[str, ast.Module]]:
    """The syntax trees of all modules that name one of FUNCTIONS, with their paths: one module in five."""
    texts = (
        (str(path.relative_to(ROOT)), path.read_text(encoding="utf-8"))
        for package in PACKAGES
        for path in sorted((ROOT / package).rglob("*.py"))
        if not path.name.startswith("test_")
    )
    return [(path, ast.parse(text)) for path, text in texts if USED.search(text)]


def calls(tree: ast.Module) -> Iterator[ast.Call]:
    """The calls of functions of `re`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in FUNCTIONS:
            owner = node.func.value
            if isinstance(owner, ast.Name) and owner.id == "re":
                yield node


def inline() -> Iterator[FoundPattern]:
    """Patterns that are literals where they are used: in a call other than `re.compile`, or in one inside a function."""
    for path, tree in sources():
        for call in calls(tree):
            assert isinstance(call.func, ast.Attribute)
            if call.args and isinstance(call.args[0], ast.Constant) and not _of_a_module(call, tree):
                text: Any = call.args[0].value
                yield FoundPattern(f"{path}:{call.lineno}", re.compile(text, _flags(call)), _hardest({call.func.attr}))


def _flags(call: ast.Call) -> int:
    named = [word.value for word in call.keywords if word.arg == "flags"]
    names = {node.attr for value in named for node in ast.walk(value) if isinstance(node, ast.Attribute)}
    return int(sum(getattr(re, name) for name in names))


def computed() -> list[str]:
    """Calls whose pattern is built at run time, so that no test can read it."""
    return [
        f"{path}: {ast.unparse(call.args[0])}"
        for path, tree in sources()
        for call in calls(tree)
        if call.args and not isinstance(call.args[0], ast.Constant) and not _of_a_module(call, tree)
    ]


def _of_a_module(call: ast.Call, tree: ast.Module) -> bool:
    """Return whether the pattern is compiled as a global of its module; then `compiled` finds it."""
    assigned = [node for node in tree.body if isinstance(node, ast.Assign | ast.AnnAssign)]
    return any(call is node for statement in assigned for node in ast.walk(statement))


def modules() -> Iterator[ModuleType]:
    """The modules that compile patterns, imported. (Not all: locust's patches Python as soon as it is imported.)"""
    for path, tree in sources():
        if any(call.func.attr == "compile" for call in calls(tree) if isinstance(call.func, ast.Attribute)):
            name = path.removesuffix(".py").replace("/", ".")
            yield importlib.import_module(name if name.startswith("gatebench.") else f"gatebench.{name}")


def compiled() -> Iterator[FoundPattern]:
    """Patterns in globals, classes and containers of modules."""
    seen: set[int] = set()
    for module in modules():
        path = str(Path(module.__file__ or "").resolve().relative_to(ROOT))
        for name, value in list(vars(module).items()):
            for pattern in _patterns(value, module.__name__):
                if id(pattern) not in seen:
                    seen.add(id(pattern))
                    yield FoundPattern(f"{path}:{name}", pattern, _hardest(_uses().get(_key(path, name), set())))


def _patterns(value: Any, module: str, depth: int = 0) -> Iterator["re.Pattern[Any]"]:
    if isinstance(value, re.Pattern):
        yield value
    elif depth < DEEPEST and isinstance(value, dict | list | tuple | set | frozenset):
        inside = [*value.keys(), *value.values()] if isinstance(value, dict) else value
        for one in inside:
            yield from _patterns(one, module, depth + 1)
    elif depth < DEEPEST and isinstance(value, type) and value.__module__ == module:
        for one in list(vars(value).values()):
            yield from _patterns(one, module, depth + 1)
    elif callable(value) and isinstance(getattr(value, "__self__", None), re.Pattern):
        yield value.__self__  # `re.compile(...).fullmatch`, kept as a function


@functools.cache
def _uses() -> dict[tuple[str, str], set[str]]:
    """The methods that patterns are used with, by name; private names are separate for each module."""
    found: dict[tuple[str, str], set[str]] = {}
    for path, tree in sources():
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and node.attr in FUNCTIONS and node.attr != "compile":
                owner = node.value
                name = (
                    owner.id if isinstance(owner, ast.Name) else owner.attr if isinstance(owner, ast.Attribute) else ""
                )
                found.setdefault(_key(path, name), set()).add(node.attr)
    return found


def _key(path: str, name: str) -> tuple[str, str]:
    return (path if name.startswith("_") else "", name)


def _hardest(uses: set[str]) -> str:
    """`match` and `fullmatch` look from the beginning only; a pattern whose uses are not found may be used in any way."""
    anchored = uses <= {"match", "fullmatch"} and uses
    return "finditer" if not anchored else "match" if "match" in uses else "fullmatch"


@functools.cache
def everything() -> list[FoundPattern]:
    """Return all patterns, each once."""
    found = {(one.pattern.pattern, one.pattern.flags, one.how): one for one in [*inline(), *compiled()]}
    return list(found.values())
