"""Write the reference pages into a folder: `python -m gatebench.documentation docs/reference` (`make docs-reference`)."""

import shutil
import sys
from pathlib import Path

from gatebench.documentation.all_pages import pages


def main(folder: Path) -> None:
    """Replace the content of the folder, which holds only generated pages, with the current pages."""
    if folder.exists() and not (folder / "index.md").is_file():
        raise SystemExit(f"{folder} has no index.md, so it is not a folder of generated pages; name another one")
    shutil.rmtree(folder, ignore_errors=True)
    texts = pages()
    for name, text in texts.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    print(f"{len(texts)} pages in {folder}")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit("name the folder of the pages: python -m gatebench.documentation docs/reference")
    main(Path(sys.argv[1]))
