"""Models of pydantic as rows of a table: key, type, default, sentence."""

import types
from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from gatebench.documentation.markdown import code, prose, sentence

_PLAIN = {str: "text", int: "integer", float: "number", bool: "true or false", Any: "any value"}
_CONTAINERS = {list: "list: {0}", tuple: "list: {0}", dict: "table: name = {1}"}
HEAD = ("key", "type", "default", "meaning")


class UndescribedError(Exception):
    """A key has no sentence, or two: its model and `sentences.toml` describe it."""


def rows(model: type[BaseModel], sentences: Mapping[str, str], place: str) -> Iterator[tuple[str, str, str, str]]:
    """Yield a row for each key of a model that its file holds.

    The sentence is the description in the model, or in `sentences`; raise UndescribedError unless it is in one of them.
    """
    keys = {key: field for key, field in model.model_fields.items() if not field.exclude}
    for key in sentences.keys() - keys.keys():
        raise UndescribedError(f"sentences.toml describes {place}.{key}, which does not exist; remove it there")
    for key, field in keys.items():
        kind = f"{type_of(field.annotation)}{_limits(field)}"
        yield code(key), kind, default_of(field), described(field, sentences, place, key)


def described(field: FieldInfo, sentences: Mapping[str, str], place: str, key: str) -> str:
    """Return the sentence of a key; raise UndescribedError if it has none or two."""
    if (field.description is None) == (key not in sentences):
        number = "no sentence: add it" if field.description is None else "two sentences: remove that one"
        raise UndescribedError(f"{place}.{key} has {number} in gatebench/documentation/sentences.toml")
    return prose(sentence(field.description or sentences[key]))


def default_of(field: FieldInfo) -> str:
    """Return the default as it is written in a file; "required" where there is none, empty where it is nothing."""
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    if value in ("", None, [], {}, ()):
        return ""
    return code(_written(value))


def _written(value: object) -> str:
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_written, value))}]"
    return _number(value) if isinstance(value, float) else str(value)


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else str(value)


def type_of(annotation: Any) -> str:
    """Return the type of a value in words."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return type_of(arguments[0])
    if origin is Literal:
        return _choice(code(_written(one)) for one in arguments)
    if origin in (Union, types.UnionType):
        return _choice(dict.fromkeys(type_of(one) for one in arguments if one is not type(None)))
    if origin in _CONTAINERS:
        return _CONTAINERS[origin].format(*map(type_of, arguments))
    is_model = isinstance(annotation, type) and issubclass(annotation, BaseModel)
    return "table" if is_model else _PLAIN.get(annotation, str(annotation))


def _limits(field: FieldInfo) -> str:
    """Return the bounds of a number, in brackets."""
    words = {"gt": "more than", "ge": "at least", "le": "at most"}
    given = [
        f"{word} {_number(getattr(one, key))}"
        for one in field.metadata
        for key, word in words.items()
        if hasattr(one, key)
    ]
    return f" ({', '.join(given)})" if given else ""


def _choice(words: Iterable[str]) -> str:
    *first, last = words
    return f"{', '.join(first)} or {last}" if first else last


def section_of(annotation: Any) -> type[BaseModel] | None:
    """Return the model of a section, also of one that may be left out; None for a plain value."""
    for one in (annotation, *get_args(annotation)):
        if isinstance(one, type) and issubclass(one, BaseModel):
            return one
    return None
