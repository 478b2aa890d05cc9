"""Digests of what the result of a whole run depends on: of the bench, of each fault, and of both together.

The digest of the bench covers registry, checks, scenarios, fixtures, mocks and the reference gateway; that of a fault
its own definition and what it uses of its module. Prose does not count (comments, docstrings, the sentences of requirements
and faults), nor does the place of a definition: the hash covers the set of all top-level statements and TOML entries,
without imports and paths. So renaming a file or moving a function invalidates nothing, nor does moving a
module of the reference gateway to another folder: of the decision that a fault replaces, the folders do not count.
"""

import ast
import contextlib
import hashlib
import json
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gatebench import conformance, fixtures, mock_upstreams
from gatebench.conformance.selftest.kill_matrix import files

LENGTH = 12  # hex digits
PACKAGES = [Path(package.__path__[0]) for package in (conformance, fixtures, mock_upstreams)]
LEFT_OUT = {"selftest", "containers"}  # folders: a run of a fault uses neither
DESCRIPTOR = "faulty.toml"
PROSE = {
    "text",
    "sources",
    "guide",
    "no_fault",
    "exclusion",
    "stands_for",
    "collateral",
}  # keys that no result depends on
DIGEST_CACHE = "sources-3.json"  # in the cache: the digests of each source file


@dataclass(frozen=True)
class Digests:
    """The digest of the bench without its faults, and that of each fault by name."""

    bench: str
    faults: Mapping[str, str]

    @property
    def tree(self) -> str:
        """The digest of everything: it changes if any result may change."""
        return _hash([self.bench, *(f"{name} {digest}" for name, digest in sorted(self.faults.items()))])

    def of(self, *faults: str) -> str:
        """Return the digest of what the result of a run with these faults depends on; the reference itself counts as none."""
        return _hash([self.bench, *(self.faults.get(fault, "") for fault in faults)])


@dataclass
class _SourceFile:
    statements: list[str] = field(default_factory=list)
    faults: dict[str, str] = field(default_factory=dict)


def current(packages: Iterable[Path] = PACKAGES, cache: Path = files.CACHE) -> Digests:
    """Return the digests of these packages: takes about a second, or some milliseconds if no file has changed."""
    known = {name: _SourceFile(**entry) for name, entry in _cached_files(cache).items()}
    read: dict[str, _SourceFile] = {}
    for path in _paths(packages):
        content = path.read_bytes()
        name = hashlib.sha256(content).hexdigest() + path.suffix
        read[name] = known.get(name) or (_python(content) if path.suffix == ".py" else _toml(content))
    if read.keys() != known.keys():
        with contextlib.suppress(OSError):  # the cache only saves time
            files.write(cache / DIGEST_CACHE, json.dumps({name: vars(entry) for name, entry in read.items()}))
    statements = [statement for entry in read.values() for statement in entry.statements]
    faults = {name: digest for entry in read.values() for name, digest in entry.faults.items()}
    return Digests(_hash(sorted(statements)), dict(sorted(faults.items())))


def _cached_files(cache: Path) -> dict[str, Any]:
    try:
        memory: dict[str, Any] = json.loads((cache / DIGEST_CACHE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return memory


def _paths(packages: Iterable[Path]) -> Iterator[Path]:
    """Yield every file that counts."""
    for package in packages:
        for path in package.rglob("*.py"):
            if not LEFT_OUT & set(path.relative_to(package).parts):
                yield path
        for path in package.rglob("*.toml"):
            if path.name == DESCRIPTOR or path.parent.name == "requirements":
                yield path


def _toml(content: bytes) -> _SourceFile:
    """Hash each entry of each table or array of tables."""
    entries = []
    for key, value in tomllib.loads(content.decode()).items():
        for entry in value if isinstance(value, list) else [value]:
            kept = {k: v for k, v in entry.items() if k not in PROSE} if isinstance(entry, dict) else entry
            entries.append(_hash([key, json.dumps(kept, sort_keys=True)]))
    return _SourceFile(entries)


def _python(content: bytes) -> _SourceFile:
    """Hash each top-level statement; faults separately, each with the statements of its module that it uses."""
    definitions, common = _Definitions(), []
    faults: dict[str, tuple[str, ast.stmt]] = {}
    for statement in ast.parse(content).body:
        decisions = _decisions(statement) if isinstance(statement, ast.FunctionDef) else []
        for decision in decisions:
            if isinstance(decision, ast.Constant):
                decision.value = _without_folders(decision.value)
        text = " ".join(_words(statement))
        if isinstance(statement, ast.FunctionDef) and decisions:
            faults[statement.name.replace("_", "-")] = text, statement
        elif text:
            common.append(_hash([text]))
            definitions.add(statement, common[-1])
    if not faults:
        return _SourceFile(common)
    return _SourceFile(
        [], {name: _hash([text, *sorted(definitions.used_by(fault))]) for name, (text, fault) in faults.items()}
    )


class _Definitions:
    """Which top-level statements of a module define which names. Those without a name have an effect on every function."""

    def __init__(self) -> None:
        self._named: dict[str, list[tuple[str, ast.stmt]]] = {}
        self._unnamed: list[tuple[str, ast.stmt]] = []

    def add(self, statement: ast.stmt, digest: str) -> None:
        """Add a statement with its digest."""
        names = set(_defined_names(statement))
        for name in names:
            self._named.setdefault(name, []).append((digest, statement))
        if not names:
            self._unnamed.append((digest, statement))

    def used_by(self, statement: ast.stmt) -> set[str]:
        """Return the digests of the statements that this one depends on, directly or through others."""
        used, waiting = {digest for digest, _ in self._unnamed}, [statement, *(one for _, one in self._unnamed)]
        while waiting:
            for node in ast.walk(waiting.pop()):
                for digest, definition in self._named.get(node.id, []) if isinstance(node, ast.Name) else []:
                    if digest not in used:
                        used.add(digest)
                        waiting.append(definition)
        return used


def _defined_names(statement: ast.stmt) -> Iterator[str]:
    """Yield the names that a top-level statement defines."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield statement.name
    elif isinstance(statement, ast.Assign | ast.AnnAssign):
        targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
        yield from (node.id for target in targets for node in ast.walk(target) if isinstance(node, ast.Name))


def _decisions(function: ast.FunctionDef) -> list[ast.expr]:
    """Return the decision that a fault replaces, which is the first argument of `@fault(...)`; nothing for other functions.

    It is a text, or a constant of the module that several faults share.
    """
    calls = [decorator for decorator in function.decorator_list if isinstance(decorator, ast.Call)]
    return [call.args[0] for call in calls if isinstance(call.func, ast.Name) and call.func.id == "fault"]


def _without_folders(decision: Any) -> str:
    """Return a decision from the name of its module on: `callers.jwks.Keys.get` becomes `jwks.Keys.get`."""
    parts = str(decision).split(".")
    # After the module comes a class or a constant, or else a function, which is the last part.
    after = next((place for place, part in enumerate(parts) if part.strip("_")[:1].isupper()), len(parts) - 1)
    return ".".join(parts[after - 1 :])


def _words(node: Any) -> Iterator[str]:
    """Yield the syntax tree as words that are the same for every version of Python."""
    if isinstance(node, list):
        yield "["
        for part in node:
            yield from _words(part)
        yield "]"
    elif (
        isinstance(node, ast.Import | ast.ImportFrom)
        or _is_docstring(node)
        or (isinstance(node, ast.keyword) and node.arg in PROSE)
    ):
        return
    elif isinstance(node, ast.AST):
        yield type(node).__name__
        for name in node._fields:
            value = getattr(node, name, None)
            if value not in (None, []) and name not in ("ctx", "kind", "type_comment"):
                yield name
                yield from _words(value)
        yield "."
    else:
        yield repr(node)


def _is_docstring(node: Any) -> bool:
    """Return whether the node is a string as a statement, which has no effect."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _hash(parts: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:LENGTH]
