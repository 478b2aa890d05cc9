"""`gatebench load gate` and `gatebench load overhead`: what a change costs, and what a gateway does."""

import argparse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from commands import load_report, status
from commands.load_report import Progress, positive, seed
from fixtures.errors import BenchError

if TYPE_CHECKING:
    from load.bench import LoadBench
    from load.model import EndedBy, LoadReport
    from load.profiles import Profile
    from load.result import Result
    from load.yardstick import Stored

PROFILE = "single-call"
FEWEST_STARTS = 2  # of a gate (load.gate, which takes long to import)
# Gateways on one machine: each rests while the others have their turns, and servers close what rests for 5 s.
TOGETHER = 10


def add(kinds: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Put the command line's part of this module among the load commands."""
    gate = kinds.add_parser(
        "gate",
        help="is CANDIDATE slower than BASELINE?",
        description="Loads both at the same time, fresh start after fresh start, until it can tell:\n"
        "slower, not slower, faster, or cannot tell. Exit status 4 when slower, 2 when it cannot tell.",
        epilog="examples:\n  gatebench load gate acme-1.4.toml acme-1.5.toml\n"
        "  gatebench load gate reference acme-1.4.toml --out stored     # store a baseline\n"
        "  gatebench load gate stored acme-1.5.toml                     # and compare with it, on the same machine",
    )
    gate.add_argument("baseline", metavar="BASELINE", help="a target; or the folder or load.json of an earlier gate")
    gate.add_argument("candidate", metavar="CANDIDATE", help="a target")
    gate.add_argument("--seconds", type=positive, default=180.0, metavar="S", help="stop after so long (180)")
    gate.add_argument(
        "--starts", type=_starts, metavar="N", help="exactly so many fresh starts, however clear it is before"
    )
    gate.add_argument(
        "--margin", type=_percent, default=0.02, metavar="PERCENT", help="what does not count as slower (2)"
    )
    _common(gate)
    gate.set_defaults(command=_gate)

    overhead = kinds.add_parser(
        "overhead",
        help="what does TARGET add to each call?",
        description="Sends the same calls through the gateway and past it, drawn at random from one schedule,\n"
        "over several fresh starts that take turns. Exit status 4 when a budget is broken, 2 when the measurement is void.",
        epilog="examples:\n  gatebench load overhead acme.toml\n"
        "  gatebench load overhead acme.toml --seconds 300 --budgets mine.toml",
    )
    overhead.add_argument(
        "target", nargs="?", default="reference", metavar="TARGET", help="shipped name or descriptor's path"
    )
    overhead.add_argument("--seconds", type=positive, default=60.0, metavar="S", help="for everything (60)")
    overhead.add_argument(
        "--starts", type=_together, default=8, metavar="N", help="fresh starts, there at the same time (8)"
    )
    overhead.add_argument(
        "--rate", type=positive, metavar="R", help="calls per second, both ways together (found by asking)"
    )
    overhead.add_argument("--budgets", type=Path, metavar="FILE", help="limits, as in load/budgets.toml")
    overhead.add_argument("--sheet", type=Path, metavar="FILE", help="the setup sheet that a running target knows")
    _common(overhead)
    overhead.set_defaults(command=_overhead)


def _common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--profile", default=PROFILE, metavar="NAME", help=f"whose calls are made ({PROFILE})")
    parser.add_argument("--seed", type=seed, default=1, metavar="N", help="of arrivals and resampling (1)")
    parser.add_argument("--out", type=Path, metavar="DIR", help="folder for the evidence (default: a new one)")
    parser.add_argument("--quiet", action="store_true", help="no progress, and only the conclusion")


def _count(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 100:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 to 100")
    return int(text)


def _starts(text: str) -> int:
    if _count(text) < FEWEST_STARTS:
        raise argparse.ArgumentTypeError(f"{text} start tells nothing of others; {FEWEST_STARTS} are the fewest")
    return int(text)


def _together(text: str) -> int:
    if _count(text) > TOGETHER:
        raise argparse.ArgumentTypeError(
            f"{text} starts of a gateway would be there at the same time; {TOGETHER} are the most"
        )
    return int(text)


def _percent(text: str) -> float:
    if (value := positive(text)) >= 100:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of percent below 100")
    return value / 100


def _gate(options: argparse.Namespace) -> int:
    from load import told  # noqa: PLC0415
    from load.bench import standing  # noqa: PLC0415
    from load.contest import ARMS, Contest, Terms  # noqa: PLC0415
    from load.pinning import Pinning  # noqa: PLC0415
    from load.stands import Stands  # noqa: PLC0415

    profile = _profile(options.profile)
    stored = _stored(options.baseline, profile.name)
    names = (stored.yardstick if stored else options.baseline, options.candidate)
    able = {name: _able(name) for name in names}
    for name in names:
        if not _is_started(name):
            raise BenchError(
                f"{name} describes a gateway that runs already, and the gate starts both afresh again and again: "
                "have it started, with [launch]"
            )
    folder = load_report.new_folder(options.out, "gate", options.candidate)
    terms = Terms(seconds=options.seconds, starts=options.starts, margin=options.margin, seed=options.seed)
    pinning = Pinning.here()
    contest = Contest(names, terms, pinning, stored)
    subject = told.Subject(
        " against ".join((options.candidate, names[0])), _called(options.candidate), profile, options.seed
    )

    def play(bench: "LoadBench", tell: Progress) -> None:
        stands = Stands(bench, profile, able)
        contest.run(lambda order: stands.duet(dict(zip(ARMS, names, strict=True)), order), tell)

    end = _End(contest.results)
    with end.whatever_happens(), standing(profile, pinning=pinning) as bench:
        end.play(bench, options, play)
    report = told.of_contest(contest, subject, end.stopped)
    return end.finish(report, folder, options)


def _overhead(options: argparse.Namespace) -> int:
    from fixtures import sheet as sheets  # noqa: PLC0415
    from load import budgets, told  # noqa: PLC0415
    from load.bench import standing  # noqa: PLC0415
    from load.paired import Pairing, Terms  # noqa: PLC0415
    from load.pinning import Pinning  # noqa: PLC0415
    from load.stands import Stands  # noqa: PLC0415

    profile = _profile(options.profile)
    limits = budgets.load(options.budgets) if options.budgets else []
    able = {options.target: _able(options.target)}
    stored = sheets.load(options.sheet) if options.sheet else None
    folder = load_report.new_folder(options.out, "overhead", options.target)
    subject = told.Subject(options.target, _called(options.target), profile, options.seed)
    starts = options.starts if _is_started(options.target) else 1  # one that runs already has no fresh starts
    pinning = Pinning.here()
    pairing = Pairing(Terms(options.seconds, starts, options.rate, options.seed), pinning)

    def play(bench: "LoadBench", tell: Progress) -> None:
        stands = Stands(bench, profile, able)
        pairing.run(lambda: stands.pair(options.target), tell)

    end = _End(pairing.results)
    with end.whatever_happens(), standing(profile, stored=stored, pinning=pinning) as bench:
        end.play(bench, options, play)
    report = told.of_pairing(pairing, subject, limits, end.stopped)
    return end.finish(report, folder, options)


class _End:
    """How a measurement ended, and why. With nothing in `results` by then, there is only the error to tell."""

    def __init__(self, results: "list[Result]") -> None:
        self._results = results
        self._redact: Callable[[str], str] = str
        self.stopped: str | None = None  # why it did not come to its end
        self._by: EndedBy | None = None
        status.end_in_order()

    def play(
        self, bench: "LoadBench", options: argparse.Namespace, course: "Callable[[LoadBench, Progress], None]"
    ) -> None:
        """Play on a standing bench, and learn what must be redacted."""
        self._redact = bench.secrets.redact
        tell = Progress(quiet=options.quiet)
        try:
            with self.whatever_happens():
                course(bench, tell)
        finally:
            tell.end()
            if not bench.learn_minted():
                self._results[:] = [result.without_exchanges() for result in self._results]

    @contextmanager
    def whatever_happens(self) -> Iterator[None]:
        """What was measured stays. A gateway that cannot be started even once is bad input; one that once could is a finding."""
        from load.bench import LOST  # noqa: PLC0415

        try:
            yield
        except KeyboardInterrupt:
            self.stopped, self._by = self.stopped or "interrupted", "interruption"
        except LOST as error:
            if not self._results:
                raise
            if self.stopped is None:
                self.stopped, self._by = str(error), "gateway" if isinstance(error, BenchError) else "bench"

    def finish(self, report: "LoadReport", folder: Path, options: argparse.Namespace) -> int:
        """Write the report and show it; the exit status."""
        report = type(report).model_validate_json(self._redact(report.model_dump_json()))
        report.ended_by = self._by or report.ended_by
        return load_report.finish(report, folder, quiet=options.quiet)


def _stored(baseline: str, profile: str) -> "Stored | None":
    """The baseline of an earlier day, if that is what was named."""
    from load import yardstick  # noqa: PLC0415

    path = Path(baseline)
    path = path / "load.json" if path.is_dir() else path
    if path.suffix != ".json":
        return None
    return yardstick.stored(load_report.read(path), str(path), profile)


def _profile(name: str) -> "Profile":
    from load import profiles  # noqa: PLC0415

    return profiles.named(name)


def _called(target: str) -> str:
    from fixtures.gateways.target import named  # noqa: PLC0415

    found = named(target)
    return f"{found.name} {found.descriptor.gateway.version}".strip()


def _is_started(target: str) -> bool:
    from fixtures.gateways.target import named  # noqa: PLC0415

    return named(target).descriptor.launch is not None


def _able(target: str) -> frozenset[str]:
    """What it claims, by which calls are chosen."""
    from conformance.features import claims_of  # noqa: PLC0415
    from fixtures.gateways.target import named  # noqa: PLC0415

    found = named(target)
    claims = claims_of(found.descriptor, found.path)
    return claims.features | claims.world
