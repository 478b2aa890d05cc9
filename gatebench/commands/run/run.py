"""`gatebench run`: test a gateway and show the report. The options; `run_session.py` does the work."""

from typing import Any

import click

from gatebench.commands.command import command
from gatebench.commands.options import PATH, TARGET, Choice, IntegerRange, NumberRange
from gatebench.commands.run import connection_options

WORLDS = ("embedded", "lean", "containers", "existing")
EXAMPLES = """\b
examples:
  gatebench run                                      the embedded reference gateway
  gatebench run fastmcp -n 2                         a shipped target, in two parallel worlds
  gatebench run acme.toml -k CRED-001                one requirement, on your own gateway
  gatebench run acme.toml --sheet world.json         a running gateway that was configured from this world.json
  gatebench run https://gw.example.com/mcp/docs --token-env GW_TOKEN
                                                     from outside, with only an address and a token
  gatebench run acme.toml --upstream docs.toml -m own_upstream
                                                     your own MCP server behind it
  gatebench run acme.toml -m credentials -x          one group, stop at the first finding
  gatebench run acme.toml --lf                       only what failed in the last run
  gatebench run                                      the target and the options of gatebench.toml, if that is here

exit status: 0 conformant with its claims; 1 findings; 2 bad input, unreachable, or nothing checked; 3 internal error of
gatebench; 130 interrupted"""


@command(epilog=EXAMPLES)
@click.argument("target", default="reference", metavar="[TARGET]", type=TARGET)
@click.option(
    "-k", "--keyword", "keyword", metavar="EXPR", help="only matching scenarios, e.g. CRED-001 or 'mail and not legacy'"
)
@click.option("-m", "--mark", "mark", metavar="MARK", help="only these groups, e.g. credentials")
@click.option("-x", "--first", "first", is_flag=True, help="stop at the first finding")
@click.option("--lf", "again", is_flag=True, help="only what failed in the last run of this target")
@click.option("-n", "--workers", "workers", type=IntegerRange(1, 64), metavar="N", help="run in N parallel worlds")
@click.option("--sheet", type=PATH, metavar="FILE", help="use this stored world.json")
@click.option(
    "--world",
    type=Choice(WORLDS),
    help="how to run the mocks: embedded, lean (the server of load tests), in containers, or existing (those of --sheet)",
)
@click.option("--expectations", type=PATH, metavar="FILE", help="known failures and skips, with reasons")
@click.option("--variants", type=PATH, metavar="FILE", help="your own variants of tokens and authorization servers")
@click.option(
    "--upstream", type=PATH, metavar="FILE", help="description of your own MCP server, judged behind the gateway"
)
@click.option(
    "--token-env",
    metavar="NAME",
    help="for a URL: environment variable that holds the token (default: GATEBENCH_TOKEN)",
)
@click.option("--token-file", type=PATH, metavar="FILE", help="for a URL: file that holds the token and nothing else")
@connection_options.of_gateway
@click.option(
    "--budget",
    type=NumberRange(0, 86_400),
    metavar="SECONDS",
    help="time limit of the run once the gateway is ready (default: 240, and 0.5 for each scenario of a world; 0: no limit)",
)
@click.option("--direct", is_flag=True, help="first run each scenario without the gateway, where possible")
@click.option(
    "--watch", is_flag=True, help="a running gateway: judge failures again whenever it was restarted, until Ctrl-C"
)
@click.option("--out", type=PATH, metavar="DIR", help="folder for the evidence (default: a new one)")
@click.option("--junitxml", type=PATH, metavar="FILE", help="also write the JUnit report to FILE")
@click.option("--alluredir", "allure", type=PATH, metavar="DIR", help="write Allure results, with exchanges as steps")
@click.option("--json", "as_json", is_flag=True, help="print the result as JSON instead of text")
def run(**options: Any) -> int:
    """Test a gateway: run the scenarios that apply to its claims, and report which requirements it violates.

    TARGET is a shipped name, the path of a descriptor, or a URL (default: reference).
    """
    from gatebench.commands.run import run_session  # noqa: PLC0415 - pytest and the bench are slow to import

    connection = connection_options.take(options)
    return run_session.run(run_session.RunOptions(**options), connection)
