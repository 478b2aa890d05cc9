"""A headless Chromium at the end of a string: its DevTools protocol over one WebSocket, as much of it as pages are tested with.

Protocol: https://chromedevtools.github.io/devtools-protocol/ (Page, Runtime, Network, Log, Input, Emulation).
"""

import base64
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections import deque
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from websockets.sync.client import ClientConnection, connect

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
TIMEOUT = 30.0


def found() -> str | None:
    """Return the installed browser, or None."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


class ChromiumPage:
    """One page in its own browser, which closes with it. Console errors and requests are recorded."""

    def __init__(self) -> None:
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self._folder = tempfile.mkdtemp(prefix="gatebench-chromium-")
        self._number = 0
        self._stack = ExitStack()
        self._events: deque[dict[str, Any]] = deque()

    def __enter__(self) -> Self:
        browser = found()
        assert browser
        self._process = subprocess.Popen(  # noqa: S603 - the browser
            [
                browser,
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-dev-shm-usage",
                "--disable-background-networking",
                "--disable-component-update",
                "--no-first-run",
                "--remote-debugging-port=0",
                f"--user-data-dir={self._folder}",
                "about:blank",
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            self._socket = self._connected()
            for domain in ("Page", "Runtime", "Network", "Log"):
                self.send(f"{domain}.enable")
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the browser with all its processes."""
        self._stack.close()
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _connected(self) -> ClientConnection:
        port_file = Path(self._folder) / "DevToolsActivePort"
        deadline = time.monotonic() + TIMEOUT
        while not (port_file.exists() and port_file.read_text().count("\n")):
            assert self._process.poll() is None, "the browser ended at once"
            assert time.monotonic() < deadline, "the browser did not come up"
            time.sleep(0.02)
        port, path = port_file.read_text().split("\n")[:2]
        with connect(f"ws://127.0.0.1:{port}{path}", proxy=None) as browser:
            browser.send(json.dumps({"id": 1, "method": "Target.getTargets"}))
            targets = json.loads(browser.recv(TIMEOUT))["result"]["targetInfos"]
        page = next(target["targetId"] for target in targets if target["type"] == "page")
        return self._stack.enter_context(
            connect(f"ws://127.0.0.1:{port}/devtools/page/{page}", max_size=None, proxy=None)
        )

    def send(self, method: str, **params: Any) -> dict[str, Any]:
        """Send one command and return its result."""
        self._number += 1
        self._socket.send(json.dumps({"id": self._number, "method": method, "params": params}))
        while True:
            message = json.loads(self._socket.recv(TIMEOUT))
            if message.get("id") == self._number:
                assert "error" not in message, message
                return dict(message["result"])
            self._noted(message)

    def wait_for(self, method: str) -> dict[str, Any]:
        """Wait for the next event of a kind."""
        while True:
            while self._events:
                event = self._events.popleft()
                if event["method"] == method:
                    return dict(event["params"])
            self._noted(json.loads(self._socket.recv(TIMEOUT)))

    def _noted(self, event: dict[str, Any]) -> None:
        self._events.append(event)
        method, params = event["method"], event["params"]
        if method == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])
        elif method == "Runtime.exceptionThrown":
            self.complaints.append(str(params["exceptionDetails"]))
        elif method == "Log.entryAdded" or (
            method == "Runtime.consoleAPICalled" and params["type"] in ("error", "warning", "assert")
        ):
            self.complaints.append(json.dumps(params))

    def open(self, url: str) -> float:
        """Open a URL; return the seconds until the page has loaded and its scripts have run."""
        self._events.clear()
        started = time.monotonic()
        self.send("Page.navigate", url=url)
        self.wait_for("Page.loadEventFired")
        return time.monotonic() - started

    def run(self, expression: str) -> Any:
        """The value of a JavaScript expression on the page."""
        answer = self.send("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def press(self, key: str) -> None:
        """Press one key."""
        text = {"text": key} if len(key) == 1 else {}
        self.send("Input.dispatchKeyEvent", type="keyDown", key=key, **text)
        self.send("Input.dispatchKeyEvent", type="keyUp", key=key)

    def look(self, path: Path, *, width: int = 1280, height: int = 1400, dark: bool = False) -> Path:
        """Return a screenshot of the visible part."""
        self.send(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 700
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.send("Emulation.setEmulatedMedia", features=[scheme])
        path.write_bytes(base64.b64decode(self.send("Page.captureScreenshot")["data"]))
        return path
