"""load.prom and the CSV files of a load report."""

import csv
import json
import re
from pathlib import Path
from typing import Any

from gatebench.reports.load import openmetrics, table

REPORT: dict[str, Any] = json.loads((Path(__file__).parents[1] / "data" / "load.json").read_text(encoding="utf-8"))
SAMPLE = re.compile(r'^(gatebench_load_[a-z_]+)\{((?:[a-z_]+="(?:[^"\\\n]|\\.)*",?)+)\} (-?[0-9.e+-]+)$')


def samples(text: str) -> dict[str, float]:
    lines = text.splitlines()
    assert lines[-1] == "# EOF"
    assert text.endswith("\n")
    assert all(line.startswith("# ") or SAMPLE.match(line) for line in lines), text
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines if not line.startswith("#")}


def test_metrics_of_a_report() -> None:
    found = samples(openmetrics.text(REPORT))
    base = 'target="reference",profile="steady",kind="run"'
    own = f'{base},arm="gateway",operation="call"'
    assert found[f'gatebench_load_latency_seconds{{{own},quantile="0.5"}}'] == 0.0042
    assert found[f"gatebench_load_latency_seconds_count{{{own}}}"] == 6000
    assert found[f'gatebench_load_responses_total{{{own},outcome="timeout"}}'] == 10
    assert found[f'gatebench_load_budget_kept{{{base},measure="errors"}}'] == 0
    assert found[f'gatebench_load_figure{{{base},figure="slowdown"}}'] == 1.2
    assert found[f'gatebench_load_conclusion{{{base},conclusion="{REPORT["conclusion"]}"}}'] == 1


def test_each_family_is_announced_once() -> None:
    text = openmetrics.text(REPORT)
    names = re.findall(r"^# TYPE (\S+)", text, re.MULTILINE)
    assert len(names) == len(set(names))
    assert all(any(line.startswith(name) for name in names) for line in text.splitlines() if not line.startswith("#"))


def test_labels_are_escaped() -> None:
    odd = {**REPORT, "target": 'a"b\\c\nd'}
    assert 'target="a\\"b\\\\c\\nd"' in openmetrics.text(odd)
    samples(openmetrics.text(odd))


def test_running_load_is_replaced_by_its_report(tmp_path: Path) -> None:
    facts = {"t": 1.0, "seconds": 5.0, "offered": 10, "done": 9, "right": 8, "in_flight": 1, "wrong": 0}
    path = openmetrics.write_running(facts, "https://gw.example.com/mcp", "steady", tmp_path)
    found = samples(path.read_text())
    assert found['gatebench_load_running_right_total{target="https://gw.example.com/mcp",profile="steady"}'] == 8
    assert found['gatebench_load_running_in_flight{target="https://gw.example.com/mcp",profile="steady"}'] == 1
    assert openmetrics.write(REPORT, tmp_path) == path
    assert "running" not in path.read_text()
    assert [one.name for one in tmp_path.iterdir()] == ["load.prom"]


def test_tables_have_every_operation_and_every_second(tmp_path: Path) -> None:
    table.write(REPORT, tmp_path)
    with (tmp_path / "load.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == sum(len(arm["operations"]) for arm in REPORT["arms"])
    call = next(row for row in rows if (row["arm"], row["operation"], row["outcome"]) == ("gateway", "call", "ok"))
    assert (call["count"], call["p50_ms"]) == ("6000", "4.2")
    with (tmp_path / "load-seconds.csv").open(newline="") as file:
        assert len(list(csv.DictReader(file))) == len(REPORT["moments"])
