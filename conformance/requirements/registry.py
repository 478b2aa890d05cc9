"""The registry: every requirement as data, in TOML, each with exactly one of `check` and `exclusion`."""

import hashlib
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from gatebench.conformance.checks.shapes.cases import ShapeRow
from gatebench.conformance.checks.shapes.catalog import SHAPES, ShapeCheck
from gatebench.conformance.outcomes import CheckContext
from gatebench.conformance.requirements.features import FEATURES
from gatebench.conformance.transcript import Transcript
from gatebench.fixtures.errors import BenchError
from gatebench.fixtures.extensions import catalog
from gatebench.fixtures.extensions.manifest import Extension
from gatebench.fixtures.protocol.validation import explain
from gatebench.fixtures.world import definition

HERE = Path(__file__).parent

Level = Literal["MUST", "MUST NOT", "SHOULD", "SHOULD NOT", "MAY"]
VerdictClass = Literal["hard", "spec", "declared", "report"]
Check = Callable[[CheckContext, Transcript], None]


@dataclass(frozen=True)
class RowCheck:
    """The check of a row: that of its shape, applied to its cases."""

    shape: ShapeCheck
    row: ShapeRow

    def __call__(self, context: CheckContext, transcript: Transcript) -> None:
        """Check a transcript."""
        self.shape(context, transcript, self.row)

    @property
    def __doc__(self) -> str:  # type: ignore[override]
        """Return the description of the shape."""
        return self.shape.__doc__ or ""


class Source(BaseModel):
    """Source of a rule: a document and the section in it."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    document: str
    section: str

    def __str__(self) -> str:
        return f"{self.document}, {self.section}"


class OnlyRevisions(BaseModel):
    """The protocol revisions that a rule is about, if not all, and the reason."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    only: list[str] = Field(min_length=1)
    reason: str = Field(min_length=1)

    @field_validator("only")
    @classmethod
    def _known(cls, given: list[str]) -> list[str]:
        unknown = [revision for revision in given if revision not in definition.REVISIONS]
        if unknown:
            raise ValueError(f"{unknown[0]!r} is not a protocol revision; available: {', '.join(definition.REVISIONS)}")
        return given


class Prerequisites(BaseModel):
    """Features that a rule needs in order to run, beside its own and those of the profile core, and the reason."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    features: list[str] = Field(min_length=1)
    reason: str = Field(min_length=1)

    @field_validator("features")
    @classmethod
    def _known(cls, given: list[str]) -> list[str]:
        unknown = [feature for feature in given if feature not in FEATURES]
        if unknown:
            raise ValueError(f"the feature {unknown[0]} does not exist")
        return given


class Requirement(BaseModel):
    """One rule for gateways."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    id: Annotated[str, Field(pattern=r"^[A-Z]{3,4}-\d{3}$")]
    level: Level
    verdict: VerdictClass
    text: str
    sources: list[Source] = Field(min_length=1)
    guide: list[str] = Field(default_factory=list, description="rows of the guide that it covers")
    feature: str | None = None
    revisions: OnlyRevisions | None = None
    prerequisites: Prerequisites | None = None
    group: str = ""
    extension: str = catalog.OWN
    check: str | None = None
    cases: list[str] = Field(
        default_factory=list, description="makes it a row of the shape that `check` names: its traffic"
    )
    options: dict[str, Any] = Field(default_factory=dict, description="what differs between the rows of a shape")
    exclusion: str | None = None
    no_fault: str = Field(default="", description="why no fault of a gateway can break it; see the kill matrix")
    direct: bool = Field(
        default=False, description="holds for any MCP server: asked of the upstream alone before blaming"
    )
    sweep: bool = Field(default=False, description="also judged over the whole run at its end")

    @model_validator(mode="after")
    def _one_of_check_and_exclusion(self) -> "Requirement":
        if (self.check is None) == (self.exclusion is None):
            raise ValueError(f"{self.id} needs exactly one of check and exclusion")
        if self.feature is not None and self.feature not in FEATURES:
            raise ValueError(f"{self.id} names the feature {self.feature}, which does not exist")
        if self.cases:
            self._row_of_a_shape()
        elif self.options:
            raise ValueError(f"{self.id} has options, which only a row of a shape takes; name its cases")
        return self

    def _row_of_a_shape(self) -> None:
        shape = SHAPES.get(self.check or "")
        if shape is None:
            raise ValueError(f"{self.id} has cases, and {self.check!r} is no shape; available: {', '.join(SHAPES)}")
        for name in sorted(shape.required - self.options.keys()):
            raise ValueError(f"{self.id}: the shape {self.check} needs the option {name}")
        for name in sorted(self.options.keys() - shape.required - shape.optional):
            raise ValueError(f"{self.id}: the shape {self.check} has no option {name}")

    @property
    def about(self) -> tuple[str, ...]:
        """The protocol revisions that it is about: it runs in those of them that a gateway claims."""
        return tuple(self.revisions.only) if self.revisions else definition.REVISIONS

    @property
    def check_module(self) -> str:
        """The module of its shape, or of its group, in whichever folder of the checks that is."""
        if self.cases:
            return SHAPES[self.check or ""].check.__module__
        modules = catalog.named(self.extension).check_modules
        return modules.get(self.group, f"{self.extension}/checks/{self.group}")

    def load_check(self) -> Check:
        """Return the check function: of its shape, or in the module of its group. Raises BenchError if there is none."""
        if self.cases:
            return RowCheck(SHAPES[self.check or ""].check, ShapeRow(self.id, tuple(self.cases), self.options))
        extension, where = catalog.named(self.extension), f"requirements/{self.group}.toml: {self.id}"
        module = extension.check_modules.get(self.group)
        if module is None:
            raise BenchError(
                f"{where} names the check {self.check}, and there is no module {self.group}.py in the folder `checks` of the "
                f"extension {self.extension} ({extension.path}); add it"
            )
        loaded = extension.load_module("checks", module)
        check: Check | None = getattr(loaded, self.check or "", None)
        if check is None:
            raise BenchError(
                f"{where} names the check {self.check}, which is not in {loaded.__file__}; add it, or name another"
            )
        return check


class _RegistryFile(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    requirement: list[Requirement] = Field(min_length=1)


class Registry:
    """All requirements by id, in the order of their files."""

    def __init__(self, folder: Path | None = None) -> None:
        """Read the requirements of all extensions, or those in a folder. Raises BenchError if they are not valid."""
        self.by_id: dict[str, Requirement] = {}
        self._paths: dict[str, Path] = {}  # of ids, and of groups
        digest = hashlib.sha256()
        for extension, path in _files(folder):
            digest.update(path.read_bytes())
            self._take_group(path, extension)
            for requirement in _load(path, extension.name if extension else catalog.OWN):
                if requirement.id in self.by_id:
                    raise BenchError(
                        f"{path}: the id {requirement.id} is in the registry twice; it is in {self._paths[requirement.id]} "
                        "too; choose another"
                    )
                self.by_id[requirement.id], self._paths[requirement.id] = requirement, path
        self.digest = digest.hexdigest()

    def _take_group(self, path: Path, extension: Extension | None) -> None:
        if path.stem in self._paths:
            raise BenchError(
                f"{path}: another extension has requirements of the group {path.stem} ({self._paths[path.stem]}); rename the file"
            )
        if extension is not None and not path.stem.isidentifier():
            raise BenchError(
                f"{path}: its name is no name of a group; write lower-case letters, digits and underscores"
            )
        self._paths[path.stem] = path

    def __getitem__(self, identifier: str) -> Requirement:
        return self.by_id[identifier]

    def __contains__(self, identifier: str) -> bool:
        return identifier in self.by_id

    def __len__(self) -> int:
        return len(self.by_id)

    def all(self) -> list[Requirement]:
        """Every requirement, in order."""
        return list(self.by_id.values())


def _files(folder: Path | None) -> list[tuple[Extension | None, Path]]:
    if folder is None:
        return [(extension, path) for extension in catalog.extensions() for path in extension.requirements]
    files = sorted(folder.glob("*.toml"))
    if not files:
        raise BenchError(f"there are no requirements in {folder}; it should hold *.toml files")
    return [(None, path) for path in files]


def _load(path: Path, extension: str) -> list[Requirement]:
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
        loaded = _RegistryFile.model_validate(data)
    except OSError as error:
        raise BenchError(f"cannot read the requirements {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BenchError(f"the requirements file {path} is not valid TOML: {error}") from error
    except ValidationError as error:
        raise BenchError(f"the requirements file {path}: {explain(error, _RegistryFile)}") from error
    origin = {"group": path.stem, "extension": extension}
    return [requirement.model_copy(update=origin) for requirement in loaded.requirement]


def loaded() -> Registry:
    """Return the registry of all extensions, read once for each set of them."""
    return _of(catalog.extensions())


@cache
def _of(_extensions: tuple[Extension, ...]) -> Registry:
    return Registry()
