"""Entry point of `python -m gatebench`."""

import sys

from gatebench.cli import main

if __name__ == "__main__":
    sys.exit(main())
