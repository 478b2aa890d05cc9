"""A plugin of pytest: Ctrl-C comes at the fifth item, in a finalizer, where Python drops what is raised."""

import itertools
import signal

_items = itertools.count(1)


class _Finalized:
    def __del__(self) -> None:
        signal.raise_signal(signal.SIGINT)


def pytest_runtest_call() -> None:
    if next(_items) == 5:
        _Finalized()
