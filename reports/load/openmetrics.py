"""load.prom: a load report, or the state of a running load, in the text format of OpenMetrics 1.0, which Prometheus reads.

Times are seconds. The file is replaced as a whole, so that a reader (the textfile collector of node_exporter, a web server) never
sees half of it.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from gatebench.fixtures.recording import files
from gatebench.reports.load.model import Report

NAME = "load.prom"
_QUANTILES = (50.0, 90.0, 95.0, 99.0, 99.9)
_RUNNING = {  # progress of the generator (`gatebench.load.generator.main`)
    "offered": ("counter", "requests that were due"),
    "done": ("counter", "responses, successful or not"),
    "right": ("counter", "successful responses"),
    "wrong": ("counter", "responses that belonged to another caller"),
    "in_flight": ("gauge", "requests in flight"),
}

Labels = dict[str, str]


def write(report: Report, folder: Path) -> Path:
    """Write load.prom of a complete report into the folder and return its path."""
    return _replace(folder / NAME, text(report))


def write_running(facts: Mapping[str, Any], target: str, profile: str, folder: Path) -> Path:
    """Write load.prom of a load that is running; `facts` is the progress of the generator."""
    labels = {"target": target, "profile": profile}
    families = [
        _family(f"running_{name}", kind, said, [(labels, float(facts[name]))])
        for name, (kind, said) in _RUNNING.items()
        if name in facts
    ]
    return _replace(folder / NAME, _document(families))


def text(report: Report) -> str:
    """Return a report in OpenMetrics text."""
    labels = {"target": str(report["target"]), "profile": str(report["profile"]), "kind": str(report["kind"])}
    each = [
        (labels | {"arm": arm["name"], "operation": one["operation"]}, one)
        for arm in report["arms"]
        for one in arm["operations"]
    ]
    good = [(own, one["response"]) for own, one in each if one["outcome"] == "ok"]
    responses = [(own | {"outcome": one["outcome"]}, float(one["count"])) for own, one in each]
    rates = [(labels | {"arm": arm["name"]}, float(arm["rate"])) for arm in report["arms"]]
    budgets = [
        (labels | {"measure": one["measure"]}, float(one["outcome"] not in ("broken", "not measured")))
        for one in report["budgets"]
    ]
    figures = [(labels | {"figure": name}, float(value)) for name, value in report.get("figures", {}).items()]
    conclusion = [(labels | {"conclusion": str(report["conclusion"])}, 1.0)]
    return _document(
        [
            _latencies(good),
            _family("responses", "counter", "responses by outcome", responses),
            _family("throughput", "gauge", "successful responses per second", rates),
            _family("budget_kept", "gauge", "1 unless the budget is broken", budgets),
            _family("figure", "gauge", "further figures of the profile, by name", figures),
            _family("conclusion", "gauge", "the conclusion of the report", conclusion),
        ]
    )


def _latencies(operations: Iterable[tuple[Labels, Report]]) -> list[str]:
    name = "gatebench_load_latency_seconds"
    lines = [f"# TYPE {name} summary", f"# UNIT {name} seconds", f"# HELP {name} latency from the intended start"]
    for labels, latency in operations:
        found = dict(map(tuple, latency["percentiles"]))
        lines += [
            _sample(name, labels | {"quantile": f"{point / 100:g}"}, found[point] / 1e6)
            for point in _QUANTILES
            if point in found
        ]
        lines.append(_sample(f"{name}_sum", labels, latency["mean_us"] * latency["count"] / 1e6))
        lines.append(_sample(f"{name}_count", labels, float(latency["count"])))
    return lines if len(lines) > 3 else []


def _family(name: str, kind: str, said: str, samples: Iterable[tuple[Labels, float]]) -> list[str]:
    full = f"gatebench_load_{name}"
    end = "_total" if kind == "counter" else ""
    lines = [_sample(full + end, labels, value) for labels, value in samples]
    return [f"# TYPE {full} {kind}", f"# HELP {full} {said}", *lines] if lines else []


def _sample(name: str, labels: Labels, value: float) -> str:
    shown = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels.items())
    return f"{name}{{{shown}}} {value:.10g}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _document(families: Iterable[list[str]]) -> str:
    return "\n".join([*(line for family in families for line in family), "# EOF"]) + "\n"


def _replace(path: Path, content: str) -> Path:
    half = path.with_suffix(".part")
    files.write_text(half, content)
    half.replace(path)
    return path
