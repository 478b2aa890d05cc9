"""Plans for tests."""

from typing import Any

from load.plan import Arm, Call, Caller, Plan, Stage

ECHO = {"tool": "echo", "arguments": {"value": "hello"}}


def a_call(url: str = "http://127.0.0.1:1/mcp", **changes: Any) -> Call:
    return Call(**({"operation": "call", "url": url, **ECHO} | changes))


def a_plan(*arms: Arm, seconds: float = 2.0, rate: float = 100.0, **changes: Any) -> Plan:
    return Plan(
        **(
            {
                "seed": 1,
                "arms": list(arms) or [Arm(name="direct", calls=[a_call()])],
                "stages": [Stage(seconds=seconds, rate_from=rate, rate_to=rate)],
            }
            | changes
        )
    )


def callers(count: int) -> list[Caller]:
    return [Caller(name=f"caller-{n}", headers={"Authorization": f"Bearer token-of-{n:06d}"}) for n in range(count)]
