"""The search for the knee: at which rate p99 leaves its plateau. It decides from points, whoever measures them."""

from collections.abc import Callable
from dataclasses import dataclass

from load.model import Knee, RatePoint

STEP = 1.5  # from one rate to the next
BISECTIONS = 2
LOOKS = 2
LEAVES = 3.0  # times the plateau's p99
LEAVES_PLUS_US = 5000.0  # and by this much at least: small latencies jump about
ANSWERED = 0.95  # of what is offered
FAILED = 0.01
MOST_STEPS = 24

Measure = Callable[[float], RatePoint]


@dataclass
class Search:
    """Finds the knee with as few steps as it takes. `points` are all that were measured, in order."""

    measure: Measure
    start: float

    def __post_init__(self) -> None:
        self.points: list[RatePoint] = []

    def run(self) -> Knee:
        """Go up until a rate is beyond the plateau, then halve the gap."""
        good, bad = self._climb()
        for _ in range(BISECTIONS if good is not None and bad is not None else 0):
            assert good is not None  # noqa: S101 - the range is empty otherwise
            assert bad is not None  # noqa: S101 - as well
            between = (good * bad) ** 0.5
            if self._look(between):
                good = between
            else:
                bad = between
            if self.points[-1].void:
                break
        return Knee(points=self.points, rate=self._published(good, bad), said=self._said(good, bad))

    def _climb(self) -> tuple[float | None, float | None]:
        rate, good = self.start, None
        while len(self.points) < MOST_STEPS:
            # A disturbance is no knee: a rate is beyond the plateau when it is so twice.
            if not any(self._look(rate) for _ in range(LOOKS)):
                return good, None if self.points[-1].void else rate
            good = rate
            rate *= STEP
        return good, None

    def _look(self, rate: float) -> bool:
        """Measure one rate; whether it is on the plateau."""
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
        """p99 at low rates: the median of the first three points on the plateau."""
        first = sorted(point.p99_us for point in self.points if point.plateau)[:3]
        return first[len(first) // 2] if first else None

    def _published(self, good: float | None, bad: float | None) -> float | None:
        return good if bad is not None else None

    def _said(self, good: float | None, bad: float | None) -> str:
        void = next((point.void for point in reversed(self.points) if point.void), None)
        if good is None:
            return f"already at {self.start:g}/s there is no plateau: {void or 'begin at a lower rate'}"
        if bad is None:
            beyond = void or f"{len(self.points)} steps were not enough"
            return f"no knee up to {good:.0f}/s, and none is published above it: {beyond}"
        return f"p99 leaves its plateau of {(self.plateau_us or 0) / 1e3:.1f} ms between {good:.0f}/s and {bad:.0f}/s"
