"""The work of `gatebench run`: target, pytest session, report and exit status."""

import os
import shutil
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from gatebench import exit_codes, progress
from gatebench.commands.command import settings
from gatebench.commands.conformance import report_files
from gatebench.commands.run import connection_options, selection, watching
from gatebench.commands.run.connection_options import ConnectionOptions
from gatebench.commands.setup import descriptor_file
from gatebench.conformance.pytest_plugin import invoke, validation
from gatebench.conformance.requirements import registry
from gatebench.conformance.requirements.expectations import Expectations
from gatebench.conformance.text import json_text
from gatebench.fixtures import extras
from gatebench.fixtures.errors import BenchError
from gatebench.fixtures.gateways.lookup import by_name
from gatebench.fixtures.gateways.target import TOKEN_FILE
from gatebench.fixtures.recording import given_credentials
from gatebench.fixtures.world import config as world_config
from gatebench.fixtures.world.own_upstream import description
from gatebench.fixtures.world.variants import own
from gatebench.reports.errors import NoRunError

DEFAULT_TOKEN = "GATEBENCH_TOKEN"  # noqa: S105 - the name of a variable


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """The options of `gatebench run`; see `run.py`."""

    target: str
    keyword: str | None
    mark: str | None
    first: bool
    again: bool
    workers: int | None
    sheet: Path | None
    world: str | None
    expectations: Path | None
    variants: Path | None
    upstream: Path | None
    token_env: str | None
    token_file: Path | None
    budget: float | None
    direct: bool
    watch: bool
    out: Path | None
    junitxml: Path | None
    allure: Path | None
    as_json: bool
    quiet: bool


def run(options: RunOptions, connection: ConnectionOptions) -> int:
    """Test a gateway, show the report, and return the exit status; `connection`: how a running one is reached."""
    folder = options.out or invoke.new_folder(options.target)
    task = invoke.RunRequest(
        target=_known(options, folder),
        folder=folder,
        sheet=options.sheet,
        world=options.world,
        expectations=options.expectations,
        variants=options.variants,
        upstream=options.upstream,
        direct=options.direct,
        keyword=options.keyword,
        mark=options.mark,
        first=options.first,
        again=options.again,
        allure=options.allure,
        workers=options.workers,
        budget=options.budget,
    )
    if options.allure:
        extras.require("allure", "--alluredir")
        _require_folder(options.allure)
    if options.junitxml:
        _require_writable(options.junitxml)
    validation.check()
    if options.variants:
        own.load(options.variants)
    own.variants()  # of extensions
    if options.upstream:
        description.load(options.upstream)
    if options.sheet:
        world_config.load(options.sheet)
    if options.expectations:
        Expectations.load(options.expectations, registry.loaded())
    task.arguments()
    selection.check(options.keyword, options.mark)
    target = by_name(task.target)  # raises for an unknown target before anything is started
    if options.watch:
        watching.require_running(target, options.target)
    with connection_options.in_use(connection, target.descriptor, options.target):
        if options.watch:
            return watching.follow(task, target, lambda request: _judge(options, request))
        return _judge(options, task)[0]


def _judge(options: RunOptions, task: invoke.RunRequest) -> tuple[int, dict[str, Any] | None]:
    """Make a run and show its report; return the exit status and the report, None if the run ended before any result."""
    invoke.prepare(task.folder)
    watch = invoke.SessionMonitor(progress.on(sys.stderr, quiet=options.quiet))
    exit_codes.end_in_order()
    report = None
    try:
        invoke.run_pytest(task, watch)
    finally:
        with suppress(NoRunError), exit_codes.finish_first() as pressed:  # the run may have ended before any result
            report = report_files.build(task.folder)
        if pressed():
            watch.interrupted = True
    if report:
        _show(report, task.folder, options)
    if watch.interrupted or report is None:
        return exit_codes.complain("interrupted; evidence so far is kept", exit_codes.INTERRUPTED), report
    return exit_codes.OF_CONCLUSION[report["conclusion"]], report


def _known(options: RunOptions, folder: Path) -> str:
    """Return the target; for a URL, write a descriptor beside the evidence folder."""
    if not options.target.startswith(("http://", "https://")):
        for name, value in (("--token-env", options.token_env), ("--token-file", options.token_file)):
            if value:
                raise BenchError(f"{name} requires a URL as target; a descriptor has [tokens]")
        return options.target
    if options.token_env and options.token_file:
        raise BenchError("--token-env and --token-file are both given: use one of them")
    token = options.token_env or DEFAULT_TOKEN
    if options.token_file:
        given_credentials.token_in(options.token_file)  # raises for a file that holds none
        token = f"{TOKEN_FILE}{options.token_file.absolute()}"
    path = folder.with_name(f"{folder.name}.toml")
    name, url = descriptor_file.address_of(options.target), options.target
    if "@" in urlsplit(url).netloc or urlsplit(url).query:  # which may be a credential, and the descriptor is evidence
        os.environ[descriptor_file.ADDRESS_VARIABLE] = url
        url = f"${descriptor_file.ADDRESS_VARIABLE}"
    facts = descriptor_file.DescriptorFacts(kind="outside", name=name, url=url, token_env=token)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BenchError(
            f"cannot write to {path.parent}: {error.strerror}; choose another folder with --out"
        ) from error
    descriptor_file.write(descriptor_file.render(facts, path.name), path)
    return str(path)


def _require_folder(path: Path) -> None:
    """Raise BenchError unless the folder exists or can be made."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        why = "it is not a folder" if isinstance(error, FileExistsError) else error.strerror
        raise BenchError(f"cannot write to {path}: {why}; use another --alluredir") from error


def _require_writable(path: Path) -> None:
    """Raise BenchError unless the file can be written: a run takes minutes, and its report would be lost."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        new = not path.exists()
        path.open("ab").close()
        if new:
            path.unlink()
    except OSError as error:
        raise BenchError(f"cannot write {path}: {error.strerror}; use another --junitxml") from error


def _show(report: dict[str, Any], folder: Path, options: RunOptions) -> None:
    if options.junitxml:
        try:
            options.junitxml.parent.mkdir(parents=True, exist_ok=True)
            if options.junitxml.resolve() != (folder / "junit.xml").resolve():
                shutil.copyfile(folder / "junit.xml", options.junitxml)
        except OSError as error:
            raise BenchError(f"cannot write {options.junitxml}: {error.strerror}; use another --junitxml") from error
    if not options.as_json:
        report_files.show(report, folder, quiet=options.quiet, verbose=settings().verbose)
        return
    keys = ("id", "requirement", "outcome", "what", "expected", "actual", "consequence_of", "reproduce")
    facts = {key: report[key] for key in ("target", "conclusion", "complete", "totals", "judged", "stale")}
    findings = [{key: finding[key] for key in keys} for finding in report["findings"]]
    facts["causes"] = [
        {key: cause[key] for key in ("id", "headline", "findings", "requirements")} for cause in report["causes"]
    ]
    print(json_text({**facts, "findings": findings, "evidence": str(folder.resolve())}, indent=1))
