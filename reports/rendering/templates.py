"""Template environment of all HTML reports: recorded text is escaped, an undefined name is an error."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup, escape

from gatebench.reports.rendering.text import counted, visible

TEMPLATES = Path(__file__).parents[1] / "templates"

_KEY = re.compile(r"«[^«»]{1,200}»")
_CODE = re.compile(r"`([^`]{1,200})`")


def environment(**functions: Callable[..., Any]) -> jinja2.Environment:
    """Return the template environment; `functions` are available in the templates of one page."""
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["marked"] = _marked
    made.filters["counted"] = counted
    made.filters["sentence"] = _sentence
    made.globals |= functions
    return made


def _marked(text: object) -> Markup:
    """Escape a text and highlight labels of credentials."""
    return Markup(_KEY.sub(lambda match: f'<b class="key">{match[0]}</b>', str(escape(visible(text)))))  # noqa: S704 - escaped


def _sentence(text: object) -> Markup:
    """Mark a text and format backticks as code."""
    return Markup(_CODE.sub(r"<code>\1</code>", str(_marked(text))))  # noqa: S704 - escaped
