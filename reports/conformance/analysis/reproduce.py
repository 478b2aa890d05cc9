"""Command lines that reproduce a result."""

import re
import shlex
from collections.abc import Iterable, Mapping
from typing import Any

_SCENARIO = re.compile(r"(?P<module>[^/]+)/(?P<function>[^\[]+)\[(?P<values>.*)\]", re.DOTALL)
_WORDS = re.compile(r"[\w:+\-.\[\]/]+", re.ASCII)  # valid in an expression of pytest -k


class Commands:
    """Builds commands for one run of a target with these options; `judgements` show which scenario functions share a name."""

    def __init__(self, target: str, judgements: Iterable[Mapping[str, Any]], options: Iterable[str] = ()) -> None:
        self._target = shlex.join([target, *options])
        self._modules: dict[str, set[str]] = {}
        for judgement in judgements:
            scenario = _SCENARIO.fullmatch(judgement["scenario"])
            if scenario:
                self._modules.setdefault(scenario["function"], set()).add(scenario["module"])

    def of(self, requirement: str, scenario: str) -> str:
        """Return the command for a scenario; for the sweep over the whole run, that for the requirement."""
        return f'gatebench run {self._target} -k "{self._expression(requirement, scenario)}"'

    def _expression(self, requirement: str, scenario: str) -> str:
        named = _SCENARIO.fullmatch(scenario)
        if named is None:
            return requirement
        values = "-".join(value for value in (named["values"], requirement) if value)
        words = _WORDS.findall(f"test_{named['function']}[{values}]")
        if len(self._modules.get(named["function"], ())) > 1:
            words.insert(0, f"test_{named['module']}.py")
        return " and ".join(dict.fromkeys(word for word in words if word not in ("and", "or", "not")))
