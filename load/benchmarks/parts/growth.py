"""Benchmark: how the cost of a call grows with the work: callers, tools, members, payload, sessions, generator processes.

Each point is one run of the reference gateway with a profile of one kind of call; processes of the generator are measured against
the lean upstream alone. The CPU of gateway and generator is measured separately. `growth:AXIS` measures one axis, and
`growth:short` the first points of each only, a few seconds each.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from gatebench.load.benchmarks import curves, load_tools, markdown, servers
from gatebench.load.benchmarks.curves import Point
from gatebench.load.benchmarks.markdown import Part, Section, conditions
from gatebench.load.plan.plan import PlannedCall

NAME = "growth"
SHORT_POINTS, SHORT_SECONDS = 2, 3.0
LONG_SECONDS = 5.0
RATE = 40.0  # calls per second
RATE_OF_CROWDS = 150.0  # where each of many callers calls
RATE_OF_SESSIONS = 40.0  # where each of many callers opens a session, which costs several calls
USERS = 64  # of the generator alone

Toml = str


@dataclass(frozen=True)
class GrowthAxis:
    """One kind of work: its points, and the profile of a point with its rate and the least number of calls that it needs.

    `settles`: the first calls of a caller cost more, so that only the second half of the load is counted.
    """

    title: str
    points: Sequence[int]
    profile: Callable[[int], Toml]
    rate: Callable[[int], float] = lambda _: RATE
    least: Callable[[int], float] = lambda _: 0
    settles: bool = False


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
        rate=lambda _: RATE_OF_CROWDS,
        least=lambda count: count,
        settles=True,
    ),
    "tools": GrowthAxis(
        "tools in the list that is called", (8, 50, 500, 5_000), _tools, rate=lambda n: RATE / (1 + n / 500)
    ),
    "members": GrowthAxis(
        "members of a virtual server, of which the list is called",
        (1, 5, 20, 50),
        _members,
        rate=lambda n: RATE / n,
        least=lambda _: 20,
    ),
    "payload": GrowthAxis(
        "bytes of a response",
        (1 << 10, 1 << 14, 1 << 17, 1 << 20, 8 << 20),
        lambda size: _profile(_call(tool="big"), f"arguments = {{ size = {size} }}"),
        rate=lambda size: min(RATE, 8 * (1 << 20) / size * 2),
    ),
    "sessions": GrowthAxis(
        "callers that each keep a session open; the last column has the sessions that were opened",
        (1, 10, 100, 1_000, 10_000),
        lambda count: _profile(_call(callers=["crowd"], era="legacy"), crowd=f"{{ users = {count} }}"),
        rate=lambda _: RATE_OF_SESSIONS,
        least=lambda count: 1.5 * count,
        settles=True,
    ),
}
PROCESSES = (1, 2, 4, 8)


def measure(_rounds: int, _seconds: float, only: Iterable[str] = (), *, short: bool = False) -> Section:
    """Measure curves (default: all); those of other axes on the page are kept."""
    known = markdown.known(NAME)
    texts = {name: curves.kept(known, name) for name in (*AXES, "processes")}
    charts = {}
    for name in only or texts:
        texts[name], svg = _processes(short=short) if name == "processes" else _curve(name, AXES[name], short=short)
        charts[f"{curves.FOLDER}/{name}.svg"] = svg
        print(texts[name], flush=True)
    head = [
        "## Cost against work",
        "",
        "The reference gateway, one process on a core of its own where there are two, and the generator, one on another core:",
        "at low rates most of its CPU per call is what it uses per second anyway. A power of 0 is constant, 1 is proportional.",
    ]
    return Section("\n\n".join(["\n".join(head), *(text for text in texts.values() if text)]), files=charts)


def parts() -> dict[str, Part]:
    """Return a part for each single axis, and the short mode, by its name on the command line."""
    single: dict[str, Part] = {f"{NAME}:{axis}": partial(measure, only=[axis]) for axis in (*AXES, "processes")}
    return single | {f"{NAME}:short": partial(measure, short=True)}


def _curve(name: str, axis: GrowthAxis, *, short: bool) -> tuple[str, str]:
    """Return the text and the chart of an axis."""
    points = axis.points[:SHORT_POINTS] if short else axis.points
    seconds = SHORT_SECONDS if short else LONG_SECONDS
    found = [_point(axis, value, seconds, short=short) for value in points]
    return curves.table(name, axis.title, _note(seconds, short=short), found), curves.chart(name, found)


def _note(seconds: float, *, short: bool) -> str:
    mode = "Short mode, which shows only that the command works. " if short else ""
    return f"{mode}{conditions(1, seconds)}"


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
        report = json.loads((out / "load.json").read_text(encoding="utf-8"))
        return of_report(value, report, settles=axis.settles)


def of_report(value: int, report: dict[str, Any], *, settles: bool) -> Point:
    """Return the point of a load report."""
    arm = next(one for one in report["arms"] if one["name"] == "gateway")
    ok = {one["operation"]: one for one in arm["operations"] if one["outcome"] == "ok"}
    used, generator = report["resources"] or {}, report["generator"] or {}
    busy = generator.get("cpu_share", 0.0) * generator.get("workers", 1) * report["seconds"]  # CPU seconds
    said = [f"{arm['failed']} of {arm['done']} failed"] if arm["failed"] else []
    said += [f"void: {one['rule']}" for one in report["validity"] if one["voids"] and not one["ok"]]
    said += [f"{ok['initialize']['count']:,} sessions"] if "initialize" in ok else []
    cpu = (used.get("cpu_us_per_call") or {}).get("value")
    return Point(
        value,
        arm["done"],
        cpu_us=_second_half(report) if settles else cpu,
        generator_us=busy / arm["done"] * 1e6 if arm["done"] and busy else None,
        p50_us=dict(map(tuple, ok["call"]["response"]["percentiles"])).get(50.0) if "call" in ok else None,
        rss_mib=max((one["rss_mib"] for one in used.get("samples", ())), default=None),
        said=", ".join(said),
    )


def _second_half(report: dict[str, Any]) -> float | None:
    """Return the microseconds of CPU per call of the gateway in the second half of the load."""
    samples = [one for one in (report["resources"] or {}).get("samples", ()) if one["second"] is not None]
    done = [(one["second"] + 1, one["done"]) for one in report["moments"] if one["arm"] == "gateway"]
    if len(samples) < 2 or not done:
        return None
    edges = [report["seconds"] / 2, report["seconds"]]
    cpu = np.interp(edges, [one["second"] for one in samples], [one["cpu_seconds"] for one in samples])
    calls = np.interp(edges, [0.0, *(second for second, _ in done)], [0.0, *np.cumsum([count for _, count in done])])
    return float((cpu[1] - cpu[0]) / (calls[1] - calls[0]) * 1e6) if calls[1] > calls[0] else None


def _processes(*, short: bool) -> tuple[str, str]:
    seconds = SHORT_SECONDS if short else LONG_SECONDS
    found = []
    with servers.lean(None) as lean:
        call = PlannedCall(operation="call", url=lean.url, tool="whoami")
        for count in PROCESSES[:SHORT_POINTS] if short else PROCESSES:
            turn = load_tools.ours(call, seconds, USERS, workers=count)
            rate = turn.requests / seconds
            found.append(Point(count, turn.requests, generator_us=turn.microseconds, rate=rate))
    title = "processes of the generator, closed loop against the lean upstream on the same cores"
    note = _note(seconds, short=short)
    return curves.table_of_processes("processes", title, note, found), curves.chart_of_processes("processes", found)
