"""Results of the tools as plain data, shared by the FastMCP and the lean server so that they are identical."""

import hashlib
import re
from typing import Any

from ..http import canonical_sha256

STANDARD_TOOLS = ("whoami", "echo", "add", "counter", "slow", "fail", "big", "mailbox")
TOOL_NAME = re.compile(r"[A-Za-z0-9_.-]{1,128}")
MAX_STEPS = 10_000
MAX_BYTES = 64 << 20

Content = dict[str, Any]


def echo(arguments: Content) -> Content:
    """Return the arguments exactly as received, and the SHA-256 of their canonical JSON."""
    return {"arguments": arguments, "arguments_sha256": canonical_sha256(arguments)}


def add(a: float, b: float) -> Content:
    """Return the sum, as an integer if it is one."""
    return {"sum": int(a + b) if (a + b).is_integer() else a + b}


def big(size: int) -> tuple[str, Content]:
    """Return a text of that many bytes, and its description."""
    text = deterministic_text(size)
    return text, {"size": size, "sha256": hashlib.sha256(text.encode()).hexdigest()}


def mailbox(node: str, identity: dict[str, str] | None) -> tuple[Content, bool]:
    """Return the messages of the token's owner; true if it is an error (a token without identity)."""
    if identity is None:
        return {"owner": None, "message": "no mailbox: the call carried no identity"}, True
    owner = identity["sub"]
    messages = [{"id": f"{node}-{owner}-{n}", "to": owner, "subject": f"Message {n} for {owner}"} for n in (1, 2, 3)]
    return {"owner": owner, "messages": messages}, False


def deterministic_text(size: int) -> str:
    """Return ASCII text of that many bytes, always the same: numbered lines, so that a cut or a swap is visible."""
    lines = (f"{n:07d} the quick brown fox jumps over the lazy dog\n" for n in range(size // 52 + 1))
    return "".join(lines)[:size]


def caller_key(session: str | None, credentials: list[dict[str, str]]) -> str:
    """Return the key of `counter`: the session, or without one the credentials."""
    return session or "credentials " + " ".join(one["digest"] for one in credentials)


def instructions_of(name: str) -> str:
    """Return instructions as servers have them: several paragraphs, markup, signs beyond ASCII, blanks that matter."""
    rules = "".join(
        f"{number}. Use `tool_{number}` – never “{name}” itself:\n\n       a < b && c\n" for number in range(1, 9)
    )
    return f"The upstream {name} of a gateway test bench.\n\n# Größe\n\n{rules}\n<important>Ask & wait</important>\n"
