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
from collections.abc import Collection, Iterable, Iterator, Mapping
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
    """Digests of the top-level statements of a file.

    Of a module with faults, each fault and each other name has its own digest, those of what it uses in the module, and
    the names that it uses of other modules with faults.
    """

    statements: list[str] = field(default_factory=list)
    faults: dict[str, list[str]] = field(default_factory=dict)
    names: dict[str, list[str]] = field(default_factory=dict)
    imported: dict[str, list[str]] = field(default_factory=dict)


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
    return Digests(_hash(sorted(statements)), dict(sorted(_faults(read.values()))))


def _faults(files: Collection[_SourceFile]) -> Iterator[tuple[str, str]]:
    """Yield each fault with its digest: of what it uses, in its module and in other modules with faults."""
    for file in files:
        for fault, digests in file.faults.items():
            used, seen, waiting = {*digests}, set[str](), [*file.imported[fault]]
            while waiting:
                name = waiting.pop()
                for other in files if name not in seen else ():
                    used.update(other.names.get(name, ()))
                    waiting += other.imported.get(name, ())
                seen.add(name)
            yield fault, _hash(sorted(used))


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
    """Hash each top-level statement; with faults, each name with the statements of its module that it uses."""
    module, faults = _Module(), []
    for statement in ast.parse(content).body:
        decisions = _decisions(statement) if isinstance(statement, ast.FunctionDef) else []
        for decision in decisions:
            if isinstance(decision, ast.Constant):
                decision.value = _without_folders(decision.value)
        module.add(statement)
        if isinstance(statement, ast.FunctionDef) and decisions:
            faults.append(statement.name)
    if not faults:
        return _SourceFile(module.digests)
    found = _SourceFile()
    for name in module.defined:
        of = found.faults if name in faults else found.names
        key = name.replace("_", "-") if name in faults else name
        digests, imported = module.used_by(name)
        of[key], found.imported[key] = sorted(digests), sorted(imported)
    return found


class _Module:
    """The top-level statements of a module: which names they define, and which they use."""

    def __init__(self) -> None:
        self.digests: list[str] = []
        self.defined: dict[str, list[tuple[str, ast.stmt]]] = {}
        self._unnamed: list[tuple[str, ast.stmt]] = []  # these have an effect on every function
        self._imported: set[str] = set()

    def add(self, statement: ast.stmt) -> None:
        """Add the next statement."""
        if isinstance(statement, ast.ImportFrom) and "faults" in (statement.module or "").split("."):
            self._imported |= {alias.name for alias in statement.names}
        if not (text := " ".join(_words(statement))):
            return
        digest, names = _hash([text]), set(_defined_names(statement))
        self.digests.append(digest)
        for name in names:
            self.defined.setdefault(name, []).append((digest, statement))
        if not names:
            self._unnamed.append((digest, statement))

    def used_by(self, name: str) -> tuple[set[str], set[str]]:
        """Return the digests of the statements that a name depends on, and the names that these import."""
        waiting = [*self.defined[name], *self._unnamed]
        used, imported = {digest for digest, _ in waiting}, set()
        while waiting:
            _, statement = waiting.pop()
            for node in ast.walk(statement):
                if isinstance(node, ast.Name):
                    imported |= {node.id} & self._imported
                    further = [one for one in self.defined.get(node.id, []) if one[0] not in used]
                    used |= {digest for digest, _ in further}
                    waiting += further
        return used, imported


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
