"""How many users locust keeps: places for requests in an open loop, callers in a closed one."""

import time
from collections.abc import Callable
from typing import Any

from locust import LoadTestShape

from load.generator.roles import Controller
from load.schedule import users_at

AT_ONCE = 1_000_000  # users a second: all of them


class PlanShape(LoadTestShape):
    """Follows a plan until it is over. `controller` gives the role that this process has, once it has one."""

    controller: Callable[[], Controller | None] = staticmethod(lambda: None)

    def tick(self) -> Any:
        """Users and how many of them to start in a second; None ends the run."""
        controller = self.controller()
        if controller is None or controller.over.is_set():
            return None
        plan = controller.plan
        if plan.arrivals != "closed":
            return plan.max_in_flight, AT_ONCE
        second = (time.monotonic_ns() - controller.start_ns) / 1e9 if controller.begun else -plan.warmup
        return max(users_at(plan, second), 1), AT_ONCE
