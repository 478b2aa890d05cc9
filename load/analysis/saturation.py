"""Search for the knee: the rate at which p99 leaves its plateau. The caller measures each rate."""

from collections.abc import Callable
from dataclasses import dataclass

from gatebench.load.results.report_model import Knee, RatePoint

STEP = 1.5  # from one rate to the next
BISECTIONS = 2
LOOKS = 2
LEAVES = 3.0  # times the plateau's p99
LEAVES_PLUS_US = 5000.0  # and at least this much more: small latencies vary more
ANSWERED = 0.95  # of what is offered
FAILED = 0.01
MAX_STEPS = 24

Measure = Callable[[float], RatePoint]


@dataclass
class SaturationSearch:
    """Search for the knee. `points` are the measured rates, in order."""

    measure: Measure
    start: float

    def __post_init__(self) -> None:
        self.points: list[RatePoint] = []

    def run(self) -> Knee:
        """Raise the rate until it is beyond the plateau, then bisect."""
        good, bad = self._climb()
        for _ in range(BISECTIONS if good is not None and bad is not None else 0):
            assert good is not None  # noqa: S101 - the range is empty otherwise
            assert bad is not None  # noqa: S101 - as well
            between = (good * bad) ** 0.5
            if self._look(between):
                good = between
            elif self.points[-1].void:
                break  # the rate may be on the plateau or beyond it
            else:
                bad = between
        return Knee(points=self.points, rate=self._published(good, bad), said=self._sentence(good, bad))

    def _climb(self) -> tuple[float | None, float | None]:
        rate, good = self.start, None
        while len(self.points) < MAX_STEPS:
            if not self._holds(rate):
                return good, None if self.points[-1].void else rate
            good = rate
            rate *= STEP
        return good, None

    def _holds(self, rate: float) -> bool:
        """Measure a rate until it is on the plateau once, or beyond it LOOKS times, or void LOOKS times.

        One disturbed step is not a knee, and a void step is no evidence. The last point is void only if the rate is unknown.
        """
        beyond = void = 0
        while max(beyond, void) < LOOKS:
            if self._look(rate):
                return True
            if self.points[-1].void:
                void += 1
            else:
                beyond += 1
        return False

    def _look(self, rate: float) -> bool:
        """Measure one rate and return True if it is on the plateau."""
        point = self.measure(rate)
        point.plateau = point.void is None and self._on_plateau(point)
        self.points.append(point)
        return point.plateau

    def _on_plateau(self, point: RatePoint) -> bool:
        if point.failed > FAILED * max(point.calls, 1) or point.done < ANSWERED * point.offered:
            return False
        plateau = self.plateau_us
        return plateau is None or point.p99_us <= max(LEAVES * plateau, plateau + LEAVES_PLUS_US)

    @property
    def plateau_us(self) -> float | None:
        """Return p99 at low rates: the median of the lowest three on the plateau."""
        first = sorted(point.p99_us for point in self.points if point.plateau)[:3]
        return first[len(first) // 2] if first else None

    def _published(self, good: float | None, bad: float | None) -> float | None:
        return good if bad is not None else None

    def _sentence(self, good: float | None, bad: float | None) -> str:
        void = self.points[-1].void
        if good is None:
            return (
                f"the lowest rate, {self.start:g}/s, could not be measured: {void}"
                if void
                else f"no plateau at {self.start:g}/s, the lowest rate: start at a lower rate"
            )
        if bad is None:
            beyond = void or f"{len(self.points)} steps were not enough"
            return f"no knee up to {good:.0f}/s; higher rates are not published: {beyond}"
        return f"p99 leaves its plateau of {(self.plateau_us or 0) / 1e3:.1f} ms between {good:.0f}/s and {bad:.0f}/s"
