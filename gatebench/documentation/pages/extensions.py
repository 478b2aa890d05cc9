"""Page of the interface of extensions: what `gatebench.extensions` has, with the members of the classes that it consists of."""

import dataclasses
import inspect
import re
from collections.abc import Iterator
from types import FunctionType

from gatebench import extensions
from gatebench.documentation.markdown import code, prose, table
from gatebench.fixtures.harness.identities import Identities

CLASSES: dict[type, str] = {
    extensions.CheckContext: "the argument `context` of a check, which reports by it",
    extensions.Transcript: "the argument `transcript` of a check: the traffic",
    extensions.Exchange: "a request with its response, in a transcript",
    extensions.Scenario: "the argument `scenario` of a scenario",
    Identities: "`scenario.identities`",
    extensions.McpClient: "what `await scenario.client(...)` returns",
    extensions.McpResponse: "what the methods of a client return",
}
"""The classes with a section, each with where an extension meets it."""
_FUNCTION = re.compile(r"<function (\w+) at 0x[0-9a-f]+>")  # a default value
_MODULES = re.compile(r"(?<![\w.])(?:[a-z_]+\.)+(?=[A-Z])")  # of the types in a signature


def page() -> Iterator[str]:
    """Yield the lines of the page."""
    yield from ("# Interface of extensions", "")
    yield from (
        "Checks, scenarios, formats and tests of an [extension](../how-to/extensions.md) import these names from",
        "`gatebench.extensions`. [Adapter](adapter.md) has the methods of `Adapter`. Methods that return an `Iterator` and say",
        '"within this block" are used as `with scenario.upstream_down("calculator"):`.',
        "",
        "## Functions",
        "",
    )
    functions = {name: getattr(extensions, name) for name in extensions.__all__}
    yield from table(
        ("function", "description"),
        ((_call(name, one), _summary(one)) for name, one in functions.items() if inspect.isfunction(one)),
    )
    for one, place in CLASSES.items():
        yield from (f"## {one.__name__}", "", f"{place[:1].upper()}{place[1:]}. {_summary(one)}", "")
        yield from table(("member", "description"), _members(one))


def _members(one: type) -> Iterator[tuple[str, str]]:
    fields = {field.name: field for field in dataclasses.fields(one)} if dataclasses.is_dataclass(one) else {}
    for name, field in fields.items():
        if not name.startswith("_"):
            yield code(name), code(_type(field.type))
    for name in dir(one):
        member = inspect.getattr_static(one, name)
        if name.startswith("_") or name in fields or not (inspect.isfunction(member) or hasattr(member, "__get__")):
            continue
        yield (_call(name, member) if inspect.isfunction(member) else code(name)), _summary(member)


def _call(name: str, function: FunctionType) -> str:
    awaited = "await " if inspect.iscoroutinefunction(function) else ""
    signature = inspect.signature(function)
    kept = [parameter for parameter in signature.parameters.values() if parameter.name != "self"]
    shown = _FUNCTION.sub(r"\1", str(signature.replace(parameters=kept))).replace("~", "")
    return code(f"{awaited}{name}{_MODULES.sub('', shown)}")


def _type(annotation: object) -> str:
    text = (
        annotation.__name__ if inspect.isclass(annotation) and not hasattr(annotation, "__args__") else str(annotation)
    )
    return _MODULES.sub("", text)


def _summary(thing: object) -> str:
    return prose((inspect.getdoc(thing) or "").partition("\n\n")[0])
