"""Texts that make a regular expression slow, derived from the expression, and how its time grows with them.

A backtracking engine takes more than linear time where a repeat can be left in many ways, or where a search begins anew at
every place of what it has looked through already. So every part of the expression is repeated, alone and with its neighbours,
behind whatever leads up to it, and something follows that cannot match.
"""

import functools
import itertools
import re
import time
from collections.abc import Callable, Iterable, Iterator
from re import _constants as codes  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

SHORT, LONG = 1024, 8192
FEW = (16, 20, 24)  # short texts detect exponential time early
WARMING_UP = (*FEW, 32, 64, 128)
LONGER = (256, SHORT, LONG)  # the same for cubic time
# Both are multiples of what a linear pattern takes for the long text on this machine: about a millisecond.
MAX_COST = 300  # for any text
NOTICEABLE = 2  # quadratic time is never less
RATIO = 24  # linear time grows by LONG / SHORT = 8, quadratic by 64
ALPHABET = [chr(code) for code in range(0x20, 0x7F)] + ["\n", "\t", "\0", "é", "«", "»", "\ud800"]
ENDS = ("", "\n\n", "\0", '"')
CATEGORIES = {
    codes.CATEGORY_DIGIT: "1",
    codes.CATEGORY_SPACE: " ",
    codes.CATEGORY_WORD: "a",
    codes.CATEGORY_NOT_DIGIT: "a",
    codes.CATEGORY_NOT_SPACE: "a",
    codes.CATEGORY_NOT_WORD: " ",
}
Node = tuple[Any, Any]


def examples(nodes: Iterable[Node]) -> str:
    """Return a text that a sequence of nodes matches (look-arounds are ignored)."""
    return "".join(_example(op, value) for op, value in nodes)


def _example(op: Any, value: Any) -> str:  # noqa: PLR0911 - one line for each kind of node
    if op is codes.LITERAL:
        return chr(value)
    if op is codes.NOT_LITERAL:
        return next(one for one in "a1 \n" if ord(one) != value)
    if op is codes.ANY:
        return "a"
    if op is codes.IN:
        return members(value)[0]
    if op is codes.BRANCH:
        return examples(value[1][0])
    if op is codes.SUBPATTERN:
        return examples(value[-1])
    if op is codes.ATOMIC_GROUP:
        return examples(value)
    if op in REPEATS:
        return examples(value[2]) * max(value[0], 1)
    return ""


REPEATS = {codes.MAX_REPEAT, codes.MIN_REPEAT, codes.POSSESSIVE_REPEAT}


def members(charset: list[Node]) -> list[str]:
    """Return characters of a set: of each category and range in it, or the others if it is negated."""
    negated = charset[0][0] is codes.NEGATE
    named: list[str] = []
    for op, value in charset:
        if op is codes.LITERAL:
            named.append(chr(value))
        elif op is codes.RANGE:
            named += [chr(value[0]), chr(value[1])]
        elif op is codes.CATEGORY:
            named.append(CATEGORIES[value])
    if not negated:
        return named
    pattern = re.compile("[^" + "".join(re.escape(one) for one in named) + "]")
    usual = [one for one in "a .1/:-=x\n" if pattern.match(one)]
    return usual or [one for one in ALPHABET if pattern.match(one)]


def parts(nodes: Iterable[Node], before: str = "") -> Iterator[tuple[str, list[Node]]]:
    """Yield every sequence of nodes in the tree, with a text that matches the nodes before it."""
    sequence = list(nodes)
    for start, (op, value) in enumerate(sequence):
        lead = before + examples(sequence[:start])
        for end in range(start + 1, min(len(sequence), start + 4) + 1):
            yield lead, sequence[start:end]
        for child in _children(op, value):
            yield from parts(child, lead)


def _children(op: Any, value: Any) -> list[Any]:
    if op is codes.BRANCH:
        return list(value[1])
    if op is codes.SUBPATTERN:
        return [value[-1]]
    if op is codes.ATOMIC_GROUP:
        return [value]
    if op in (codes.ASSERT, codes.ASSERT_NOT):
        return [value[1]]
    return [value[2]] if op in REPEATS else []


def pumps(nodes: Iterable[Node]) -> Iterator[tuple[str, str]]:
    """(what leads up to it, what is repeated)"""
    tree = list(nodes)
    whole = examples(tree)
    for cut in range(1, len(whole) + 1):
        yield "", whole[:cut]  # a search that starts again
    characters = {one for _, run in parts(tree) for op, value in run if op is codes.IN for one in members(value)}
    for lead, run in parts(tree):
        yield lead, examples(run)
        yield "", examples(run)
        for one in _alternatives(run):
            yield lead, one
    for one, other in itertools.product(sorted(characters)[:12], repeat=2):
        yield "", one + other if one != other else one
    for one in ALPHABET:
        yield "", one
        yield whole, one


def _alternatives(run: list[Node]) -> Iterator[str]:
    if len(run) == 1 and run[0][0] in REPEATS:
        inner = list(run[0][1][2])
        if len(inner) == 1 and inner[0][0] is codes.IN:
            yield from members(inner[0][1])
        if len(inner) == 1 and inner[0][0] in (codes.BRANCH, codes.SUBPATTERN):
            yield from (examples(child) for child in _children(*inner[0]))


def slow_text(pattern: "re.Pattern[Any]", *, how: str = "finditer") -> str | None:
    """A description of a text on which this pattern takes more than linear time; None when no such text was found.

    `how`: the method by which it is asked (`finditer`: begins anew behind each place, `match`: at the beginning only).
    """
    tree = parser.parse(pattern.pattern, pattern.flags & ~re.DEBUG)
    is_bytes = isinstance(pattern.pattern, bytes)
    tried: set[tuple[str, str]] = set()
    for lead, pump in pumps(tree):
        if not pump or (lead, pump) in tried:
            continue
        tried.add((lead, pump))
        for end in ENDS:

            def text(length: int, lead: str = lead, pump: str = pump, end: str = end) -> Any:
                made = lead + pump * (length // len(pump) + 1) + end
                return made.encode("latin-1", "replace") if is_bytes else made

            if found := _slow(pattern, how, text, warm=end == ENDS[0]):
                return f"{lead!r}, {pump!r} many times, {end!r}: {found}"
    return None


def _slow(pattern: "re.Pattern[Any]", how: str, text: Callable[[int], Any], *, warm: bool) -> str | None:
    for length in (*(WARMING_UP if warm else FEW), *LONGER):
        seconds = _seconds(pattern, how, text(length))
        if seconds > MAX_COST * _linear():
            return f"{seconds:.2f} s for {length} characters"
    if seconds < NOTICEABLE * _linear():
        return None
    short, long = (min(_seconds(pattern, how, text(n)) for _ in range(4)) for n in (SHORT, LONG))
    return f"{long * 1000:.1f} ms, {long / short:.0f} times of an eighth" if long > RATIO * short else None


def _seconds(pattern: "re.Pattern[Any]", how: str, text: Any) -> float:
    started = time.thread_time()
    if how == "finditer":
        for _ in pattern.finditer(text):
            pass
    else:
        getattr(pattern, how)(text)
    return time.thread_time() - started


@functools.cache
def _linear() -> float:
    """Return the seconds of a linear pattern for the long text on this machine: the best of several tries."""
    return min(_seconds(re.compile("a"), "finditer", "a" * LONG) for _ in range(20))
