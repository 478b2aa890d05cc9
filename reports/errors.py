"""Errors of reading the files of a run or measurement."""


class NoRunError(Exception):
    """Raised if a folder contains no run to report on; the message is one sentence."""
