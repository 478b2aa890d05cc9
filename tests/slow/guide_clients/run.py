"""`make guide-clients`: the guide's client code under fastmcp 2, 3 and 4, each in an environment of its own.

Against the embedded reference: connect, list and call on every authentication path, and the error of a missing consent, in
the modes that each version has. The environments are kept below `.gatebench-cache`, by version. Exit status: 0, or 1 if a
version does not behave as the guide says; where a version cannot be installed, a line says NOT RUN.
"""

import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gatebench.fixtures.clients import fastmcp_client
from gatebench.fixtures.gateways import lookup
from gatebench.fixtures.harness.bench import Bench, running_bench
from gatebench.fixtures.harness.scenario import running_scenario
from gatebench.fixtures.world.definition import LEGACY_REVISIONS
from tests.slow import client_environments
from tests.slow.client_environments import NotInstalledError

VERSIONS = {"2": "fastmcp>=2,<3", "3": "fastmcp>=3,<4", "4": "fastmcp>=4,<5"}
SECONDS = 180
PATHS = {  # caller, server: the guide's scenarios
    "service account, shared credentials": ("support-bot", "web-search"),
    "user, no authentication": ("alice", "calculator"),
    "user, per-user OAuth": ("alice", "mail"),
    "external identity, per-user OAuth": ("carol", "mail"),
    "mixed, virtual server": ("alice", "workbench"),
    "passthrough": ("carol", "crm"),
}
WITHOUT_CONSENT = {
    "user without consent": ("bob", "mail", 1),
    "user without two consents": ("bob", "inbox", 2),
}


def main() -> int:
    """Run the client code of each version; return the exit status."""
    problems: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        target = lookup.by_name("reference")
        with running_bench(
            target, Path(folder) / "transcript.jsonl", features=[], listener=lambda _event: None
        ) as bench:
            plan = asyncio.run(_plan(bench))
            for name, requirement in VERSIONS.items():
                started = time.monotonic()
                try:
                    python = client_environments.python(f"fastmcp-{name}", requirement)
                except NotInstalledError as error:
                    print(f"NOT RUN: fastmcp {name} could not be installed: {error}", flush=True)
                    continue
                installed = time.monotonic() - started
                outcome = _play(python, plan)
                found = list(_problems(name, outcome, plan["steps"]))
                problems += found
                print(
                    f"fastmcp {outcome.get('fastmcp', name)}: {len(outcome.get('results', []))} steps, {len(found)} problems, "
                    f"environment {installed:.1f} s, run {time.monotonic() - started - installed:.1f} s",
                    flush=True,
                )
    print(*problems, sep="\n", end="\n" if problems else "")
    return 1 if problems else 0


async def _plan(bench: Bench) -> dict[str, Any]:
    """Return the steps, once the users of the first paths have consented and those of the others have not."""
    steps = []
    async with running_scenario(bench, "guide-clients", {}) as scenario:
        for name, (principal, server) in PATHS.items():
            await scenario.consented(principal, server, LEGACY_REVISIONS[-1])
            steps.append(_step(bench, name, principal, server, missing=0))
        for name, (principal, server, missing) in WITHOUT_CONSENT.items():
            await scenario.no_consent(principal, server)
            steps.append(_step(bench, name, principal, server, missing=missing))
    return {"modes": list(fastmcp_client.MODES), "steps": steps}


def _step(bench: Bench, name: str, principal: str, server: str, *, missing: int) -> dict[str, Any]:
    tool = bench.identities.tool(server, "whoami")
    token = bench.identities.token(principal)
    return {"name": name, "url": bench.target.url(server), "token": token, "tool": tool, "missing": missing}


def _play(python: Path, plan: dict[str, Any]) -> dict[str, Any]:
    try:
        done = subprocess.run(  # noqa: S603 - our own program
            [str(python), "-I", str(Path(__file__).with_name("guide_agent.py"))],
            input=json.dumps(plan),
            capture_output=True,
            text=True,
            check=False,
            timeout=SECONDS,
        )
    except subprocess.TimeoutExpired:
        return {"failure": f"it did not end within {SECONDS} s"}
    try:
        outcome: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        return {"failure": f"status {done.returncode}: {done.stderr.strip()[-300:]}"}
    return outcome


def _problems(name: str, outcome: dict[str, Any], steps: list[dict[str, Any]]) -> Iterator[str]:
    """Yield a sentence for each step that did not end as the guide says."""
    if "failure" in outcome:
        yield f"fastmcp {name}: {outcome['failure']}"
        return
    expected = {step["name"]: step for step in steps}
    for result in outcome["results"]:
        step, where = expected[result["step"]], f"fastmcp {name}, mode {result['mode']}, {result['step']}"
        urls = result.get("auth_required", [])
        if "error" in result:
            yield f"{where}: {result['error']}"
        elif len(urls) != step["missing"]:
            yield f"{where}: {len(urls)} authorization URLs instead of {step['missing']}"
        elif not urls and step["tool"] not in result["tools"]:
            yield f"{where}: the tool {step['tool']} is not listed: {', '.join(result['tools'])}"
        elif not urls and not result["content"]:
            yield f"{where}: the call had no content"


if __name__ == "__main__":
    sys.exit(main())
