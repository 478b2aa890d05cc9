"""What counts as a denial where a gateway denies access in messages (`dialect.denied`: jsonrpc-error, tool-error)."""

from collections.abc import Collection

from gatebench.conformance.exchange import Exchange
from gatebench.fixtures.gateways.descriptor import DENIALS

TOOL_ERROR = "tool-error"
_HANDSHAKES = ("initialize", "server/discover")
_LISTED = ("tools", "resources", "resourceTemplates", "prompts")


def is_served_before(forms: Collection[int | str], attempt: Exchange) -> bool:
    """Return whether a gateway that denies access in messages may serve this request: a handshake, or with tool errors a list."""
    methods = _HANDSHAKES if forms and set(forms) <= set(DENIALS) else ()
    return attempt.rpc_method in methods or (set(forms) == {TOOL_ERROR} and attempt.rpc_method != "tools/call")


def is_empty_list(forms: Collection[int | str], attempt: Exchange) -> bool:
    """Return whether a list is empty, at a gateway that denies access to calls in messages."""
    return bool(set(forms) & set(DENIALS)) and any(attempt.result.get(name) == [] for name in _LISTED)
