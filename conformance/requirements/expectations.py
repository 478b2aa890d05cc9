"""The expectations file: known failures and skips of one target, each with a reason and a link; a stale entry fails the run.

[[expect]]
requirement = "CRED-00*"          # a glob on requirement ids
scenario = "credentials/*"        # a glob on scenario names; left out: all of them
outcome = "fail"                  # or "skip": do not check at all; or "flaky": fails at times
rate = 0.3                        # of flaky entries: the share of plays that fail
reason = "the gateway token is forwarded"
link = "https://example.com/issues/1"
"""

import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from gatebench.conformance.outcomes import Outcome
from gatebench.conformance.requirements.registry import Registry
from gatebench.fixtures.errors import BenchError
from gatebench.fixtures.protocol.validation import explain
from gatebench.fixtures.recording import files

LEAST_RATE, MOST_RATE = 0.01, 0.7  # beyond these, a run would need very many plays to tell


class Expectation(BaseModel):
    """One entry."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    requirement: Annotated[str, Field(min_length=1)]
    scenario: Annotated[str, Field(min_length=1)] = "*"
    outcome: Literal["fail", "skip", "flaky"]
    reason: Annotated[str, Field(min_length=1)]
    link: Annotated[str, Field(pattern=r"^https?://\S+$")]
    rate: float | None = None

    @model_validator(mode="after")
    def _rate_of_flaky(self) -> "Expectation":
        if self.outcome != "flaky" and self.rate is not None:
            raise ValueError(f'rate is for outcome = "flaky", and the outcome is "{self.outcome}"; remove one of them')
        if self.outcome == "flaky" and (self.rate is None or not LEAST_RATE <= self.rate <= MOST_RATE):
            raise ValueError(
                f'outcome = "flaky" needs a rate from {LEAST_RATE:g} to {MOST_RATE:g}, the share of plays that fail; what fails '
                'nearly always is outcome = "fail"'
            )
        return self

    @property
    def known_rate(self) -> float:
        """The share of plays that fail; 1 for an entry that is not flaky."""
        return 1.0 if self.rate is None else self.rate

    def matches(self, requirement: str, scenario: str) -> bool:
        """Return whether the entry matches this requirement and scenario."""
        return _glob(self.requirement, requirement) and _glob(self.scenario, scenario)

    def __str__(self) -> str:
        what = f"be flaky at a rate of {self.rate:g}" if self.rate is not None else self.outcome
        return f"{self.requirement} in {self.scenario}: expected to {what} ({self.reason})"


class _ExpectationsFile(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    expect: list[Expectation] = Field(default_factory=list)


def _glob(pattern: str, text: str) -> bool:
    """Match with `*` and `?` only: square brackets are literal, as scenario names contain them."""
    expression = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    return re.fullmatch(expression, text) is not None


class Expectations:
    """The entries of a file; empty without a file."""

    def __init__(self, entries: Iterable[Expectation] = ()) -> None:
        self.entries = list(entries)

    @classmethod
    def load(cls, path: Path, registry: Registry) -> "Expectations":
        """Read a file about requirements; raises BenchError (one sentence) that names the file, the key and the fix."""
        loaded = cls.read(path)
        for entry in loaded.entries:
            if not any(_glob(entry.requirement, identifier) for identifier in registry.by_id):
                raise BenchError(
                    f"the expectations file {path}: requirement {entry.requirement!r} matches no requirement; "
                    "see `gatebench list`"
                )
        return loaded

    @classmethod
    def read(cls, path: Path) -> "Expectations":
        """Read a file whatever its entries are about; raises BenchError (one sentence) if it is not valid."""
        try:
            loaded = _ExpectationsFile.model_validate(tomllib.loads(files.read_text(path)))
        except OSError as error:
            raise BenchError(f"cannot read the expectations {path}: {error.strerror}") from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
            raise BenchError(f"the expectations file {path} is not valid TOML: {error}") from error
        except ValidationError as error:
            raise BenchError(f"the expectations file {path}: {explain(error, _ExpectationsFile)}") from error
        return cls(loaded.expect)

    def skip(self, requirement: str, scenario: str) -> Expectation | None:
        """Return the entry that skips this, if any."""
        return self._find("skip", requirement, scenario)

    def failure(self, requirement: str, scenario: str) -> Expectation | None:
        """Return the entry that lists this failure, if any."""
        return self._find("fail", requirement, scenario)

    def flaky(self, requirement: str, scenario: str) -> Expectation | None:
        """Return the entry that lists this as a flaky failure, if any."""
        return self._find("flaky", requirement, scenario)

    def _find(self, outcome: str, requirement: str, scenario: str) -> Expectation | None:
        matching = (e for e in self.entries if e.outcome == outcome and e.matches(requirement, scenario))
        return next(matching, None)

    def stale(self, judgements: Iterable[Mapping[str, Any]], *, narrowed: bool) -> list[Expectation]:
        """Return entries that no longer match: all their results passed, or (unless the run was narrowed) there are none.

        A flaky entry is stale only if there are none: its results may pass (`gatebench.conformance.evaluation.flaky`).
        """
        seen: dict[Expectation, set[str]] = {entry: set() for entry in self.entries}
        for judgement in judgements:
            for entry, outcomes in seen.items():
                if entry.matches(judgement["requirement"], judgement["scenario"]):
                    outcomes.add(judgement["outcome"])
        met = {"fail": Outcome.KNOWN_FAILURE.value, "skip": Outcome.SKIPPED.value}
        quiet = {Outcome.NOT_APPLICABLE.value, Outcome.NOT_PLAYED.value, Outcome.NOT_OBSERVED.value}
        found = []
        for entry, outcomes in seen.items():
            absent = not outcomes - quiet
            if (absent and not narrowed) or (
                not absent and entry.outcome in met and met[entry.outcome] not in outcomes
            ):
                found.append(entry)
        return found
