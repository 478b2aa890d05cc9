"""`gatebench official`: the official MCP suite directly and through a gateway."""

from pathlib import Path

import click

from gatebench import exit_codes, progress
from gatebench.commands.command import command
from gatebench.commands.options import PATH, TARGET
from gatebench.conformance.text import json_text
from gatebench.fixtures.errors import BenchError, HarnessError

EXAMPLES = """\b
examples:
  gatebench official                       the embedded reference gateway
  gatebench official fastmcp               a shipped target
  gatebench official acme.toml --expectations known.toml

exit status: 0 no check is lost through the gateway; 1 findings; 2 bad input, unreachable, or nothing checked; 3 the run is
incomplete, or an internal error; 130 interrupted"""


@command(epilog=EXAMPLES)
@click.argument("target", default="reference", metavar="[TARGET]", type=TARGET)
@click.option(
    "--expectations", type=PATH, metavar="FILE", help="known failures (requirement official/CHECK), with reasons"
)
@click.option("--out", type=PATH, metavar="DIR", help="folder for the evidence (default: a new one)")
@click.option("--json", "as_json", is_flag=True, help="print the report as JSON instead of text")
def official(target: str, *, expectations: Path | None, out: Path | None, as_json: bool, quiet: bool) -> int:
    """Run the official MCP conformance suite against our upstream, directly and through a gateway, and compare check by check.

    TARGET is a shipped name or the path of a descriptor (default: reference). The suite, and Node.js where it is older than 22,
    are installed on first use (see `gatebench install`).
    """
    from gatebench.commands.conformance import official_files as report_files  # noqa: PLC0415 - slow imports
    from gatebench.conformance.official import session, suite  # noqa: PLC0415
    from gatebench.conformance.pytest_plugin import invoke  # noqa: PLC0415
    from gatebench.conformance.requirements.expectations import Expectations  # noqa: PLC0415

    known = Expectations.read(expectations) if expectations else Expectations()
    if other := [entry.outcome for entry in known.entries if entry.outcome != "fail"]:
        raise BenchError(
            f"the expectations file {expectations}: the official suite always plays every scenario, once; "
            f'write outcome = "fail" instead of "{other[0]}"'
        )
    folder = out or invoke.new_folder(f"official-{target}")
    exit_codes.end_in_order()
    measured = session.Measured()
    with progress.status("official suite", quiet=quiet) as tell:
        run = session.prepare(target, folder)
        installed = suite.install(tell)
        report_files.prepare(folder)
        try:
            session.play(run, installed, measured, tell)
        except KeyboardInterrupt:
            measured.trouble = "interrupted"
        except HarnessError as error:
            if not measured.results:
                raise
            measured.trouble = str(error)
        if not measured.results:
            return exit_codes.complain("interrupted before any result", exit_codes.INTERRUPTED)
        report = report_files.build(session.report(run, installed, measured, known), folder)
    if as_json:
        print(json_text({key: value for key, value in report.items() if key != "traffic"}, indent=1))
    else:
        report_files.show(report, folder, quiet=quiet)
    if measured.trouble == "interrupted":
        return exit_codes.complain("interrupted; evidence so far is kept", exit_codes.INTERRUPTED)
    return exit_codes.OF_CONCLUSION[report["conclusion"]]
