"""Entry point of `python -m gatebench`."""

import os
import sys

if __name__ == "__main__":
    # `python -m` looks for modules in the current folder first, where any file may have the name of a library.
    if sys.path and os.path.realpath(sys.path[0] or ".") == os.path.realpath("."):
        del sys.path[0]

    from gatebench.cli import main

    sys.exit(main())
