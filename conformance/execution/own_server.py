"""The user's own server of a run: where it is described, and whether this run can have it."""

from pathlib import Path

from gatebench.conformance.requirements.features import OUTSIDE, claims_of
from gatebench.fixtures.errors import BenchError
from gatebench.fixtures.gateways.target import Target
from gatebench.fixtures.harness.backend_choice import WorldKind
from gatebench.fixtures.world.own_upstream import description
from gatebench.fixtures.world.own_upstream.description import OwnDescription

WORLDS = ("embedded", "lean")


def described_for(target: Target, file: Path | None, world: WorldKind) -> OwnDescription | None:
    """Return the description in the file of `--upstream`, else that in the descriptor; None without either.

    Raise BenchError with one sentence if it is not valid, or if the gateway or the world cannot have such a server.
    """
    section = target.descriptor.upstream
    described = description.load(file) if file else OwnDescription(target.path, section) if section else None
    if described is None:
        return None
    features = claims_of(target.descriptor, target.path).features
    model = f"upstream.{described.upstream.auth_model}"
    if OUTSIDE in features:
        raise BenchError(
            f"{described.file}: [upstream] needs a gateway that is configured from world.json, and of {target.path} only an "
            "address is known; write a descriptor for it"
        )
    if world not in WORLDS:
        raise BenchError(
            f"{described.file}: [upstream] needs --world {' or '.join(WORLDS)}: the recorder in front of the server runs in "
            "this process"
        )
    if model not in features:
        raise BenchError(
            f"{described.file}: upstream.auth makes it a server of the kind {model}, which {target.path} does not claim; "
            "claim it, or use another server"
        )
    return described
