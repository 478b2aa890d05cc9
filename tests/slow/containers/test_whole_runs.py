"""The same scenarios, the same verdicts: the reference embedded, with its mocks in containers, and in one itself."""

import os
from pathlib import Path

import pytest

from gatebench.conformance.selftest.kill_matrix.runs.share import rotating
from gatebench.fixtures.containers.network_faults import links_can_be_bad
from gatebench.fixtures.world.backends.base import MOCKS
from gatebench.fixtures.world.definition import REVISIONS
from tests.support.containers import FEW, client, gatebench, gatebench_process, left, report, until

WHOLE = 900.0  # seconds, for a run of everything on a busy machine
# In CI the revision of the commit, by itself; `make containers` plays everything.
REVISION = rotating(REVISIONS, 1)[0] if os.environ.get("GATEBENCH_TRIAL") == "share" else ""


def outcomes(folder: Path) -> dict[str, str]:
    return {found["id"]: found["outcome"] for found in report(folder)["requirements"]}


def on_a_network(folder: Path) -> set[str]:
    """Return the outcomes of the scenarios that need containers, without those that were not observed."""
    found = {one["outcome"] for one in report(folder)["judgements"] if one["scenario"].startswith("network/")}
    return found - {"not-observed", "not-applicable"}


def test_reference_in_a_container_has_the_outcomes_of_the_embedded_one(tmp_path: Path) -> None:
    """All profiles, core, per-user-oauth and virtual-servers among them, outcome by outcome; and nothing is left."""
    options = ["-k", f"{REVISION} or network"] if REVISION else []
    embedded = gatebench(tmp_path, "run", "reference", "-n", "2", *options, "--out", "embedded", seconds=WHOLE)
    assert embedded[0] == 0, embedded
    contained = gatebench(
        tmp_path, "run", "reference-container", "-n", "2", *options, "--out", "contained", seconds=WHOLE
    )
    assert contained[0] == 0, contained
    assert outcomes(tmp_path / "contained") == outcomes(tmp_path / "embedded")
    assert on_a_network(tmp_path / "contained") == {"pass"} | (set() if links_can_be_bad() else {"not-played"})
    assert on_a_network(tmp_path / "embedded") == {"not-played"}
    print("\n" + contained[1])  # the start time of the world, for the log of CI
    assert not left()


def test_links_can_have_delay_and_loss() -> None:
    """Where they cannot, the scenarios that depend on it are not run, and the report says so."""
    if not links_can_be_bad():
        pytest.skip("NOT RUN: delay and loss on links; the kernel under the engine has no netem (module sch_netem)")


def test_a_gateway_on_the_host_with_its_mocks_in_containers(tmp_path: Path) -> None:
    status, output, errors = gatebench(
        tmp_path, "run", "reference", "--world", "containers", "-k", "whole_life and 2026", "--out", "evidence"
    )
    assert (status, errors) == (0, ""), output
    transcript = (tmp_path / "evidence" / "transcript.jsonl").read_text(encoding="utf-8")
    assert '"node": "mail"' in transcript
    assert '"leg": "idp"' in transcript
    assert not left()


def test_mock_that_exits_ends_the_run_with_a_harness_error(tmp_path: Path) -> None:
    with gatebench_process(tmp_path, "run", "reference", "--world", "containers", "--out", "evidence") as started:
        until(started.judging)
        run = started.run
        with client() as connected:
            connected.containers.get(f"{run}-web-search").kill()
        status, output, errors = started.finish()
    assert status == 3, (output, errors)
    assert "the mock web-search has gone" in output + errors
    assert not left(run)


def test_container_ports_are_on_loopback_and_users_unprivileged(tmp_path: Path) -> None:
    with gatebench_process(tmp_path, "run", "reference-container", "--out", "evidence") as started:
        until(started.judging)
        run = started.run
        with client() as connected:
            containers = connected.containers.list(filters={"label": f"gatebench.run={run}"})
            assert {one.name.removeprefix(f"{run}-") for one in containers} == {*MOCKS, "gateway"}
            published = [where["HostIp"] for one in containers for bound in one.ports.values() for where in bound or ()]
            assert set(published) == {"127.0.0.1"}
            assert connected.networks.get(f"{run}-world").attrs["Internal"]
            for one in containers:
                assert one.attrs["Config"]["User"] == "10001:10001"
                assert not one.attrs["HostConfig"]["Privileged"]
        started.interrupt()
        status, _, errors = started.finish()
    assert (status, errors) == (130, "gatebench: interrupted; evidence so far is kept\n")
    assert not left(run)


def test_two_concurrent_runs(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    arguments = ("run", "reference", "--world", "containers", *FEW, "--out", "evidence")
    with gatebench_process(tmp_path / "one", *arguments) as one, gatebench_process(tmp_path / "two", *arguments) as two:
        assert [one.finish()[0], two.finish()[0]] == [0, 0]
    assert not left()
