"""A gateway container under load, on the host network and on given CPUs.

A container network would add address translation between gateway and upstreams, which is not a cost of the gateway.
"""

import json
import sys
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gatebench.fixtures.errors import BenchError
from gatebench.fixtures.world.backends.base import MOUNTED_AT


class GatewayContainer:
    """A container. `command` is a `gatebench.fixtures.gateways.target.RunImage`; `root` is known once the gateway runs."""

    def __init__(self, cores: tuple[int, ...] | None) -> None:
        self._cores = cores
        self._name = f"gatebench-{uuid.uuid4().hex[:8]}-gateway"
        self._client: Any = None

    def command(self, image: str, arguments: list[str], environment: Mapping[str, str], folder: Path) -> list[str]:
        """Return the command that runs the image until it is stopped. Raises BenchError if that is not possible."""
        if sys.platform != "linux":
            raise BenchError(
                f"the image {image} can be load-tested on Linux only: elsewhere containers do not share the host network"
            )
        from gatebench.fixtures.containers import engine, foreground, images  # noqa: PLC0415 - slow to import

        name = image.format(gatebench_image=images.tag(images.GATEBENCH))
        ours = name == images.tag(images.GATEBENCH)
        self._client = engine.connect()
        engine.require(self._client, name, images.REMEDY if ours else f"build it, or get it with `docker pull {name}`")
        engine.sweep(self._client)
        options = {
            "image": name,
            "command": arguments or None,
            "environment": dict(environment),
            "name": self._name,
            "labels": engine.labels(self._name),
            "network_mode": "host",
            "volumes": {str(folder): {"bind": MOUNTED_AT, "mode": "ro"}},
            "security_opt": ["no-new-privileges"],
        }
        if self._cores:
            options["cpuset_cpus"] = ",".join(map(str, self._cores))
        return [sys.executable, "-I", foreground.__file__, json.dumps(options)]

    def root(self) -> int | None:
        """Return the host process id of the container; None if it runs on another machine."""
        if self._client is None:
            return None
        container = self._client.containers.get(self._name)
        pid = int(container.attrs["State"]["Pid"])
        self._client.close()
        try:
            known_here = container.id in Path(f"/proc/{pid}/cgroup").read_text(encoding="ascii")
        except OSError:
            return None
        return pid if known_here else None
