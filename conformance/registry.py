"""The registry: every requirement as data, in TOML, each with exactly one of `check` and `exclusion`."""

import hashlib
import importlib
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from conformance.features import FEATURES
from conformance.transcript import Transcript
from conformance.verdict import Judge
from fixtures.errors import BenchError
from fixtures.gateways.descriptor import explain

HERE = Path(__file__).parent / "requirements"

Level = Literal["MUST", "MUST NOT", "SHOULD", "SHOULD NOT", "MAY"]
VerdictClass = Literal["hard", "spec", "declared", "report"]
Check = Callable[[Judge, Transcript], None]


class Source(BaseModel):
    """Where a rule comes from: a document and the section in it."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    document: str
    section: str

    def __str__(self) -> str:
        return f"{self.document}, {self.section}"


class Requirement(BaseModel):
    """One rule that a gateway keeps or breaks."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    id: Annotated[str, Field(pattern=r"^[A-Z]{3,4}-\d{3}$")]
    level: Level
    verdict: VerdictClass
    text: str
    sources: list[Source] = Field(min_length=1)
    guide: list[str] = Field(default_factory=list, description="rows of the guide that it covers")
    feature: str | None = None
    group: str = ""
    check: str | None = None
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
        return self

    def load_check(self) -> Check:
        """The function that judges it: named in the module of its group. Raises BenchError when there is none."""
        module = f"conformance.checks.{self.group}"
        try:
            check: Check = getattr(importlib.import_module(module), self.check or "")
        except (ImportError, AttributeError) as error:
            raise BenchError(
                f"requirements/{self.group}.toml: {self.id} names the check {self.check}, "
                f"which is not in checks/{self.group}.py ({error})"
            ) from error
        return check


class _File(BaseModel):
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
                    raise BenchError(f"{path}: {requirement.id} stands in the registry twice; ids are unique")
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
        loaded = _File.model_validate(data)
    except OSError as error:
        raise BenchError(f"cannot read the requirements {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BenchError(f"the requirements file {path} is not valid TOML: {error}") from error
    except ValidationError as error:
        raise BenchError(f"the requirements file {path}: {explain(error, _File)}") from error
    return [requirement.model_copy(update={"group": path.stem}) for requirement in loaded.requirement]
