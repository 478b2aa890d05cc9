"""Plans for tests."""

from typing import Any

from gatebench.load.plan.plan import Plan, PlannedArm, PlannedCall, PlannedCaller, Stage

ECHO = {"tool": "echo", "arguments": {"value": "hello"}}


def a_call(url: str = "http://127.0.0.1:1/mcp", **changes: Any) -> PlannedCall:
    return PlannedCall(**({"operation": "call", "url": url, **ECHO} | changes))


def a_plan(*arms: PlannedArm, seconds: float = 2.0, rate: float = 100.0, **changes: Any) -> Plan:
    return Plan(
        **(
            {
                "seed": 1,
                "arms": list(arms) or [PlannedArm(name="direct", calls=[a_call()])],
                "stages": [Stage(seconds=seconds, rate_from=rate, rate_to=rate)],
            }
            | changes
        )
    )


def callers(count: int) -> list[PlannedCaller]:
    return [
        PlannedCaller(name=f"caller-{n}", headers={"Authorization": f"Bearer token-of-{n:06d}"}) for n in range(count)
    ]
