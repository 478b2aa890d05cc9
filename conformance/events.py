"""Schema of a transcript's events, on which readers rely. Files may come from elsewhere, and may be damaged."""

import base64
from collections.abc import Callable
from typing import Any

Event = dict[str, Any]

MAX_SHARED = 512  # characters of a string that is looked up; longer ones hardly repeat
MAX_DISTINCT = 200_000  # strings and headers that are remembered

# Required members of each kind of event, and types of members; readers check all others before use.
_NEEDED = {
    "request": {"exchange", "method", "target", "headers"},
    "response": {"exchange", "status", "headers"},
    "chunk": {"exchange"},
    "end": {"exchange", "how"},
    "secret": {"label", "category", "owner", "audience"},
    "world": {"sheet"},
    "target": {"target"},
    "timing": {"what", "seconds"},
    "scenario": {"phase", "scenario"},
    "played": {"scenario", "direct", "outcome", "reason"},
    "judged": {"requirement", "scenario"},
    "sweep": {"requirements"},
    "log": {"text"},
}
_TEXTS = {"leg", "kind", "exchange", "method", "body", "body_base64", "how", "label", "category", "phase", "scenario"}
_TEXTS |= {"reason", "requirement", "text"}
_TEXTS_OR_NONE = frozenset(
    (
        "owner",
        "audience",
        "outcome",
        "node",
        "nonce",
        "principal",
        "server",
        "client",
        "revision",
        "connection",
        "detail",
    )
)
_TYPES: dict[str, type | tuple[type, ...]] = {
    **dict.fromkeys(_TEXTS, str),
    **dict.fromkeys(_TEXTS_OR_NONE, (str, type(None))),
    **dict.fromkeys(("sheet", "params", "claims"), dict),
    **dict.fromkeys(("requirements", "needs"), list),
    **dict.fromkeys(("direct", "complete"), bool),
}

Rule = tuple[Callable[[dict[str, Any]], bool], str]
_RULES: dict[str, Rule] = {
    "seq": (lambda e: type(e["seq"]) is int and 0 <= e["seq"] < 2**53, "its seq is not a line number"),
    "t": (lambda e: _is_time(e["t"]), "a time in it is not a number of seconds"),
    "begun": (lambda e: _is_time(e["begun"]), "a time in it is not a number of seconds"),
    "seconds": (lambda e: _is_time(e["seconds"]), "a time in it is not a number of seconds"),
    "headers": (
        lambda e: e["kind"] not in ("request", "response") or _are_pairs(e["headers"]),
        "its headers are not pairs of strings",
    ),
    "target": (
        lambda e: isinstance(e["target"], {"request": str, "target": dict}.get(e["kind"], object)),
        "its target is not of its type",
    ),
    "status": (lambda e: e["kind"] != "response" or type(e["status"]) is int, "its status is not a number"),
    "what": (lambda e: e["kind"] != "timing" or isinstance(e["what"], str), "its what is not a string"),
    "phase": (lambda e: e["kind"] != "scenario" or e["phase"] != "begin" or "params" in e, "it has no params"),
    "requirements": (lambda e: _are_names(e["requirements"]), "a name is not a string"),
    "needs": (lambda e: _are_names(e["needs"]), "a name is not a string"),
    "body_base64": (lambda e: _is_base64(e["body_base64"]), "its body_base64 is not Base64"),
}
"""What must hold of an event that has a member of this name, and the message if it does not."""


class Shared:
    """The strings and headers that the events of a transcript have in common, each of them once in memory.

    Names of members, legs, nodes, scenarios and most headers repeat in every exchange.
    """

    def __init__(self) -> None:
        self._texts: dict[str, str] = {}
        self._pairs: dict[tuple[str, str], tuple[str, str]] = {}

    def text(self, text: str) -> str:
        """Return an equal string that other events use as well."""
        if len(text) > MAX_SHARED or len(self._texts) > MAX_DISTINCT:
            return text
        return self._texts.setdefault(text, text)

    def event(self, event: dict[str, Any]) -> dict[str, Any]:
        """Return an equal event (without `flaw`) of shared strings; its headers are pairs in tuples."""
        shared = {self.text(key): self.text(value) if type(value) is str else value for key, value in event.items()}
        if event["kind"] in ("request", "response"):
            shared["headers"] = [self._pair(name, value) for name, value in event["headers"]]
        return shared

    def _pair(self, name: str, value: str) -> tuple[str, str]:
        pair = name, value
        if len(value) > MAX_SHARED or len(self._pairs) > MAX_DISTINCT:
            return pair
        return self._pairs.setdefault(pair, pair)


def flaw(event: Any) -> str | None:
    """Return why a value is not an event of a transcript, or None if it is one."""
    if not isinstance(event, dict):
        return "it is not a JSON object"
    missing = {"seq", "t", "leg", "kind"} - event.keys()
    missing = missing or _NEEDED.get(str(event["kind"]), set()) - event.keys()
    if missing:
        return f"it has no {min(missing)}"
    for key, value in event.items():
        if key in _TYPES and not isinstance(value, _TYPES[key]):
            return f"its {key} is {type(value).__name__}"
    for key in event:
        rule = _RULES.get(key)
        if rule is not None and not rule[0](event):
            return rule[1]
    return None


def _are_names(value: list[Any]) -> bool:
    return all(isinstance(name, str) for name in value)


def _is_time(value: Any) -> bool:
    return type(value) in (int, float) and abs(value) < 1e12


def _are_pairs(value: Any) -> bool:
    if not isinstance(value, list):
        return False
    for pair in value:  # every line of a transcript comes here: without generators it takes a third of the time
        if not isinstance(pair, list) or len(pair) != 2:
            return False
        if not isinstance(pair[0], str) or not isinstance(pair[1], str):
            return False
    return True


def _is_base64(text: str) -> bool:
    try:
        base64.b64decode(text)
    except ValueError:
        return False
    return True
