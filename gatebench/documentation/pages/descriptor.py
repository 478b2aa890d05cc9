"""Page of the descriptor: every section, key, template variable and filter."""

from collections.abc import Iterator

from pydantic import BaseModel

from gatebench.documentation import sentences
from gatebench.documentation.markdown import code, prose, sentence, table
from gatebench.documentation.models import HEAD, described, rows, section_of, type_of
from gatebench.fixtures.gateways.descriptor import Descriptor
from gatebench.fixtures.gateways.descriptor_loader import LAUNCH_VARIABLES, REQUIRED_VARIABLES, TEMPLATE_VARIABLES
from gatebench.fixtures.gateways.launch.templates import FILTERS
from gatebench.fixtures.world.own_upstream.model import OwnAuth, OwnCall

PAGE = "descriptor"
# The loader checks no templates of `launch.render` by name: Jinja reports the unknown ones.
TEMPLATES = {**TEMPLATE_VARIABLES, "launch.render": LAUNCH_VARIABLES}
"""Every key that holds a template, with its variables."""
TABLES: dict[str, dict[str, type[BaseModel]]] = {"upstream": {"[upstream.auth]": OwnAuth, "[[upstream.call]]": OwnCall}}
"""Tables within a section, by their heads."""


def page() -> Iterator[str]:
    """Yield the lines of the page."""
    yield from ("# Descriptor", "")
    yield from (
        "A descriptor is one TOML file that describes a gateway under test. `gatebench init` writes one. How to write one:",
        "[Describe a gateway](../how-to/describe-a-gateway.md).",
        "",
    )
    sections = {key: model for key, field in Descriptor.model_fields.items() if (model := section_of(field.annotation))}
    for key, text in sentences.exactly(PAGE, "sections", set(sections)).items():
        yield from (f"## [{key}]", "", prose(sentence(text)), "")
        yield from table(HEAD, rows(sections[key], sentences.of(PAGE, key), key))
        for name, model in TABLES.get(key, {}).items():
            yield from (f"### {name}", "")
            yield from table(HEAD, rows(model, {}, name))
    yield from ("## Other keys", "", "Those without a section stand before the first section of the file.", "")
    yield from table(("key", "type", "meaning"), _others(set(sections)))
    yield from _variables()
    yield from _filters()


def _others(sections: set[str]) -> Iterator[tuple[str, str, str]]:
    for key, field in Descriptor.model_fields.items():
        if key not in sections:
            yield code(key), type_of(field.annotation), described(field, sentences.of(PAGE, key), PAGE, key)


def _variables() -> Iterator[str]:
    names = {name for allowed in TEMPLATES.values() for name in allowed}
    known = sentences.exactly(PAGE, "variables", names)
    yield from ("## Template variables", "", "The value of a variable replaces its name in braces, as in `{port}`.", "")
    used = {name: [key for key, allowed in TEMPLATES.items() if name in allowed] for name in known}
    yield from table(
        ("variable", "value", "in"),
        ((code(f"{{{name}}}"), prose(sentence(known[name])), ", ".join(map(code, used[name]))) for name in known),
    )
    yield from ("Variables of each key:", "")
    yield from table(
        ("key", "variables", "must use"),
        (
            (code(key), " ".join(code(f"{{{name}}}") for name in sorted(allowed)), _needed(key))
            for key, allowed in TEMPLATES.items()
        ),
    )
    yield from (
        "Files of `launch.render` are Jinja2 templates: a variable is written `{{ port }}` there, and `world` is the value of",
        "[world.json](world.md), as in `{{ world.gateway.port }}`.",
        "",
    )


def _needed(key: str) -> str:
    return code(f"{{{REQUIRED_VARIABLES[key]}}}") if key in REQUIRED_VARIABLES else ""


def _filters() -> Iterator[str]:
    yield from ("## Template filters", "", "In files of `launch.render`, beside those of Jinja2.", "")
    known = sentences.exactly(PAGE, "filters", set(FILTERS))
    yield from table(("filter", "result"), ((code(name), prose(sentence(known[name]))) for name in FILTERS))
