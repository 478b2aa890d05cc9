"""Page of the shapes: checks that several requirements share."""

from collections.abc import Iterator

from gatebench.conformance.checks.shapes.catalog import SHAPES
from gatebench.conformance.requirements.registry import Registry
from gatebench.documentation.markdown import code, prose

PAGE = "shapes"


def page(registry: Registry) -> Iterator[str]:
    """Yield the lines of the page."""
    yield from ("# Shapes of checks", "")
    yield from (
        "A requirement whose rule has a known shape names the shape in `check`, its traffic in `cases`, and what differs in",
        "`options`.",
        "",
    )
    for name, shape in SHAPES.items():
        used = sum(bool(one.cases) and one.check == name for one in registry.all())
        yield from (f"## {name}", "", prose(shape.check.__doc__ or ""), "")
        options = [f"{code(option)} (required)" for option in sorted(shape.required)]
        options += [code(option) for option in sorted(shape.optional)]
        yield from (
            f"- Options: {', '.join(options) or 'none'}",
            f"- Requirements: {used}",
            f"- Module: {code(shape.check.__module__)}",
            "",
        )
