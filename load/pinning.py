"""Which processor does what: the gateway has one (or more) to itself, where there are two.

With two, generator and upstreams share one: they are lean, and their own ceiling is measured. With more, each of them has one
and the gateway all others.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True)
class Pinning:
    """Processors for each part; None: anywhere."""

    generator: tuple[int, ...] | None = None
    upstreams: int | None = None
    gateway: tuple[int, ...] | None = None

    @classmethod
    def here(cls) -> "Pinning":
        """As well as this machine allows."""
        cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
        if len(cores) < 2:
            return cls()
        if len(cores) == 2:
            return cls((cores[0],), cores[0], (cores[1],))
        return cls((cores[0],), cores[1], tuple(cores[2:]))

    @property
    def said(self) -> str:
        """In words."""
        if self.gateway is None or self.generator is None:
            return "nothing was pinned to a core: generator, upstreams and gateway shared what there is"
        if self.upstreams in self.generator:
            return f"generator and upstreams shared core {self.upstreams}, the gateway had {_named(self.gateway)}"
        return f"generator on core {self.generator[0]}, upstreams on core {self.upstreams}, gateway on {_named(self.gateway)}"


def _named(cores: tuple[int, ...]) -> str:
    return f"core {cores[0]}" if len(cores) == 1 else f"cores {cores[0]} to {cores[-1]}"


@contextmanager
def on(cores: tuple[int, ...] | None) -> Iterator[None]:
    """Whatever this thread starts meanwhile runs on these, for good; None: as before."""
    if cores is None:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
