"""Load shape for locust: the number of users (in an open loop: the maximum of requests in flight)."""

import time
from collections.abc import Callable
from typing import Any

from locust import LoadTestShape

from gatebench.load.generator.runners import Controller
from gatebench.load.plan.schedule import users_at

AT_ONCE = 1_000_000  # spawn rate: start all users at once


class PlanShape(LoadTestShape):
    """Follows a plan until it is over. `controller` returns the role of this process, once known."""

    controller: Callable[[], Controller | None] = staticmethod(lambda: None)

    def tick(self) -> Any:
        """Return number of users and spawn rate; None ends the run."""
        controller = self.controller()
        if controller is None or controller.over.is_set():
            return None
        plan = controller.plan
        if plan.arrivals != "closed":
            return plan.max_in_flight, AT_ONCE
        second = (time.monotonic_ns() - controller.start_ns) / 1e9 if controller.begun else -plan.warmup
        return max(users_at(plan, second), 1), AT_ONCE
