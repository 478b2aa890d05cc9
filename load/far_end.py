"""The far end under load: lean upstreams in a process of their own, the identity provider beside the bench."""

import json
import signal
import subprocess
import sys
from typing import Any

from fixtures import sheet as sheets
from fixtures.embedded import reserved
from fixtures.errors import BenchError, HarnessError
from fixtures.far_end import MOCKS, FarEnd, Listener, idp_spec, upstream_settings
from fixtures.sheet import Addresses, Sheet
from mock_upstreams.idp import build_idp
from mock_upstreams.server import Farm, MockError
from mock_upstreams.upstream import UpstreamSpec, build_upstream

PATIENCE = 5.0  # seconds that the upstreams get to stop
_HERE = ("idp", "scripted")  # served by this process: neither is on the hot path


class LeanFarEnd(FarEnd):
    """Nothing is recorded: what happened is told by counters. `cpu`: the processor that the upstreams run on, and only there."""

    def __init__(self, cpu: int | None = None) -> None:
        self._cpu = cpu
        self._farm = Farm()
        self._ports: dict[str, int] = {}
        self._process: subprocess.Popen[str] | None = None

    def bind(self, stored: Sheet | None, listen: str) -> Addresses | None:
        """See FarEnd. The addresses of a stored sheet are those that its gateway was configured with."""
        if stored is None:
            self._farm.host = listen
            self._ports = {name: self._farm.reserve() for name in MOCKS}
            return sheets.loopback(self._ports, self._farm.reserve())
        if sheets.exists(stored):
            raise BenchError(
                "the setup sheet describes a world that somebody else serves, and load needs lean upstreams of its own: "
                "configure the gateway from a sheet of `gatebench world --save`"
            )
        self._farm.host = stored.get("far_end", {}).get("listen", listen)
        self._ports = reserved(self._farm, stored)
        return None

    def another_port(self) -> int:
        """A port for one more gateway, held until the end."""
        return self._farm.reserve()

    def serve(self, sheet: Sheet, control_token: str, listener: Listener) -> None:
        """See FarEnd; `listener` is told nothing."""
        del listener
        self._farm.serve(build_idp(idp_spec(sheet, control_token)).app, port=self._ports["idp"])
        scripted = UpstreamSpec(**upstream_settings(sheet, "scripted", control_token), record=False)
        self._farm.serve(build_upstream(scripted).app, port=self._ports["scripted"])
        self._start([self._given(sheet, name, control_token) for name in MOCKS if name not in _HERE])

    def _given(self, sheet: Sheet, name: str, control_token: str) -> dict[str, Any]:
        settings = upstream_settings(sheet, name, control_token)
        return {key: value for key, value in settings.items() if key != "application" and value is not None} | {
            "port": self._ports[name]
        }

    def _start(self, upstreams: list[dict[str, Any]]) -> None:
        pinned = [] if self._cpu is None else ["--cpu", str(self._cpu)]
        self._process = subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, "-m", "mock_upstreams", "lean", "--spec", "-", "--host", self._farm.host, *pinned],
            stdin=subprocess.PIPE,  # whose end is the program's end, whatever becomes of us
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,  # Ctrl-C is for the bench
        )
        assert self._process.stdin  # noqa: S101 - asked for above
        assert self._process.stdout  # noqa: S101 - as well
        assert self._process.stderr  # noqa: S101 - as well
        self._process.stdin.write(json.dumps(upstreams) + "\n")
        self._process.stdin.flush()
        if not self._process.stdout.readline():
            said = self._process.stderr.read().strip().splitlines()[-1:] or ["it said nothing"]
            raise BenchError(f"the upstreams of the load bench did not start: {said[0]}")

    def control_url(self, mock: str) -> str:
        """See FarEnd."""
        return self._farm.url(self._ports[mock])

    def stop_listening(self, mock: str) -> None:
        """See FarEnd."""
        raise BenchError(f"{mock} cannot be made to refuse connections under load; have it hang, or answer 503")

    def listen_again(self, mock: str) -> None:
        """See FarEnd."""
        raise BenchError(f"{mock} listens all the time under load")

    @property
    def pid(self) -> int:
        """The process of the upstreams."""
        if self._process is None:
            raise MockError("the upstreams have not been started")
        return self._process.pid

    def require(self) -> None:
        """Raise HarnessError where the upstreams' process has ended: what fails without them is no fault of a gateway."""
        if self._process is not None and (status := self._process.poll()) is not None:
            known = {one.value: one.name for one in signal.Signals}
            how = f"ended with status {status}" if status >= 0 else f"were killed by {known.get(-status, -status)}"
            raise HarnessError(f"the upstreams of the load bench {how}")

    def close(self) -> None:
        """See FarEnd."""
        if self._process is not None:
            for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
                if pipe is not None:
                    pipe.close()
            try:
                self._process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None
        self._farm.stop()
