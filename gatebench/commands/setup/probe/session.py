"""The work of `gatebench init --probe`: probe, descriptor, and what to do next."""

import asyncio
import shlex
from pathlib import Path

from gatebench import progress
from gatebench.commands.setup import descriptor_file
from gatebench.commands.setup.descriptor_file import DescriptorFacts
from gatebench.commands.setup.probe import evidence, probed_file
from gatebench.commands.setup.probe.probe import prepare, probe


def write(facts: DescriptorFacts, path: Path, *, quiet: bool) -> list[str]:
    """Probe the address of `facts`, and write the descriptor; return the lines that say so.

    Raise BenchError with one sentence if the address cannot be probed, or the file cannot be written.
    """
    url = facts.url or ""
    token, says = prepare(url, facts.token_env)
    with progress.status(f"probing {descriptor_file.address_of(url)}", quiet=quiet) as show:
        seen = asyncio.run(probe(url, token, facts.token_env, says, show))
    descriptor_file.write(probed_file.render(seen, facts, path.name, says), path)
    steps = [f"gatebench run {shlex.quote(str(path))}"]
    if says.names_a_secret(url):
        steps.insert(0, f"export {descriptor_file.ADDRESS_VARIABLE}=...       # the address that you gave to --probe")
    return [f"{path} is written and valid.", evidence.summary(seen, says), "next:", *(f"  {step}" for step in steps)]
