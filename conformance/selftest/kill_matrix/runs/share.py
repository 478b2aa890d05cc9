"""The share of the faults that runs for a commit: deterministic, and different from commit to commit.

Faults that are new or changed since the matrix was written come first. Other long tests have such a share as well.
"""

import hashlib
import os
import shutil
import subprocess
from collections.abc import Collection, Iterable

from gatebench.conformance.selftest.kill_matrix import files
from gatebench.conformance.selftest.kill_matrix.digest import Digests
from gatebench.conformance.selftest.kill_matrix.matrix import ALONE, KillMatrix


def commit() -> str:
    """Return the id of the checked-out commit; "" without git."""
    return _git("rev-parse", "HEAD").strip()


def changed_files(commits: int = 1) -> list[str]:
    """Return the paths, from the root of the repository, that differ from so many commits before the checked-out one."""
    return _git("diff", "--name-only", f"HEAD~{commits}").splitlines()


def text_before(path: str, commits: int) -> str:
    """Return the text of a file so many commits before the checked-out one; empty if it was not there."""
    return _git("show", f"HEAD~{commits}:{path}")


def _git(*arguments: str) -> str:
    git = shutil.which("git")
    if git is None:
        return ""
    done = subprocess.run(  # noqa: S603 - found above
        [git, *arguments], cwd=files.ROOT, capture_output=True, text=True, check=False
    )
    return done.stdout if done.returncode == 0 else ""


def choose(names: Iterable[str], count: int, seed: str, first: Collection[str] = ()) -> list[str]:
    """Choose that many names: of `first` as many as fit, then others, in an order that the seed determines."""

    def place(name: str) -> tuple[bool, str]:
        return name not in first, hashlib.sha256(f"{seed} {name}".encode()).hexdigest()

    return sorted(sorted(names, key=place)[:count])


def rotating(names: Iterable[str], count: int) -> list[str]:
    """Return the share of this commit of a long test's cases; all of them with GATEBENCH_TRIAL=all."""
    every = list(names)
    return every if os.environ.get("GATEBENCH_TRIAL") == "all" else choose(every, count, commit())


def changed(digests: Digests, matrix: KillMatrix) -> set[str]:
    """Return the faults whose definition has changed since their last whole run, or that never had one."""
    return {
        name
        for name, digest in digests.faults.items()
        if name not in matrix or not (whole := matrix[name].whole) or whole["fault"] != digest
    }


def for_this_commit(count: int, digests: Digests, matrix: KillMatrix) -> list[str]:
    """Return the share of this commit: `count` faults, new and changed ones first; none that only a run alone has shown.

    Without git, the digest of the tree replaces the commit.
    """
    new = changed(digests, matrix)
    alone = {name for name, row in matrix.items() if row.whole and row.whole.get("how") == ALONE}
    names = [name for name in digests.faults if name in new or name not in alone]
    return choose(names, count, commit() or digests.tree, new)
