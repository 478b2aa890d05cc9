"""Common parts of the programs of this package: parse options, announce the address, serve until a signal arrives."""

import argparse
import json
import signal
import threading
from typing import NoReturn

from ..server import MockError


class OptionParser(argparse.ArgumentParser):
    """A parser that raises MockError with one sentence, where argparse exits."""

    def error(self, message: str) -> NoReturn:
        """Raise the error."""
        raise MockError(f"{message} (see {self.prog} --help)")


def stop_signal() -> threading.Event:
    """Return an event that SIGINT and SIGTERM set from now on."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    return stop


def announce(facts: dict[str, str]) -> None:
    """Print the address of the mock as one line of JSON, for the program that started it."""
    print(json.dumps(facts), flush=True)
