"""Tests of generators as child processes: with a plan, and started before their plan is known."""

import psutil
import pytest

from gatebench.load.generator.process import GeneratorProcess
from gatebench.load.plan.plan import PlannedArm
from tests.support.load.http_server import TinyServer
from tests.support.load.load_plans import a_call, a_plan


def test_generator_that_waits_runs_the_plan_that_it_is_sent() -> None:
    with GeneratorProcess(None) as generator, TinyServer() as server:
        assert not (generator.folder / "plan.json").exists()
        plan = a_plan(PlannedArm(name="direct", calls=[a_call(server.url("right"))]), seconds=0.5, rate=50.0)
        generator.send(plan)
        result, samples = generator.finish()
    assert (result.ended, result.counts.done) == ("complete", len(samples))
    assert result.counts.done == result.counts.offered > 0


def test_generator_that_got_no_plan_ends_with_its_block() -> None:
    with GeneratorProcess(None) as generator:
        process = psutil.Process(generator.pid)
        folder = generator.folder
    assert not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    assert not folder.exists()


def test_generator_has_one_plan() -> None:
    with GeneratorProcess(None) as generator, pytest.raises(AssertionError, match="no plan"):
        generator.finish()
    with TinyServer() as server:
        plan = a_plan(PlannedArm(name="direct", calls=[a_call(server.url("right"))]), seconds=0.2, rate=20.0)
        with GeneratorProcess(plan) as generator, pytest.raises(AssertionError, match="has a plan"):
            generator.send(plan)
