"""A gateway's descriptor, rendered from a few facts, validated and written."""

import json
import shlex
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import jinja2

from gatebench.conformance.requirements.features import FEATURES, FOLLOWING, IMPLIED, OUTSIDE, PROFILES, claims_of
from gatebench.fixtures.errors import BenchError
from gatebench.fixtures.gateways import descriptor_loader
from gatebench.fixtures.world.definition import LEGACY_REVISIONS, MODERN_REVISION

CLAIMED_PROFILES = tuple(name for name in PROFILES if name != OUTSIDE)
"""The profiles that a gateway may claim of which more is known than its address."""

Kind = Literal["outside", "configured", "command", "image"]
ADDRESS_VARIABLE = "GATEBENCH_TARGET"
"""The variable that a descriptor names in place of an address that may hold a credential."""
READY = "{base_url}/healthz"
SINGLE = "{base_url}/mcp/{server}"


@dataclass(kw_only=True)
class DescriptorFacts:
    """The options of `gatebench init`: what the user knows about the gateway."""

    kind: Kind
    name: str | None = None
    version: str = ""
    url: str | None = None
    command: str | None = None
    image: str | None = None
    ready: str = READY
    single: str = SINGLE
    token_env: str | None = None
    profiles: tuple[str, ...] = ()
    features: tuple[str, ...] = ()


def render(
    facts: DescriptorFacts, file: str, template: str = "descriptor.toml.j2", more: Mapping[str, Any] | None = None
) -> str:
    """Return the text of a descriptor; `file` is its file name.

    `template` is the path of a template in this folder, and `more` the variables that it has beside those of `facts`. Raise
    BenchError for a command that is no command line.
    """
    url = (facts.url or "").rstrip("/")
    # A gateway may answer the address without its last slash with a redirect.
    outside = (
        "{base_url}/"
        if urlsplit(facts.url or "").path.rstrip("/") and (facts.url or "").endswith("/")
        else "{base_url}"
    )
    # With a token that the gateway issued, only requirements about that one caller can be checked.
    least = facts.kind == "configured" and bool(facts.token_env) and not facts.profiles and not facts.features
    profiles = [] if least else [*facts.profiles] or ["core"]
    environment = jinja2.Environment(  # noqa: S701 - TOML, not HTML
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=jinja2.StrictUndefined,
    )
    # A basic string of TOML is one of JSON.
    environment.filters["toml"] = lambda value: json.dumps(value, ensure_ascii=False)
    return environment.get_template(template).render(
        kind=facts.kind,
        file=file,
        name=facts.name or address_of(url) or Path(file).stem,
        version=facts.version,
        url=url,
        command=_words(facts.command or ""),
        image=facts.image,
        ready=facts.ready,
        single=outside if facts.kind == "outside" else facts.single,
        token_env=facts.token_env,
        profiles=profiles,
        all_profiles=CLAIMED_PROFILES,
        features=facts.features,
        further=_further(profiles, facts.features),
        revisions=LEGACY_REVISIONS,
        modern=MODERN_REVISION,
        **(more or {}),
    )


def _words(command: str) -> list[str]:
    try:
        return shlex.split(command)
    except ValueError as error:
        raise BenchError(f"--command {command!r} cannot be split into words: {error}; close the quotation") from error


def _further(profiles: Iterable[str], features: Iterable[str]) -> dict[str, str]:
    """Return the extended features of profiles that can be claimed one by one, with their meaning, without `features`."""
    known = [PROFILES[name].extended for name in profiles if name in PROFILES]
    left_out = {*features, *FOLLOWING, *IMPLIED}
    return {name: FEATURES[name] for names in known for name in names if name not in left_out}


def address_of(url: str) -> str:
    """Return host and port of a URL, without a user's name and password. Raise BenchError if it is not a URL."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        raise BenchError(f"{url!r} is not a URL: {error}; write for example https://gw.example.com/mcp") from error
    return parts.netloc.rpartition("@")[2]


def write(text: str, path: Path) -> None:
    """Validate a descriptor and write it. Raise BenchError if it is invalid, or `path` cannot be written."""
    if path.is_dir():
        raise BenchError(f"cannot write {path}: it is a folder; name a file")
    with tempfile.TemporaryDirectory(prefix="gatebench-") as folder:
        trial = Path(folder) / path.name
        try:
            trial.write_text(text, encoding="utf-8")
            claims_of(descriptor_loader.load(trial), trial)
        except UnicodeEncodeError as error:
            wrong = error.object[error.start : error.end]
            raise BenchError(
                f"the descriptor would be invalid: {wrong!r} in an option is not UTF-8; write the option in UTF-8"
            ) from error
        except BenchError as error:
            raise BenchError(str(error).replace(f"{trial}", "the descriptor would be invalid")) from error
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise BenchError(f"cannot write {path}: {error.strerror}; use another file name") from error
