"""The built-in users of locust, in their own process: `python -m gatebench.load.benchmarks.locust_baseline fast|plain`.

Reads the request from stdin; prints the fields of a Turn: requests, CPU and wall time after the warm-up.
"""

import json
import sys
import time
from typing import Any

import gevent
from locust import FastHttpUser, HttpUser, constant, task
from locust.env import Environment

ORDER: dict[str, Any] = {}


class Fast(FastHttpUser):
    """FastHttpUser with a prepared body and no wait time."""

    wait_time = constant(0)

    @task
    def call(self) -> None:
        """Send one request."""
        self.client.post(ORDER["url"], data=ORDER["body"], headers=ORDER["headers"])


class Plain(HttpUser):
    """HttpUser with a prepared body and no wait time."""

    wait_time = constant(0)

    @task
    def call(self) -> None:
        """Send one request."""
        self.client.post(ORDER["url"], data=ORDER["body"], headers=ORDER["headers"])


def main(kind: str) -> None:
    """Run for the given time."""
    ORDER.update(json.load(sys.stdin))
    user: Any = Fast if kind == "fast" else Plain
    user.host = ORDER["url"]
    environment = Environment(user_classes=[user])
    runner = environment.create_local_runner()
    runner.start(ORDER["users"], spawn_rate=ORDER["users"])
    gevent.sleep(ORDER["warmup"] + 0.2)
    before = (environment.stats.total.num_requests, time.process_time(), time.monotonic())
    gevent.sleep(ORDER["seconds"])
    after = (environment.stats.total.num_requests, time.process_time(), time.monotonic())
    if environment.stats.total.num_failures:
        sys.exit(f"{environment.stats.total.num_failures} requests failed")
    print(
        json.dumps(
            dict(zip(("requests", "cpu", "wall"), (b - a for a, b in zip(before, after, strict=True)), strict=True))
        )
    )
    runner.quit()


if __name__ == "__main__":
    main(sys.argv[1])
