"""The last table of `make coverage`: a line for each package, from the report that `coverage json` wrote."""

import json
import sys
from collections import defaultdict
from pathlib import Path, PurePath
from typing import Any

DEPTH = 2  # folders of a package's name


def packages(report: dict[str, Any]) -> list[tuple[str, int, int]]:
    """Return name, number of statements and branches, and how many of them ran, of each package and of all."""
    counts: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for file, entry in report["files"].items():
        summary = entry["summary"]
        for name in ("/".join(PurePath(file).parts[:-1][:DEPTH]), "all"):
            counts[name][0] += summary["num_statements"] + summary["num_branches"]
            counts[name][1] += summary["covered_lines"] + summary["covered_branches"]
    return [(name, whole, ran) for name, (whole, ran) in sorted(counts.items(), key=_all_last) if whole]


def _all_last(item: tuple[str, list[int]]) -> tuple[bool, str]:
    return item[0] == "all", item[0]


def main(path: str) -> None:
    """Print the table."""
    for name, whole, ran in packages(json.loads(Path(path).read_text(encoding="utf-8"))):
        print(f"{name:<40} {whole:>6} statements and branches {100 * ran / whole:>5.1f}%")


if __name__ == "__main__":
    main(sys.argv[1])
