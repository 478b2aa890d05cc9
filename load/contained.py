"""A gateway's image under load: on the network of this machine, where the lean upstreams are, and on the processors it is given.

A container's own network would put address translation between gateway and upstreams, which is no cost of the gateway's.
"""

import json
import sys
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fixtures.errors import BenchError
from fixtures.gateways.target import MOUNTED_AT


class Contained:
    """One container. `command` is a `fixtures.gateways.target.RunImage`; `root` is known once the gateway is up."""

    def __init__(self, cores: tuple[int, ...] | None) -> None:
        self._cores = cores
        self._name = f"gatebench-{uuid.uuid4().hex[:8]}-gateway"
        self._client: Any = None

    def command(self, image: str, arguments: list[str], environment: Mapping[str, str], folder: Path) -> list[str]:
        """What runs the image until it is stopped. Raises BenchError where that cannot be done."""
        if sys.platform != "linux":
            raise BenchError(
                f"the image {image} can be loaded on Linux only: elsewhere containers are not on our network"
            )
        from fixtures.containers import attached, engine, images  # noqa: PLC0415 - the engine's client is heavy

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
        return [sys.executable, "-I", attached.__file__, json.dumps(options)]

    def root(self) -> int | None:
        """The first process of the container, as this machine numbers it; None where it is on another one."""
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
