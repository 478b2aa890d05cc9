"""All generated pages."""

from collections.abc import Iterable

from gatebench.conformance.requirements.registry import Registry, loaded
from gatebench.documentation.markdown import table
from gatebench.documentation.pages import adapter, claims, commands, descriptor, extensions, requirements, shapes, world

CONTENTS = {
    "commands.md": ("Commands", "every command with its options, and the exit statuses"),
    "descriptor.md": ("Descriptor", "every section, key, template variable and filter"),
    "claims.md": ("Claims", "profiles, features, principals, servers and revisions"),
    "adapter.md": ("Adapter", "the changes that an operator makes while the gateway runs: every verb"),
    "world.md": ("world.json", "every member of the file that a gateway is configured from"),
    "requirements/index.md": ("Requirements", "every requirement, with its sources, by group"),
    "shapes.md": ("Shapes of checks", "the checks that several requirements share, with their options"),
    "extensions.md": ("Interface of extensions", "what checks and scenarios of an extension call: every member"),
}


def pages(registry: Registry | None = None) -> dict[str, str]:
    """Return the text of every page, by its path in the folder of the reference."""
    registry = registry or loaded()
    lines: dict[str, Iterable[str]] = {
        "index.md": _index(),
        "commands.md": commands.page(),
        "descriptor.md": descriptor.page(),
        "claims.md": claims.page(registry),
        "adapter.md": adapter.page(),
        "world.md": world.page(),
        "requirements/index.md": requirements.index(registry),
        "shapes.md": shapes.page(registry),
        "extensions.md": extensions.page(),
    }
    for group, members in requirements.groups(registry).items():
        lines[f"requirements/{group}.md"] = requirements.page(group, members)
    return {name: "\n".join(text).rstrip() + "\n" for name, text in lines.items()}


def _index() -> Iterable[str]:
    yield from ("# Reference", "", "`make docs-reference` generates these pages from the code.", "")
    yield from table(
        ("page", "what it has"), ((f"[{title}]({name})", text) for name, (title, text) in CONTENTS.items())
    )
    yield from (
        "Written by hand: [the guide](../guide.md), whose rows the requirements cite, and [the reports of a run](../report.md).",
        "",
    )
