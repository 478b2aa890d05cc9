"""The front door: the command line, nothing else."""


def main() -> int:
    """Run the command line; returns the exit status."""
    return 0
