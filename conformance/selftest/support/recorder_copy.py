"""Copies of a transcript under construction, with its recorder: an open file and locks, which `pickle` alone does not copy."""

import io
import pickle
import threading
from typing import Any

_LOCK = type(threading.RLock())


class _Pickler(pickle.Pickler):
    def reducer_override(self, value: Any) -> Any:
        """Replace a lock by a new one, and a file by the same one opened again."""
        if isinstance(value, _LOCK):
            return threading.RLock, ()
        if isinstance(value, io.TextIOWrapper):
            return _reopened, (value.name, value.encoding, value.errors)
        return NotImplemented


def _reopened(path: str, encoding: str, errors: str) -> io.TextIOWrapper:
    return io.TextIOWrapper(io.FileIO(path, "a"), encoding, errors)


def dump(value: Any) -> bytes:
    """Return what `load` makes copies of."""
    pickled = io.BytesIO()
    _Pickler(pickled, pickle.HIGHEST_PROTOCOL).dump(value)
    return pickled.getvalue()


def load(pickled: bytes) -> Any:
    """Return a new copy of the dumped value."""
    return pickle.loads(pickled)  # noqa: S301 - written by this process
