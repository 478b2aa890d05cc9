"""Checks of agent.toml: what the guide's multi-server agent makes of the gateway's answers."""

from typing import Any

from conformance.transcript import Transcript
from conformance.verdict import Judge


def the_agent_gets_its_three_shapes(judge: Judge, transcript: Transcript) -> None:
    """AGT-001: `expected` names the shape, `answer` is what the agent returned."""
    for note in transcript.notes("observation"):
        if note["what"] != "agent-call":
            continue
        judge.saw()
        if shape_of(note["answer"], note["server"], note["nonce"]) != note["expected"]:
            judge.violated(
                f"the agent, mode {note['mode']}, got something else from {note['server']} than it can handle",
                expected=f"the shape {note['expected']}",
                actual=str(note["answer"])[:400],
            )


def shape_of(answer: dict[str, Any], server: str, nonce: str) -> str:
    """`success`, `auth_required` or `error`; `none` for an answer that is neither, or somebody else's."""
    if answer.get("success") is True:
        return "success" if (answer.get("result") or {}).get("nonce") == nonce else "none"
    if answer.get("auth_required"):
        urls = answer.get("authorization_urls")
        return "auth_required" if urls and answer.get("server") == server else "none"
    return "error" if str(answer.get("error") or "").strip() else "none"


def unknown_servers_send_nothing(judge: Judge, transcript: Transcript) -> None:
    """AGT-002."""
    for note in transcript.notes("observation"):
        if note["what"] != "agent-unknown-server":
            continue
        judge.saw()
        sent = [x for x in transcript.client if note["from"] < x.seq < note["to"]]
        if sent or note["error"] != "ValueError":
            judge.violated(
                f"asking the agent for {note['server']}, which it does not know, was not refused at once",
                expected="the client's own error, and nothing sent",
                actual=f"{note['error']}; {len(sent)} request(s) sent",
                at=sent[0] if sent else None,
            )
