"""The order of the tests, so that several workers end at about the same time; no long pauses for garbage collection.

With GATEBENCH_TRIAL=share (`make test`) a twelfth of the long tests is played: changed ones first, then those that the commit
determines. `make test ALL=1` plays all. Tests about every file or requirement are always played, because a change of another
file can make them fail.
"""

import gc
import os
import random
from collections import Counter
from itertools import islice
from typing import Any

import pytest

from gatebench.conformance.selftest.kill_matrix.runs import share

# The tests that take longest: they play load, and mostly wait for it, start whole runs, or try every scenario or pattern.
LONG = (
    "gatebench/conformance/selftest/gateways/",
    "gatebench/conformance/selftest/kill_matrix/",
    "gatebench/conformance/selftest/registry/",
    "tests/cli/",
    "tests/conformance/test_flaky.py",
    "tests/conformance/test_plugin.py",
    "tests/conformance/test_preselection.py",
    "tests/docs/",
    "tests/fixtures/gateways/",
    "tests/fixtures/harness/",
    "tests/fixtures/processes/",
    "tests/fixtures/reference_gateway/oauth/test_sdk_clients.py",
    "tests/fixtures/test_extras.py",
    "tests/fixtures/world/test_lean_backend.py",
    "tests/load/benchmarks/",
    "tests/load/experiments/",
    "tests/load/generator/",
    "tests/patterns/",
    "tests/reports/conformance/formats/test_awkward_strings.py",
)
ALWAYS = ("gatebench/conformance/selftest/registry/", "tests/patterns/")
SHARE = 12
MANY = 5  # tests in a module of which each commit plays a share, instead of all or none
SEPARATE = ("tests/docs/", "tests/load/")  # the others stay together by module
TOGETHER = ("gatebench/conformance/selftest/registry/",)  # one dry run of all scenarios for several modules


@pytest.hookimpl(trylast=True)  # after pytest's own order, by scope of fixtures
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Start each worker's share with some of the long tests, waiting and computing ones mixed.

    xdist's `worksteal` cuts the tests into contiguous shares; a worker that has no more tests takes the last ones of another.
    """
    if os.environ.get("GATEBENCH_TRIAL") == "share":
        _keep_a_share_of_the_long(config, items)
    workers = int(getattr(config, "workerinput", {}).get("workercount", 1))
    if workers == 1:
        return
    groups: dict[str, list[pytest.Item]] = {}
    for item in items:
        if item.nodeid.startswith(LONG):
            groups.setdefault(_group(item), []).append(item)
    long = list(groups.values())
    random.Random(0).shuffle(long)  # noqa: S311 - the same in all workers
    chosen = {item for group in long for item in group}
    others = iter([item for item in items if item not in chosen])
    ordered, left = [], len(items)
    for worker in range(workers):
        size = left // (workers - worker)
        share = [item for group in long[worker::workers] for item in group]
        ordered += [*share, *islice(others, max(0, size - len(share)))]
        left -= size
    items[:] = [*ordered, *others]


def pytest_collection_finish() -> None:
    """Exclude the tests from later garbage collections: each would take a second in which no test server responds."""
    gc.collect()
    gc.freeze()


def _keep_a_share_of_the_long(config: pytest.Config, items: list[pytest.Item]) -> None:
    long = [item for item in items if item.nodeid.startswith(LONG) and not item.nodeid.startswith(ALWAYS)]
    sizes = Counter(map(_group, long))
    units = {item: _group(item) if sizes[_group(item)] <= MANY else item.nodeid for item in long}
    changed = {config.rootpath / name for name in share.changed_files()}
    first = {unit for item, unit in units.items() if item.path.resolve() in changed}
    names = sorted({*units.values()})
    chosen = {*share.choose(names, max(-(-len(names) // SHARE), len(first)), share.commit(), first)}
    left_out = {item for item, unit in units.items() if unit not in chosen}
    config.hook.pytest_deselected(items=[item for item in items if item in left_out])
    items[:] = [item for item in items if item not in left_out]


def _group(item: Any) -> str:
    """Return what stays on one worker: a test, a module whose tests share a fixture or may disturb each other, or a folder."""
    if item.nodeid.startswith(TOGETHER):
        return str(item.path.parent)
    fixtures = item._fixtureinfo.name2fixturedefs.values() if isinstance(item, pytest.Function) else ()
    shared = any(each[-1].scope == "module" for each in fixtures)
    return item.nodeid if item.nodeid.startswith(SEPARATE) and not shared else str(item.path)
