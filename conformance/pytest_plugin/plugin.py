"""The pytest plugin: `pytest -p gatebench.conformance.pytest_plugin.plugin --pyargs gatebench.conformance.scenarios
--target TARGET`.

All options of pytest work (-k, -x, --junitxml, -n).

An item is one requirement checked on one scenario; a scenario's traffic is made once, when its first item runs.
"""

import argparse
import os
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from gatebench.conformance.pytest_plugin import preselection, validation
from gatebench.conformance.pytest_plugin.arguments import given_paths, holds_scenarios, scenario_folders
from gatebench.conformance.pytest_plugin.items import PARAMETER, REQUIREMENT_ID, ScenarioItem
from gatebench.conformance.pytest_plugin.session_plugin import ConformancePlugin
from gatebench.conformance.text import visible
from gatebench.fixtures.errors import BenchError
from gatebench.fixtures.extensions import catalog, folders
from gatebench.fixtures.harness import gc_pauses
from gatebench.fixtures.world import definition
from gatebench.fixtures.world.variants import own

MAX_BUDGET = 86_400


def budget(text: str) -> float:
    """Parse the seconds of `--budget`. Raises argparse's error for an invalid number."""
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= MAX_BUDGET:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds from 0 (no limit) to {MAX_BUDGET}")
    return seconds


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of a run."""
    group = parser.getgroup("gatebench", "gatebench: MCP gateway conformance")
    group.addoption(
        "--target", default="reference", help="gateway under test: a shipped name or the path of a descriptor"
    )
    group.addoption("--sheet", type=Path, default=None, help="start the world of this stored world.json")
    group.addoption(
        "--world",
        choices=("embedded", "lean", "containers", "existing"),
        default=None,
        help="where the mocks run: in this process (lean: on the server for load), in containers, or at the addresses of --sheet",
    )
    group.addoption("--expectations", type=Path, default=None, help="file of known failures and skips, with reasons")
    group.addoption("--upstream", type=Path, default=None, help="file that describes your own MCP server")
    group.addoption("--variants", type=Path, default=None, help="file of your own variants of tokens and issuers")
    group.addoption(
        "--extension",
        type=Path,
        action="append",
        default=[],
        metavar="DIR",
        help="folder of an extension; may be repeated",
    )
    group.addoption(
        "--plays-of-failures", type=int, default=3, help="how often a failing scenario is run in all, to classify it"
    )
    group.addoption(
        "--no-smoke",
        action="store_true",
        help="judge even a gateway that fails the smoke test: only for tests of the bench itself",
    )
    group.addoption(
        "--budget",
        type=budget,
        metavar="SECONDS",
        help="seconds for the whole run once the gateway is ready; what has not run by then is untestable (0: no limit; "
        "default: 240, and 0.5 for each scenario of a world)",
    )
    group.addoption(
        "--direct",
        action="store_true",
        help="play each scenario against the upstream itself first, where a requirement allows it",
    )
    group.addoption(
        "--out", type=Path, default=None, help="folder for the transcript and the verdicts (default: a new one)"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker."""
    config.addinivalue_line(
        "markers", "judged_by(wanted, needs): the requirements that a scenario's traffic is judged by"
    )
    _use_extensions(config)
    _use_variants(config)
    config.pluginmanager.register(ConformancePlugin(config), "gatebench-conformance")


def _use_extensions(config: pytest.Config) -> None:
    """Make the folders of `--extension` known to this session and its workers. Raises UsageError if one is not valid."""
    try:
        config.add_cleanup(folders.use(config.getoption("--extension")))
        for requirement in validation.check().all():
            if requirement.extension != catalog.OWN:
                text = f"{requirement.group}: requirements of the extension {requirement.extension}"
                config.addinivalue_line("markers", text)
    except BenchError as error:
        raise pytest.UsageError(visible(str(error))) from error
    for path in catalog.named(catalog.OWN).requirements:
        config.addinivalue_line("markers", f"{path.stem}: requirements of the group {path.stem}")


def _use_variants(config: pytest.Config) -> None:
    """Make the file of `--variants` known to this session and its workers. Raises UsageError if it is not valid."""
    path: Path | None = config.getoption("--variants")
    if path is None:
        return
    before = os.environ.get(own.VARIABLE)
    try:
        own.load(path)
    except BenchError as error:
        raise pytest.UsageError(visible(str(error))) from error
    os.environ[own.VARIABLE] = str(path.resolve())

    def restore() -> None:
        os.environ.pop(own.VARIABLE)
        if before is not None:
            os.environ[own.VARIABLE] = before

    config.add_cleanup(restore)


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> None:
    """Refuse xdist with a stored world, which can run only once."""
    if getattr(config.option, "numprocesses", None) and config.option.sheet:
        raise pytest.UsageError("--sheet describes one world, but -n needs one for each worker: omit one of them")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Under xdist, keep the items of a scenario on one worker, so that its traffic is made once.

    (Not with xdist's own groups: xdist 3.8 writes them into an attribute that pytest 9.2 no longer reads.)
    """
    if not any(map(holds_scenarios, given_paths(config))):
        return None
    from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped] # noqa: PLC0415

    class ScenarioScheduling(LoadScopeScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            return REQUIREMENT_ID.sub("", nodeid)

    return ScenarioScheduling(config, log)


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Return ids of principals and servers with their kind: `user.alice`, `oauth.mail`, `virtual.workbench`."""
    if argname in ("principal", "other", "control") and val in definition.PRINCIPALS:
        return f"{definition.PRINCIPALS[str(val)].kind}.{val}"
    if argname == "server" and val in definition.UPSTREAMS:
        return f"{definition.UPSTREAMS[str(val)].model}.{val}"
    if argname == "server" and val in definition.VIRTUAL_SERVERS:
        return f"virtual.{val}"
    return f"fastmcp.{val}" if argname == "mode" else None


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Collect no garbage meanwhile: thousands of items live until the end, and looking at them takes a fifth of the time."""
    with gc_pauses.held_back():
        return (yield)


@pytest.hookimpl(trylast=True)
def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Parametrize a scenario with its requirements: one item for each that is checked with the other parameters."""
    mark = metafunc.definition.get_closest_marker("judged_by")
    if mark is None:
        return
    wanted = mark.kwargs["wanted"]
    metafunc.fixturenames.append(PARAMETER)
    metafunc.parametrize(PARAMETER, list(wanted))
    # pytest has no public way to leave out a combination. Without this, the plugin deselects half of the items.
    calls = metafunc._calls  # noqa: SLF001
    checked = [call for call in calls if wanted[call.params[PARAMETER]](call.params)]
    if early := preselection.of(metafunc.config):
        scenarios = [ScenarioItem(metafunc.definition, call.id, call.params, mark) for call in checked]
        selected = early.select(metafunc.definition, scenarios)
        checked = [call for call, chosen in zip(checked, selected, strict=True) if chosen] or checked[:1]
    metafunc._calls = checked or calls  # noqa: SLF001 - without any, pytest would collect the bare function


@pytest.hookimpl(wrapper=True)
def pytest_collect_directory(path: Path) -> Generator[None, pytest.Collector | None, pytest.Collector | None]:
    """Remove the names of the folders of scenarios, which are no keywords: `-k consent` selects no whole folder."""
    collector = yield
    if collector is not None and any(folder in path.resolve().parents for folder in scenario_folders()):
        collector.name = ""
    return collector


@pytest.fixture
def scenario() -> None:
    """Placeholder: the plugin passes the real object when a scenario runs."""
