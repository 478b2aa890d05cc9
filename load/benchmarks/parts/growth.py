"""Benchmark: how the cost of a call grows with the work: callers, tools, members, payload, sessions, generator processes.

Each point is one run of the reference gateway with a profile of one kind of call; processes of the generator are measured against
the lean upstream alone. `growth:AXIS` measures one axis; `--short` the first points of each only, a few seconds each.
"""

import json
import math
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from gatebench.load.benchmarks import load_tools, markdown, servers
from gatebench.load.benchmarks.markdown import Part, Section, conditions
from gatebench.load.plan.plan import PlannedCall

NAME = "growth"
SHORT_POINTS, SHORT_SECONDS = 2, 3.0
LONG_SECONDS = 20.0
RATE = 40.0  # calls per second
USERS = 64  # of the generator alone

Toml = str


@dataclass(frozen=True)
class GrowthAxis:
    """One kind of work: its points, and the profile of a point with its rate and the least number of calls that it needs."""

    title: str
    points: Sequence[int]
    profile: Callable[[int], Toml]
    rate: Callable[[int], float] = lambda _: RATE
    least: Callable[[int], int] = lambda _: 0


@dataclass(frozen=True)
class Point:
    """What one point cost; None where it was not measured."""

    value: int
    calls: int
    cpu_us: float | None = None  # of the gateway, per call (of the generator, on its own axis)
    p50_us: float | None = None
    rss_mib: float | None = None  # the most
    said: str = ""


def _call(**fields: Any) -> Toml:
    lines = [f"{key} = {json.dumps(value)}" for key, value in ({"operation": "call"} | fields).items()]
    return "\n".join(["[[point.call]]", *lines])


def _profile(*tables: str, **fields: str) -> Toml:
    head = ['purpose = "one point of a curve"', 'finds = "the growth of a cost"', "rate = 1", "seconds = 1"]
    return "\n".join(["[point]", *head, *(f"{key} = {value}" for key, value in fields.items()), *tables])


def _tools(count: int) -> Toml:
    body, undo = f"{{ catalogue = {count} }}", "{ catalogue = 0 }"
    condition = (
        f'[{{ mock = "everything", method = "PUT", path = "knobs", body = {body}, '
        f'undo = {{ method = "PUT", path = "knobs", body = {undo} }} }}]'
    )
    return _profile(_call(server="everything", method="tools/list"), prepare=condition)


def _members(count: int) -> Toml:
    return _profile(_call(server="many-members", method="tools/list"), crowd=f"{{ members = {count} }}")


AXES = {
    "callers": GrowthAxis(
        "callers, each with its own token",
        (1, 10, 100, 1_000, 10_000),
        lambda count: _profile(_call(callers=["crowd"]), crowd=f"{{ users = {count} }}"),
        least=lambda count: 2 * count,
    ),
    "tools": GrowthAxis(
        "tools in the list that is called", (8, 50, 500, 5_000), _tools, rate=lambda n: RATE / (1 + n / 500)
    ),
    "members": GrowthAxis(
        "members of a virtual server, of which the list is called",
        (1, 5, 20, 50),
        _members,
        rate=lambda n: RATE / n**0.5,
    ),
    "payload": GrowthAxis(
        "bytes of a response",
        (1 << 10, 1 << 14, 1 << 17, 1 << 20, 8 << 20),
        lambda size: _profile(_call(tool="big"), f"arguments = {{ size = {size} }}"),
        rate=lambda size: min(RATE, 8 * (1 << 20) / size * 2),
    ),
    "sessions": GrowthAxis(
        "sessions that are open at the same time, one for each caller",
        (1, 10, 100, 1_000, 10_000),
        lambda count: _profile(_call(callers=["crowd"], era="legacy"), crowd=f"{{ users = {count} }}"),
        least=lambda count: 3 * count,
    ),
}
PROCESSES = (1, 2, 4, 8)


def measure(_rounds: int, _seconds: float, only: Iterable[str] = (), *, short: bool = False) -> Section:
    """Measure curves (default: all); those of other axes on the page are kept."""
    known = markdown.known(NAME)
    curves = {name: _kept(known, name) for name in (*AXES, "processes")}
    for name in only or curves:
        curves[name] = _processes(short=short) if name == "processes" else _curve(name, AXES[name], short=short)
        print(curves[name], flush=True)
    head = [
        "## Cost against work",
        "",
        "The reference gateway, one process on a core of its own where there are two; the power is the exponent of CPU per call",
        "against the work, from the first point to the last: 0 is constant, 1 is proportional.",
    ]
    return Section("\n\n".join(["\n".join(head), *(curve for curve in curves.values() if curve)]))


def parts() -> dict[str, Part]:
    """Return a part for each single axis, and the short mode, by its name on the command line."""
    single: dict[str, Part] = {f"{NAME}:{axis}": partial(measure, only=[axis]) for axis in (*AXES, "processes")}
    return single | {f"{NAME}:short": partial(measure, short=True)}


def _kept(page: str, name: str) -> str:
    begin, end = f"<!-- curve {name} -->", f"<!-- end of curve {name} -->"
    middle = page.partition(begin)[2].partition(end)[0]
    return f"{begin}{middle}{end}" if middle else ""


def _curve(name: str, axis: GrowthAxis, *, short: bool) -> str:
    points = axis.points[:SHORT_POINTS] if short else axis.points
    seconds = SHORT_SECONDS if short else LONG_SECONDS
    found = [_point(axis, value, seconds, short=short) for value in points]
    return _table(name, axis.title, found, seconds, "CPU us per call", short=short)


def _point(axis: GrowthAxis, value: int, seconds: float, *, short: bool) -> Point:
    rate = axis.rate(value)
    longer = seconds if short else max(seconds, axis.least(value) / rate)
    with tempfile.TemporaryDirectory(prefix="gatebench-") as folder:
        profiles, out = Path(folder) / "point.toml", Path(folder) / "out"
        profiles.write_text(axis.profile(value), encoding="utf-8")
        command = [sys.executable, "-m", "gatebench", "load", "run", "reference", "-q", "--profile", "point"]
        options = ["--profiles", str(profiles), "--rate", f"{rate:g}", "--seconds", f"{longer:g}", "--out", str(out)]
        run = subprocess.run([*command, *options], capture_output=True, text=True, check=False)  # noqa: S603 - this interpreter
        if not (out / "load.json").exists():
            return Point(value, 0, said=" ".join(run.stderr.split())[-200:] or f"status {run.returncode}")
        return _of_report(value, json.loads((out / "load.json").read_text(encoding="utf-8")))


def _of_report(value: int, report: dict[str, Any]) -> Point:
    arm = next(one for one in report["arms"] if one["name"] == "gateway")
    ok = next(
        (one["response"] for one in arm["operations"] if (one["operation"], one["outcome"]) == ("call", "ok")), None
    )
    used = report["resources"] or {}
    cpu = (used.get("cpu_us_per_call") or {}).get("value")
    failed = f"{arm['failed']} of {arm['done']} failed" if arm["failed"] else ""
    return Point(
        value,
        arm["done"],
        cpu_us=cpu,
        p50_us=dict(map(tuple, ok["percentiles"])).get(50.0) if ok else None,
        rss_mib=max((one["rss_mib"] for one in used.get("samples", ())), default=None),
        said=failed or ("void" if report["conclusion"] == "void" else ""),
    )


def _processes(*, short: bool) -> str:
    seconds = SHORT_SECONDS if short else LONG_SECONDS
    found = []
    with servers.lean(None) as lean:
        call = PlannedCall(operation="call", url=lean.url, tool="whoami")
        for count in PROCESSES[:SHORT_POINTS] if short else PROCESSES:
            turn = load_tools.ours(call, seconds, USERS, workers=count)
            found.append(
                Point(count, turn.requests, cpu_us=turn.microseconds, said=f"{turn.requests / turn.wall:.0f}/s")
            )
    title = "processes of the generator, closed loop against the lean upstream on the same cores"
    return _table("processes", title, found, seconds, "CPU us per request", short=short)


def _table(name: str, title: str, points: Sequence[Point], seconds: float, cpu: str, *, short: bool) -> str:
    power = _power(points)
    mode = "Short mode, which shows only that the command works. " if short else ""
    rows = [
        f"| {one.value:,} | {one.calls} | {_shown(one.cpu_us)} | {_shown(one.p50_us)} | {_shown(one.rss_mib)} | {one.said} |"
        for one in points
    ]
    lines = [
        f"<!-- curve {name} -->",
        f"### {name}: {title}",
        "",
        f"{mode}{conditions(1, seconds)} " + (f"Power: {power:.2f}." if power is not None else "No power."),
        "",
        f"| {name} | calls | {cpu} | p50 us | memory MiB | |",
        "| ---: | ---: | ---: | ---: | ---: | --- |",
        *rows,
        f"<!-- end of curve {name} -->",
    ]
    return "\n".join(lines)


def _power(points: Sequence[Point]) -> float | None:
    """Return the exponent between the first and the last measured point."""
    known = [(one.value, one.cpu_us) for one in points if one.cpu_us]
    if len(known) < 2:
        return None
    (first, low), (last, high) = known[0], known[-1]
    return math.log(high / low) / math.log(last / first)


def _shown(value: float | None) -> str:
    return "-" if value is None else f"{value:.0f}"
