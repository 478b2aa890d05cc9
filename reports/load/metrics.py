"""The metrics of a load report, or of a running load, as families of samples; the formats write them. Times are seconds."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from gatebench.reports.load.model import Report

PREFIX = "gatebench_load_"
_QUANTILES = (50.0, 90.0, 95.0, 99.0, 99.9)
_RUNNING: dict[str, tuple[Literal["counter", "gauge"], str]] = {  # see `gatebench.load.generator.main`
    "offered": ("counter", "requests that were due"),
    "done": ("counter", "responses, successful or not"),
    "right": ("counter", "successful responses"),
    "wrong": ("counter", "responses that belonged to another caller"),
    "in_flight": ("gauge", "requests in flight"),
}

Labels = dict[str, str]


@dataclass(frozen=True)
class Summary:
    """A distribution: the values of its quantiles (0 to 1), and the sum and the number of its observations."""

    quantiles: Mapping[float, float]
    sum: float
    count: int


@dataclass(frozen=True)
class Family:
    """Samples of one name, by labels: summaries of a `summary`, numbers otherwise."""

    name: str
    kind: Literal["counter", "gauge", "summary"]
    description: str
    samples: list[tuple[Labels, float]] = field(default_factory=list)
    summaries: list[tuple[Labels, Summary]] = field(default_factory=list)
    unit: str = ""


def of_report(report: Report) -> list[Family]:
    """Return the families of a complete report that have samples."""
    labels = {"target": str(report["target"]), "profile": str(report["profile"]), "kind": str(report["kind"])}
    each = [
        (labels | {"arm": arm["name"], "operation": one["operation"]}, one)
        for arm in report["arms"]
        for one in arm["operations"]
    ]
    good = [(own, _summary(one["response"])) for own, one in each if one["outcome"] == "ok"]
    responses = [(own | {"outcome": one["outcome"]}, float(one["count"])) for own, one in each]
    rates = [(labels | {"arm": arm["name"]}, float(arm["rate"])) for arm in report["arms"]]
    budgets = [
        (labels | {"measure": one["measure"]}, float(one["outcome"] not in ("broken", "not measured")))
        for one in report["budgets"]
    ]
    figures = [(labels | {"figure": name}, float(value)) for name, value in report.get("figures", {}).items()]
    conclusion = [(labels | {"conclusion": str(report["conclusion"])}, 1.0)]
    latency = Family("latency_seconds", "summary", "latency from the intended start", summaries=good, unit="seconds")
    families = [
        latency,
        Family("responses", "counter", "responses by outcome", responses),
        Family("throughput", "gauge", "successful responses per second", rates),
        Family("budget_kept", "gauge", "1 unless the budget is broken", budgets),
        Family("figure", "gauge", "further figures of the profile, by name", figures),
        Family("conclusion", "gauge", "the conclusion of the report", conclusion),
    ]
    return [family for family in families if family.samples or family.summaries]


def of_running(facts: Mapping[str, Any], target: str, profile: str) -> Iterator[Family]:
    """Yield the families of a load that is running; `facts` is the progress of the generator."""
    labels = {"target": target, "profile": profile}
    for name, (kind, description) in _RUNNING.items():
        if name in facts:
            yield Family(f"running_{name}", kind, description, [(labels, float(facts[name]))])


def flat(families: Iterable[Family]) -> Iterator[tuple[str, str, Labels, float]]:
    """Yield name, description, labels and value of every number; a summary has a label `quantile`, and two further names."""
    for family in families:
        for labels, value in family.samples:
            yield PREFIX + family.name, family.description, labels, value
        for labels, summary in family.summaries:
            for point, value in summary.quantiles.items():
                yield PREFIX + family.name, family.description, labels | {"quantile": f"{point:g}"}, value
            yield f"{PREFIX}{family.name}_sum", family.description, labels, summary.sum
            yield f"{PREFIX}{family.name}_count", family.description, labels, float(summary.count)


def _summary(latency: Mapping[str, Any]) -> Summary:
    found = dict(map(tuple, latency["percentiles"]))
    quantiles = {point / 100: found[point] / 1e6 for point in _QUANTILES if point in found}
    return Summary(quantiles, latency["mean_us"] * latency["count"] / 1e6, latency["count"])
