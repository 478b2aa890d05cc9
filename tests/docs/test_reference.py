"""The generated reference is complete, and its links have existing targets."""

import inspect
import re
import tomllib
from functools import cache
from pathlib import Path

import click
import pytest
from pydantic import BaseModel

from gatebench.cli import COMMANDS, PROGRAM, gatebench
from gatebench.commands.load.group import COMMANDS as LOAD_COMMANDS
from gatebench.conformance.checks.shapes.catalog import SHAPES
from gatebench.conformance.requirements.features import FEATURES, PROFILES
from gatebench.conformance.requirements.registry import loaded
from gatebench.documentation import __main__ as program
from gatebench.documentation import sentences
from gatebench.documentation.all_pages import pages
from gatebench.documentation.markdown import prose
from gatebench.documentation.models import UndescribedError, rows, section_of
from gatebench.documentation.pages import commands, descriptor, world
from gatebench.documentation.pages.extensions import CLASSES
from gatebench.exit_codes import MEANINGS
from gatebench.fixtures.gateways.adapter import Adapter
from gatebench.fixtures.gateways.descriptor import Descriptor, Dialect
from gatebench.fixtures.gateways.descriptor_loader import LAUNCH_VARIABLES
from gatebench.fixtures.gateways.launch.templates import FILTERS
from gatebench.fixtures.reference_gateway import config
from gatebench.fixtures.world import definition
from tests.support.source.code_blocks import anchors

ROOT = Path(__file__).parents[2]


@cache
def generated() -> dict[str, str]:
    """Return all pages, which take a second: each worker of xdist imports this module, and one runs its tests."""
    return pages()


def first_cells(text: str) -> set[str]:
    return set(re.findall(r"^\| `([^`]+)` \|", text, re.MULTILINE))


def test_descriptor_page_has_every_key() -> None:
    keys = set(Descriptor.model_fields)
    for field in Descriptor.model_fields.values():
        model = section_of(field.annotation)
        keys |= set(model.model_fields) if model else set()
    page = generated()["descriptor.md"]
    shown = first_cells(page) | set(re.findall(r"^## \[(\w+)\]$", page, re.MULTILINE))
    assert set(Dialect.model_fields) <= keys <= shown


def test_descriptor_page_has_every_variable_and_filter() -> None:
    variables = {f"{{{name}}}" for name in LAUNCH_VARIABLES | {"server", "tool", "token", "gatebench_image"}}
    assert variables | set(FILTERS) <= first_cells(generated()["descriptor.md"])
    assert set(descriptor.TEMPLATES) <= first_cells(generated()["descriptor.md"])


def test_claims_page_has_every_name() -> None:
    names = {*FEATURES, *PROFILES, *definition.PRINCIPALS, *definition.EVERYTHING}
    assert names <= first_cells(generated()["claims.md"])
    assert all(f"`{revision}`" in generated()["claims.md"] for revision in definition.REVISIONS)


def test_adapter_page_has_every_verb_with_its_docstring() -> None:
    verbs = {
        name: verb for name, verb in vars(Adapter).items() if inspect.isfunction(verb) and not name.startswith("_")
    }
    assert {"grant", "restart", "operator_headers"} <= verbs.keys()
    for name, verb in verbs.items():
        section = generated()["adapter.md"].partition(f"\n## {name}\n")[2].partition("\n## ")[0]
        assert prose((verb.__doc__ or "").partition("\n\n")[0]) in section, name


def test_extensions_page_has_every_member_with_a_description() -> None:
    page = generated()["extensions.md"]
    for one in CLASSES:
        section = page.partition(f"\n## {one.__name__}\n")[2].partition("\n## ")[0]
        shown = dict(re.findall(r"^\| `(?:await )?(\w+).*?` \| (.*) \|$", section, re.MULTILINE))
        assert {name for name in dir(one) if not name.startswith("_") and callable(getattr(one, name))} <= shown.keys()
        assert all(shown.values()), one
    assert "| `response_header(name: str) -> list[str]` |" in page
    assert "| `status` | `int \\| None` |" in page


def test_world_page_has_every_member_of_a_world() -> None:
    models = {model for model in vars(config).values() if isinstance(model, type) and issubclass(model, BaseModel)}
    assert {model for model in models if not model.__name__.startswith("_")} - {BaseModel} == set(world.PLACES.values())
    for model in world.PLACES.values():
        keys = {name for name, field in model.model_fields.items() if not field.exclude}
        assert keys <= first_cells(generated()["world.md"])


def test_requirements_are_on_the_page_of_their_group_and_in_the_index() -> None:
    for requirement in loaded().all():
        page = generated()[f"requirements/{requirement.group}.md"]
        section = page.partition(f"\n## {requirement.id}\n")[2].partition("\n## ")[0]
        assert f"**{requirement.level}** {prose(requirement.text)}" in section
        assert all(prose(str(source)) in section for source in requirement.sources)
        assert (
            f"| [{requirement.id}]({requirement.group}.md#{requirement.id.lower()}) |"
            in generated()["requirements/index.md"]
        )
        assert f"Check: the shape [{requirement.check}]" in section or not requirement.cases


def test_shapes_page_has_the_options_of_each_shape() -> None:
    for name, shape in SHAPES.items():
        section = generated()["shapes.md"].partition(f"\n## {name}\n")[2].partition("\n## ")[0]
        assert all(f"`{option}`" in section for option in shape.required | shape.optional), name


def test_commands_page_has_every_command_and_option() -> None:
    text = generated()["commands.md"]
    found = dict(commands.commands(gatebench, PROGRAM))
    assert {path.split()[1] for path in found} == set(COMMANDS)
    assert {path.split()[2] for path in found if path.startswith(f"{PROGRAM} load ")} == set(LOAD_COMMANDS)
    for path, command in found.items():
        section = text.partition(f"\n## {path}\n")[2].partition("\n## ")[0]
        for option in (one for one in command.params if isinstance(one, click.Option) and not one.hidden):
            assert all(f"`{name}`" in section for name in option.opts), path
            assert prose(option.help or "") in section, path


def test_every_exit_status_has_its_meaning_in_the_reference_and_in_the_guide_to_ci() -> None:
    for page in (generated()["commands.md"], (ROOT / "docs" / "how-to" / "ci.md").read_text(encoding="utf-8")):
        for status, meaning in MEANINGS.items():
            assert f"| {status} | {meaning} |" in page


def test_links_between_generated_pages_have_existing_targets() -> None:
    docs = ROOT / "docs"
    written = {path.relative_to(docs).as_posix(): path.read_text(encoding="utf-8") for path in docs.rglob("*.md")}
    everything = written | {f"reference/{name}": text for name, text in generated().items()}
    for name, text in generated().items():
        for target in re.findall(r"\]\(([^)\s]+)\)", text):
            path, _, anchor = target.partition("#")
            place = f"reference/{name}" if not path else (docs / "reference" / name).parent.joinpath(path).resolve()
            page = place if isinstance(place, str) else place.relative_to(docs.resolve()).as_posix()
            assert page in everything, f"{name}: {target}"
            assert not anchor or anchor in anchors(everything[page]), f"{name}: {target}"


# -- refused input


class Example(BaseModel):
    plain: int = 1


def test_key_without_a_sentence_is_refused() -> None:
    with pytest.raises(UndescribedError, match=r"example\.plain has no sentence"):
        list(rows(Example, {}, "example"))


def test_sentence_without_a_key_is_refused() -> None:
    with pytest.raises(UndescribedError, match=r"example\.gone, which does not exist"):
        list(rows(Example, {"plain": "a number", "gone": "nothing"}, "example"))
    with pytest.raises(UndescribedError, match=r"sentences\.toml, \[claims\.profiles\]: gone"):
        sentences.exactly("claims", "profiles", {*PROFILES, "gone"})


def test_every_sentence_belongs_to_a_key() -> None:
    data = tomllib.loads(Path(sentences.__file__).with_suffix(".toml").read_text(encoding="utf-8"))
    models = {model.__name__ for model in world.PLACES.values()}
    used = {
        "descriptor": {*Descriptor.model_fields, "sections", "variables", "filters"},
        "claims": {"profiles"},
        "world": models,
    }
    assert {page: set(names) - used[page] for page, names in data.items()} == {page: set() for page in used}


def test_writing_replaces_a_folder_of_pages_and_no_other(tmp_path: Path) -> None:
    program.main(tmp_path / "reference")
    old = tmp_path / "reference" / "requirements" / "gone.md"
    old.write_text("of a group that is gone")
    program.main(tmp_path / "reference")
    assert not old.exists()
    assert (tmp_path / "reference" / "world.md").read_text(encoding="utf-8") == generated()["world.md"]
    (tmp_path / "mine").mkdir()
    with pytest.raises(SystemExit, match="not a folder of generated pages"):
        program.main(tmp_path / "mine")
