"""Checks of agent.toml: the results of the guide's multi-server agent."""

from typing import Any

from gatebench.conformance.outcomes import CheckContext
from gatebench.conformance.transcript import Transcript


def the_agent_gets_its_three_shapes(context: CheckContext, transcript: Transcript) -> None:
    """AGT-001: `expected` names the shape, `answer` is the agent's result."""
    for note in transcript.notes("observation"):
        if note["what"] != "agent-call":
            continue
        context.examined()
        if shape_of(note["answer"], note["server"], note["nonce"]) != note["expected"]:
            context.violation(
                f"the agent, mode {note['mode']}, got a response from {note['server']} that it cannot handle",
                expected=f"the shape {note['expected']}",
                actual=str(note["answer"])[:400],
            )


def shape_of(answer: dict[str, Any], server: str, nonce: str) -> str:
    """Return `success`, `auth_required` or `error`; `none` for an answer with another shape, server or nonce."""
    if answer.get("success") is True:
        return "success" if (answer.get("result") or {}).get("nonce") == nonce else "none"
    if answer.get("auth_required"):
        urls = answer.get("authorization_urls")
        return "auth_required" if urls and answer.get("server") == server else "none"
    return "error" if str(answer.get("error") or "").strip() else "none"


def unknown_servers_send_nothing(context: CheckContext, transcript: Transcript) -> None:
    """AGT-002."""
    for note in transcript.notes("observation"):
        if note["what"] != "agent-unknown-server":
            continue
        context.examined()
        sent = [x for x in transcript.client if note["from"] < x.seq < note["to"]]
        if sent or note["error"] != "ValueError":
            context.violation(
                f"the agent did not refuse {note['server']}, which it does not know, before it sent a request",
                expected="the client's own error, and nothing sent",
                actual=f"{note['error']}; {len(sent)} request(s) sent",
                at=sent[0] if sent else None,
            )
