"""Recorded text in GitHub Flavored Markdown: it cannot act as markup or as a mention."""

import re

from gatebench.reports.rendering.text import shorten

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#!|~&$])")


def plain(text: object) -> str:
    """Escape Markdown and mentions."""
    return _SPECIAL.sub(r"\\\1", shorten(text, 300)).replace("@", "@\u200b")


def code(text: object) -> str:
    """Return a code span, with backticks and pipes replaced, which would end the span or the table cell."""
    return "`" + shorten(text, 200).replace("`", "'").replace("|", "¦") + "`"
