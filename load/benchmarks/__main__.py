"""`python -m gatebench.load.benchmarks [PART...]`: run benchmarks, compare them with their goals, and write load/BENCHMARKS.md.

A long part has subparts: `profiles:payload` is one row of `profiles`, `growth:tools` one curve; `growth:short` and
`gate:short` show that they can be measured.

Exit status: 0 all goals met; 2 unknown part; 4 a goal was missed.
"""

import argparse
import sys

from gatebench.load.benchmarks.markdown import Part, write
from gatebench.load.benchmarks.parts import (
    client_cost,
    gate_error_rates,
    growth,
    mock_cost,
    overhead_accuracy,
    profile_detection,
    reference_precision,
)

PARTS: dict[str, Part] = {
    "users": client_cost.measure,
    "mocks": mock_cost.measure,
    "delays": overhead_accuracy.measure,
    "overhead": reference_precision.measure,
    "gate": gate_error_rates.measure,
    "profiles": profile_detection.measure,
    "growth": growth.measure,
}
ALONE: dict[str, Part] = profile_detection.parts() | growth.parts() | gate_error_rates.parts()
MISSED = 4


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m gatebench.load.benchmarks", description="Benchmarks of gatebench itself."
    )
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"{', '.join(PARTS)} (default: all)")
    parser.add_argument("--rounds", type=int, default=5, help="turns of each competitor (default: 5)")
    parser.add_argument("--seconds", type=float, default=3.0, help="duration of a turn (default: 3)")
    options = parser.parse_args()
    if unknown := sorted(set(options.parts) - set(PARTS) - set(ALONE)):
        parser.error(f"unknown part {unknown[0]!r}; expected one of {', '.join(PARTS)} and {', '.join(ALONE)}")
    missed = []
    for name in options.parts or PARTS:
        section = (PARTS | ALONE)[name](options.rounds, options.seconds)
        print(section.text, flush=True)
        write(name.partition(":")[0], section)
        missed += section.missed
    for one in missed:
        print(f"missed: {one}", file=sys.stderr)
    return MISSED if missed else 0


if __name__ == "__main__":
    sys.exit(main())
