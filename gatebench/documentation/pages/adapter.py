"""Page of the adapter: every verb with its docstring."""

import inspect
from collections.abc import Iterator

from gatebench.documentation.markdown import prose
from gatebench.fixtures.gateways import adapter
from gatebench.fixtures.gateways.adapter import Adapter


def page() -> Iterator[str]:
    """Yield the lines of the page."""
    yield from ("# Adapter", "")
    yield from _paragraphs(adapter)
    yield from (
        "An adapter is a subclass of `gatebench.fixtures.gateways.adapter.Adapter`. A descriptor names it with",
        '`adapter = "module:Class"`; the module is installed, or stands beside the descriptor.',
        "",
    )
    yield from _paragraphs(Adapter)
    for name, verb in inspect.getmembers(Adapter, inspect.isfunction):
        if not name.startswith("_"):
            yield from (f"## {name}", "", "```python", f"def {name}{inspect.signature(verb)}", "```", "")
            yield from _paragraphs(verb)


def _paragraphs(thing: object) -> Iterator[str]:
    for paragraph in (inspect.getdoc(thing) or "").split("\n\n"):
        yield from (prose(paragraph), "")
