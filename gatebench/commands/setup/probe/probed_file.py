"""The descriptor of a probed gateway."""

import textwrap
from datetime import UTC, datetime

from gatebench.commands.setup import descriptor_file
from gatebench.commands.setup.descriptor_file import ADDRESS_VARIABLE, DescriptorFacts
from gatebench.commands.setup.probe.evidence import DescriptorEvidence
from gatebench.commands.setup.probe.observations import Observations
from gatebench.commands.setup.probe.wording import Wording
from gatebench.fixtures.errors import BenchError

TEMPLATE = "probe/descriptor.toml.j2"
WIDTH = 118
MAX_NAME = 60


def render(seen: Observations, given: DescriptorFacts, file: str, says: Wording) -> str:
    """Return the text of a descriptor with evidence for its lines.

    `given`: the address, the variable of the token and, where the user has named them, name and version. Raise BenchError if a
    part of the token would be in the text.
    """
    url = given.url or ""
    hidden = says.names_a_secret(url)
    info = seen.server_info
    facts = DescriptorFacts(
        kind="outside",
        name=given.name or says.plain(info.get("name") or "", MAX_NAME) or descriptor_file.address_of(url),
        version=given.version or says.plain(info.get("version") or "", MAX_NAME),
        url=f"${ADDRESS_VARIABLE}" if hidden else url,
        token_env=given.token_env,
    )
    evidence = DescriptorEvidence(seen, says)
    later = None if hidden else seen.segment
    more = {
        "evidence": {
            "origin": _wrapped([_origin(url, given, says)]),
            "address": _wrapped(_address(hidden=hidden)),
            **{
                section: _wrapped(getattr(evidence, section))
                for section in (
                    "name",
                    "unauthenticated",
                    "metadata",
                    "unknown_tool",
                    "unknown_server",
                    "tools",
                    "revisions",
                    "capabilities",
                )
            },
        },
        "accepted": seen.accepted,
        "unauthenticated": seen.refusals,
        "unknown_tool": seen.unknown_tool_form,
        "unknown_server": evidence.unknown_server_status,
        "features_seen": seen.features,
        "features_later": ["caller.user", "upstream.none", *seen.features],
        "base_url_later": later.origin if later else None,
        "single_later": f"{{base_url}}{later.template}" if later else None,
    }
    text = descriptor_file.render(facts, file, TEMPLATE, more)
    if not says.clean(text):
        raise BenchError(
            "the descriptor would contain a part of the token or of the address's credentials; choose another --name"
        )
    return text


def _origin(url: str, given: DescriptorFacts, says: Wording) -> str:
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    token = f"with the token in {given.token_env}" if given.token_env else "without a token"
    return (
        f"`gatebench init --probe` saw this at {says.address(url)}, {token}, on {now}. The evidence is above each line."
    )


def _address(*, hidden: bool) -> list[str]:
    return [f"The address is in the variable {ADDRESS_VARIABLE}: it may hold a credential."] if hidden else []


def _wrapped(lines: list[str]) -> list[str]:
    """Return the lines, each one broken where it is too long for a comment."""
    return [
        part
        for line in lines
        for part in textwrap.wrap(
            line, WIDTH, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False, drop_whitespace=True
        )
    ]
