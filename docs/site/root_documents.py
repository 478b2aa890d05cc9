"""A hook of mkdocs: documents in the root of the repository are pages too, and links that leave the site become text."""

import posixpath
import re
from typing import Any

from mkdocs.structure.files import File, Files

ROOTS = {
    "README.md": "index.md",
    "ARCHITECTURE.md": "project/architecture.md",
    "CONTRIBUTING.md": "project/contributing.md",
    "CHANGELOG.md": "project/changelog.md",
    "SECURITY.md": "project/security.md",
}
"""Documents of the repository, with their places in the site."""
_LINK = re.compile(r"\[([^\]]+)\]\(([^)\s]+)\)")


def on_files(files: Files, config: Any) -> Files:
    """Add the documents of the root."""
    root = posixpath.dirname(config.config_file_path)
    for name, place in ROOTS.items():
        files.append(File.generated(config, place, abs_src_path=posixpath.join(root, name)))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Write the links of a page for its place in the site."""
    place = page.file.src_uri
    source = next((name for name, site in ROOTS.items() if site == place), f"docs/{place}")

    def written(found: re.Match[str]) -> str:
        text, target = found.groups()
        path, mark, anchor = target.partition("#")
        if not path or "://" in path or path.startswith("mailto:"):
            return found[0]
        aim = posixpath.normpath(posixpath.join(posixpath.dirname(source), path))
        to = ROOTS.get(aim, aim.removeprefix("docs/"))
        if aim not in ROOTS and not aim.startswith("docs/"):
            return f"{text} (`{aim}` in the repository)"
        return f"[{text}]({posixpath.relpath(to, posixpath.dirname(place) or '.')}{mark}{anchor})"

    return _LINK.sub(written, markdown)
