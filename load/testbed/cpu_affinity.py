"""Assignment of CPUs to generator, upstreams and gateway.

With two CPUs, generator and upstreams share one (their ceiling is measured), and the gateway has the other. With more, generator
and upstreams have one each, and the gateway has the rest.
"""

import os
from dataclasses import dataclass


@dataclass(frozen=True)
class CpuLayout:
    """CPUs of each part; None: not pinned."""

    generator: tuple[int, ...] | None = None
    upstreams: int | None = None
    gateway: tuple[int, ...] | None = None

    @classmethod
    def here(cls) -> "CpuLayout":
        """Return the layout for the CPUs of this machine."""
        cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
        if len(cores) < 2:
            return cls()
        if len(cores) == 2:
            return cls((cores[0],), cores[0], (cores[1],))
        return cls((cores[0],), cores[1], tuple(cores[2:]))

    @property
    def note(self) -> str:
        """The layout as a sentence."""
        if self.gateway is None or self.generator is None:
            return "nothing was pinned to a core: generator, upstreams and gateway shared all cores"
        if self.upstreams in self.generator:
            return f"generator and upstreams shared core {self.upstreams}, the gateway had {_named(self.gateway)}"
        return f"generator on core {self.generator[0]}, upstreams on core {self.upstreams}, gateway on {_named(self.gateway)}"


def _named(cores: tuple[int, ...]) -> str:
    return f"core {cores[0]}" if len(cores) == 1 else f"cores {cores[0]} to {cores[-1]}"
