"""The scenarios hold against the lean far end as well; all of them with `make run-lean`, a selection here."""

from pathlib import Path

import pytest
from whole_run import WholeRun

from fixtures import standard
from fixtures.embedded import Embedded
from fixtures.recorder import Recorder
from fixtures.secrets import SecretRegistry
from fixtures.world import World

SELECTION = (
    "conformance/scenarios/test_shared_credentials.py",
    "conformance/scenarios/test_sessions.py",
    "-k",
    "2025-11-25",
)


def test_a_selection_of_scenarios_holds_against_it(tmp_path: Path) -> None:
    run = WholeRun(tmp_path, "--world", "lean", "--target", "reference", *SELECTION)
    assert run.finish() == 0, run.output
    transcript = (tmp_path / "out" / "transcript.jsonl").read_text(encoding="utf-8")
    assert transcript.count("recv_ns") > 50, "the stamps, which only the lean server gives"


@pytest.mark.parametrize("tools", ["tools", "lean"])
def test_which_upstreams_are_lean(tmp_path: Path, tools: str) -> None:
    secrets = SecretRegistry()
    with World(secrets, far_end=Embedded(tools)) as world, Recorder(tmp_path / "t", secrets, run="r") as recorder:
        world.serve(recorder)
        for name, upstream in standard.UPSTREAMS.items():
            answers = world._control[name].get("counters").status_code == 200
            assert answers == (tools == "lean" and upstream.application == "tools"), name
