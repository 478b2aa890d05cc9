"""When a result is void, and when a budget is broken."""

from pathlib import Path

import pytest

from gatebench.fixtures.errors import BenchError
from gatebench.load.analysis import validity
from gatebench.load.analysis.validity import PublishedValues
from gatebench.load.profiles import budgets
from gatebench.load.results import report_model, resource_model
from tests.support.load.load_reports import generator, latency, report

VALUES = PublishedValues(p50_us=3000, p99_us=9000, throughput=500, offered=10_000)


def test_undisturbed_measurement_is_valid() -> None:
    judged = validity.judge(generator(), VALUES)
    assert validity.void(judged) == []
    assert len(judged) == 7, "all rules are listed, kept ones too"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"lag_p50_us": 400}, "scheduling lag of the generator distorts the latencies"),
        ({"lag_p99_us": 1500}, "scheduling lag of the generator distorts the latencies"),
        ({"cpu_share": 0.8}, "the load generator was CPU-bound"),
        ({"steal": 0.06}, "the hypervisor gave CPU time to other machines"),
        ({"dropped": 200}, "scheduled requests were never sent"),
        ({"ceiling": 600.0}, "the generator or the upstream was the bottleneck"),
    ],
)
def test_disturbance_voids_the_measurement_with_a_reason(change: dict[str, float], said: str) -> None:
    reasons = validity.void(validity.judge(generator(**change), VALUES))
    assert len(reasons) == 1
    assert said in reasons[0]


def test_lag_is_compared_with_the_published_percentiles() -> None:
    late = generator(lag_p99_us=5000)
    assert validity.void(validity.judge(late, PublishedValues(p50_us=3000, p99_us=60_000))) == []
    assert validity.void(validity.judge(late, PublishedValues(p50_us=3000))) == [], "the p99 is not published"


def test_a_full_load_needs_a_generator_that_is_not_the_bottleneck() -> None:
    assert validity.void(validity.judge(generator(cpu_share=0.9), PublishedValues(open_loop=False))) == []
    assert validity.void(validity.judge(generator(cpu_share=0.97), PublishedValues(open_loop=False)))


def test_cpu_pressure_is_reported_but_does_not_void() -> None:
    judged = validity.judge(generator(pressure=0.9), VALUES)
    assert [rule.rule for rule in judged if not rule.ok] == ["waiting for a CPU"]
    assert validity.void(judged) == []


# -- budgets


def one(measure: str, **limits: float | bool) -> budgets.Budget:
    return budgets.Budget.model_validate({"measure": measure, "why": "because", **limits})


def outcome(budget: budgets.Budget, whole: report_model.LoadReport, *, void: bool = False) -> str:
    return budgets.judge([budget], whole, void=void)[0].outcome


def loaded(p99_us: float = 9000, failed: int = 0) -> report_model.LoadReport:
    operations = [
        report_model.Operation(operation="call", outcome="ok", count=50, response=latency(p50=3000, p99=p99_us)),
        report_model.Operation(operation="list", outcome="ok", count=50, response=latency(p50=1000, p99=2000)),
        report_model.Operation(operation="call", outcome="timeout", count=50, response=latency(p50=10**7, p99=10**7)),
    ]
    gateway = report_model.Arm(name="gateway", done=100, failed=failed, rate=50, operations=operations)
    direct = gateway.model_copy(update={"name": "direct", "failed": 100})
    return report().model_copy(update={"profile": "steady", "arms": [gateway, direct]})


def test_outcomes_of_a_budget() -> None:
    assert outcome(one("latency-p99", max=10), loaded()) == "kept"
    assert outcome(one("latency-p99", max=10), loaded(p99_us=10_001)) == "broken"
    assert outcome(one("throughput", min=51), loaded()) == "broken"
    assert outcome(one("latency-p99.9", max=10), loaded()) == "not measured"
    assert outcome(one("latency-p99.9", max=10, optional=True), loaded()) == "not applicable"


def test_budgets_ignore_the_direct_arm() -> None:
    assert outcome(one("errors", max=0.1), loaded()) == "kept"
    assert outcome(one("errors", max=0.1), loaded(failed=1)) == "broken"


def test_void_result_breaks_only_the_wrong_answers_budget() -> None:
    wrong = loaded(p99_us=99_000)
    wrong.wrong_count = 1
    assert outcome(one("latency-p99", max=10), wrong, void=True) == "void"
    assert outcome(one("wrong-answers", max=0), wrong, void=True) == "broken"


def test_memory_growth_begins_after_the_warm_up() -> None:
    def grown(rss: list[float]) -> float | None:
        samples = [
            resource_model.ResourceSample(at=n, cpu_seconds=n, rss_mib=r, descriptors=1, threads=1, processes=1)
            for n, r in enumerate(rss)
        ]
        whole = report().model_copy(update={"resources": resource_model.Resources(samples=samples)})
        return budgets.MEASURES["memory-growth"][1](whole)

    assert grown([50, 100, 100, 100, 100, 100]) == 0
    assert grown([50, 100, 110, 120, 130]) == pytest.approx(30)
    assert grown([50, 100]) is None


def test_budget_applies_to_its_profiles() -> None:
    budget = one("errors", max=1).model_copy(update={"profiles": ["s*"]})
    assert budget.applies("steady")
    assert not budget.applies("ramp")


def test_shipped_budgets_are_valid_and_kept() -> None:
    shipped = budgets.load()
    assert {"errors", "wrong-answers", "not-back-down"} <= {budget.measure for budget in shipped}
    results = budgets.judge(shipped, loaded(), void=False)
    assert results
    assert {result.outcome for result in results} <= {"kept", "not applicable"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "[[budget]]\nmeasure = 'speed'\nmax = 1\nwhy = 'x'",
            "unknown measure 'speed'; expected one of cpu-per-call, errors",
        ),
        ("[[budget]]\nmeasure = 'errors'\nwhy = 'x'", "the budget of errors needs `max` or `min`"),
        ("[[budget]]\nmeasure = 'errors'\nmax = 1", "budget.0.why is missing; add it"),
        (
            "[[budget]]\nmeasure = 'errors'\nmaximum = 1\nwhy = 'x'",
            "budget.0.maximum is an unknown key; did you mean max?",
        ),
        (
            "[[budget]]\nmeasure = 'errors'\nmax = nan\nwhy = 'x'",
            "budget.0.max is wrong: input should be a finite number, not nan",
        ),
        ("[[budget", "is not valid TOML"),
    ],
)
def test_bad_budgets_file_is_refused_with_its_key(text: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(BenchError) as caught:
        budgets.load(path)
    assert str(path) in str(caught.value)
    assert said in str(caught.value)


def test_missing_budgets_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match=r"cannot read the budgets .*No such file"):
        budgets.load(tmp_path / "none.toml")
