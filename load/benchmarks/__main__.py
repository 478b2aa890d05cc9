"""`python -m load.benchmarks [PART...]`: measure, compare with what must be reached, and write load/BENCHMARKS.md.

A part that takes long has parts of its own: `profiles:payload` is one row of `profiles`.

Exit status: 0 all goals reached; 2 an unknown part; 4 a goal was missed.
"""

import argparse
import sys

from load.benchmarks import defects, delays, gates, mocks, reference, users
from load.benchmarks.page import Part, write

PARTS: dict[str, Part] = {
    "users": users.measure,
    "mocks": mocks.measure,
    "delays": delays.measure,
    "overhead": reference.measure,
    "gate": gates.measure,
    "profiles": defects.measure,
}
ALONE: dict[str, Part] = defects.parts()
MISSED = 4


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m load.benchmarks", description="Measure the bench itself.")
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"{', '.join(PARTS)}; all of them when left out")
    parser.add_argument("--rounds", type=int, default=5, help="how often each competitor has its turn (5)")
    parser.add_argument("--seconds", type=float, default=3.0, help="how long a turn lasts (3)")
    options = parser.parse_args()
    if unknown := sorted(set(options.parts) - set(PARTS) - set(ALONE)):
        parser.error(f"there is no part {unknown[0]!r}; there are {', '.join(PARTS)} and {', '.join(ALONE)}")
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
