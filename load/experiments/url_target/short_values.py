"""Credentials that are too short to be found in every encoding (`sk-1234`): replaced where they are words of a text.

The registry of secrets searches encodings, in which so short a value would match by chance. Here, a value counts only as a whole
word, and only in texts that came from the endpoint: names and numbers of gatebench may be equal to it.
"""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

_TEXTS = ("what", "said", "request", "answer", "incomplete_reason")  # fields of load.json that may quote the endpoint
_WORD = "[A-Za-z0-9_-]"


class ShortValues:
    """Values by their labels, and their removal from texts."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._labels = {value: label for label, value in values.items() if value}
        longest_first = sorted(self._labels, key=len, reverse=True)
        either = "|".join(map(re.escape, longest_first))
        self._pattern = re.compile(f"(?<!{_WORD})(?:{either})(?!{_WORD})") if either else None

    def __bool__(self) -> bool:
        return bool(self._labels)

    def redact(self, text: str) -> str:
        """Return a text with labels in place of the values."""
        return self._pattern.sub(lambda found: f"«{self._labels[found[0]]}»", text) if self._pattern else text

    def redact_event(self, value: Any) -> Any:
        """Return a JSON value with all of its strings redacted, but not its keys."""
        return _mapped(value, self.redact) if self else value

    def redact_report(self, text: str) -> str:
        """Return the JSON text of a load report with redacted quotations."""
        if not self:
            return text
        return json.dumps(_quotations(json.loads(text), self.redact), ensure_ascii=False)


def _mapped(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, Mapping):
        return {key: _mapped(one, change) for key, one in value.items()}
    return [_mapped(one, change) for one in value] if isinstance(value, list | tuple) else value


def _quotations(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, dict):
        return {
            key: change(one) if key in _TEXTS and isinstance(one, str) else _quotations(one, change)
            for key, one in value.items()
        }
    return [_quotations(one, change) for one in value] if isinstance(value, list) else value
