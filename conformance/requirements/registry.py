"""The registry: every requirement as data, in TOML, each with exactly one of `check` and `exclusion`."""

import hashlib
import importlib
import pkgutil
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
from gatebench.fixtures.protocol.validation import explain
from gatebench.fixtures.world import definition

HERE = Path(__file__).parent
CHECKS = "gatebench.conformance.checks"

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
        return _check_modules().get(self.group, f"{CHECKS}.{self.group}")

    def load_check(self) -> Check:
        """Return the check function: of its shape, or in the module of its group. Raises BenchError if there is none."""
        if self.cases:
            return RowCheck(SHAPES[self.check or ""].check, ShapeRow(self.id, tuple(self.cases), self.options))
        try:
            check: Check = getattr(importlib.import_module(self.check_module), self.check or "")
        except (ImportError, AttributeError) as error:
            raise BenchError(
                f"requirements/{self.group}.toml: {self.id} names the check {self.check}, "
                f"which is not in checks/{self.group}.py ({error})"
            ) from error
        return check


@cache
def _check_modules() -> dict[str, str]:
    """Return the modules of checks by group, which is the last part of their names."""
    found = pkgutil.walk_packages(importlib.import_module(CHECKS).__path__, f"{CHECKS}.")
    return {module.name.rpartition(".")[2]: module.name for module in found if not module.ispkg}


class _RegistryFile(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    requirement: list[Requirement] = Field(min_length=1)


class Registry:
    """All requirements by id, in the order of their files."""

    def __init__(self, folder: Path = HERE) -> None:
        self.by_id: dict[str, Requirement] = {}
        digest = hashlib.sha256()
        files = sorted(folder.glob("*.toml"))
        if not files:
            raise BenchError(f"there are no requirements in {folder}; it should hold *.toml files")
        for path in files:
            digest.update(path.read_bytes())
            for requirement in _load(path):
                if requirement.id in self.by_id:
                    raise BenchError(f"{path}: {requirement.id} is in the registry twice; ids must be unique")
                self.by_id[requirement.id] = requirement
        self.digest = digest.hexdigest()

    def __getitem__(self, identifier: str) -> Requirement:
        return self.by_id[identifier]

    def __contains__(self, identifier: str) -> bool:
        return identifier in self.by_id

    def __len__(self) -> int:
        return len(self.by_id)

    def all(self) -> list[Requirement]:
        """Every requirement, in order."""
        return list(self.by_id.values())


def _load(path: Path) -> list[Requirement]:
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
        loaded = _RegistryFile.model_validate(data)
    except OSError as error:
        raise BenchError(f"cannot read the requirements {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BenchError(f"the requirements file {path} is not valid TOML: {error}") from error
    except ValidationError as error:
        raise BenchError(f"the requirements file {path}: {explain(error, _RegistryFile)}") from error
    return [requirement.model_copy(update={"group": path.stem}) for requirement in loaded.requirement]


@cache
def shipped() -> Registry:
    """Return the registry of this package, read once."""
    return Registry()
