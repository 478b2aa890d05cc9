"""Tools of 2026-07-28 that need input: `input_required` results, and a request state that only this upstream can make."""

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from . import forms
from .handshake_tools import ASKING

Content = dict[str, Any]
PROMPT = "test_input_required_result_prompt"
ADDED_PROMPT, ADDED_RESOURCE = "added-needs-input", "added/needs-input"
"""A prompt and (the end of its URI) a resource that need input in two rounds, once a control has added them."""
INVALID_PARAMS, MISSING_CAPABILITY = -32602, -32021
_KEY = secrets.token_bytes(32)


class RoundError(Exception):
    """A JSON-RPC error, and its HTTP status."""

    def __init__(self, code: int, text: str, data: Any = None, status: int = 200) -> None:
        super().__init__(text)
        self.code, self.data, self.status = code, data, status


@dataclass(frozen=True)
class Round:
    """One request for a tool: the client's capabilities, its answers and the state that it brings back."""

    tool: str
    node: str
    arguments: Content
    capabilities: Content
    answers: Mapping[str, Any]
    state: str | None

    def mint(self, **facts: Any) -> str:
        """Return a state with characters that a gateway may be tempted to change; it holds these facts."""
        body = base64.urlsafe_b64encode(json.dumps({"tool": self.tool, "node": self.node, **facts}).encode()).decode()
        return f'v1 {body}/ü"\\+=%2F\u2028.{_signed(body)}'

    def opened(self) -> Content:
        """Return the facts in the state; raise RoundError if this upstream did not make it for this tool."""
        text = self.state or ""
        body = text.removeprefix("v1 ").partition("/")[0]
        if text != f'v1 {body}/ü"\\+=%2F\u2028.{_signed(body)}':
            raise RoundError(INVALID_PARAMS, "the requestState is not one of this server")
        facts: Content = json.loads(base64.urlsafe_b64decode(body))
        if facts["tool"] != self.tool or facts["node"] != self.node:
            raise RoundError(INVALID_PARAMS, "the requestState is of another tool")
        return facts

    def mark(self, text: str) -> str:
        """Return a text with the nonce of the call."""
        return f"{text} [{self.arguments.get('nonce', '')}]"


def _signed(body: str) -> str:
    return hmac.new(_KEY, body.encode(), hashlib.sha256).hexdigest()


def _asks(requests: Content, state: str | None = None) -> Content:
    more = {} if state is None else {"requestState": state}
    return {"resultType": "input_required", "inputRequests": requests, **more}


def _done(text: str, **content: Any) -> Content:
    return {"resultType": "complete", "content": [{"type": "text", "text": text}], "structuredContent": content}


def _request(method: str, one: Round, text: str) -> Content:
    params: Content = {}
    if method == "sampling/createMessage":
        params = forms.sampling(one.mark(text))
    elif method == "elicitation/create":
        params = forms.name_form(one.mark(text))
    return {"method": method, "params": params}


def _single(key: str, method: str, text: str) -> Callable[[Round], Content]:
    def run(one: Round) -> Content:
        needed = forms.NEEDED[method]
        if not isinstance(one.capabilities.get(needed), dict):
            lacking: Content = {"requiredCapabilities": {needed: {}}}
            raise RoundError(MISSING_CAPABILITY, f"the client did not announce {needed}", lacking, 400)
        if not isinstance(one.answers.get(key), dict):
            return _asks({key: _request(method, one, text)})
        return _done(f"Hello, {json.dumps(one.answers[key])}!", answers=dict(one.answers))

    return run


def _request_state(one: Round) -> Content:
    if one.state is None:
        asked = {"method": "elicitation/create", "params": forms.name_form(one.mark("Please confirm"), "ok", "boolean")}
        return _asks({"confirm": asked}, one.mint(nonce=one.arguments.get("nonce")))
    facts = one.opened()
    return _done("state-ok", answers=dict(one.answers), state=facts)


def _state_alone(one: Round) -> Content:
    """Ask for nothing but the state (MCP 2026-07-28, MRTR: at least one of inputRequests and requestState)."""
    if one.state is None:
        return {"resultType": "input_required", "requestState": one.mint(nonce=one.arguments.get("nonce"))}
    return _done("state-ok", state=one.opened())


def _multiple(one: Round) -> Content:
    if one.state is None:
        requests = {
            "user_name": _request("elicitation/create", one, "What is your name?"),
            "greeting": _request("sampling/createMessage", one, "Generate a greeting"),
            "client_roots": _request("roots/list", one, ""),
        }
        return _asks(requests, one.mint(nonce=one.arguments.get("nonce")))
    one.opened()
    return _done("thanks", answers=dict(one.answers))


def _several_rounds(one: Round) -> Content:
    if one.state is None:
        return _asks({"step1": _request("elicitation/create", one, "Step 1: What is your name?")}, one.mint(step=1))
    facts = one.opened()
    if facts["step"] == 1:
        asked = _request("elicitation/create", one, "Step 2: What is your favorite color?")
        return _asks({"step2": asked}, one.mint(step=2, first=one.answers.get("step1")))
    return _done("two rounds", answers={"step1": facts["first"], "step2": one.answers.get("step2")})


def _capable(one: Round) -> Content:
    asks = {
        name: _request(method, one, name)
        for method, name in forms.NEEDED.items()
        if isinstance(one.capabilities.get(name), dict)
    }
    if not asks or one.answers:
        return _done("done", answers=dict(one.answers))
    return _asks(asks)


def prompt(answers: Mapping[str, Any]) -> Content:
    """Return the result of the prompt that needs input: the request for it, or the messages with it."""
    if not answers:
        asked = {"method": "elicitation/create", "params": forms.name_form("Which context?", "context")}
        return _asks({"user_context": asked})
    text = f"The context is {json.dumps(dict(answers), ensure_ascii=False)}."
    return {"resultType": "complete", "messages": [{"role": "user", "content": {"type": "text", "text": text}}]}


def prompt_or_resource(one: Round) -> Content:
    """Return the result of a prompt (by its name) or resource (by its URI) that needs input, and its own state back."""
    if one.state is None:
        asked = {"method": "elicitation/create", "params": forms.name_form(one.mark("Which context?"), "context")}
        return _asks({"user_context": asked}, one.mint())
    one.opened()
    text = f"The context is {json.dumps(dict(one.answers), ensure_ascii=False)}."
    if one.tool == ADDED_PROMPT:
        return {"resultType": "complete", "messages": [{"role": "user", "content": {"type": "text", "text": text}}]}
    return {
        "resultType": "complete",
        "contents": [{"uri": one.tool, "mimeType": "text/plain", "text": text}],
        "ttlMs": 0,
        "cacheScope": "private",
    }


RUN: dict[str, Callable[[Round], Content]] = {
    "test_input_required_result_elicitation": _single("user_name", "elicitation/create", "What is your name?"),
    "test_input_required_result_sampling": _single("capital_question", "sampling/createMessage", "Capital of France?"),
    "test_input_required_result_list_roots": _single("client_roots", "roots/list", ""),
    "test_input_required_result_request_state": _request_state,
    "test_input_required_result_multiple_inputs": _multiple,
    "test_input_required_result_multi_round": _several_rounds,
    "test_input_required_result_tampered_state": _request_state,
    "test_input_required_result_capabilities": _capable,
    "test_state_alone": _state_alone,
    "test_missing_capability": _single("sample", "sampling/createMessage", "Hello"),
    "test_streaming_elicitation": _single("user_name", "elicitation/create", "What is your name?"),
    **{tool: _single(key, method, tool) for tool, (key, method) in ASKING.items()},
}
