"""Synthetic samples and reports."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gatebench.load.results import report_model, resource_model

# gatebench.load.results.generator_result.SAMPLE
SAMPLE = np.dtype(
    [
        ("intended", "f8"), ("lag", "f4"), ("service", "f4"), ("response", "f4"), ("arm", "u1"), ("operation", "u1"),
        ("outcome", "u1"), ("upstream_recv", "i8"), ("upstream_send", "i8"), ("sent", "i8"), ("done", "i8"),
    ]
)  # fmt: skip


def samples(
    seed: int, *, gateway_us: float, seconds: float = 10, rate: float = 200, upstream_us: float = 300
) -> NDArray[Any]:
    """One start: arrivals drawn to `direct` (0) and `gateway` (1), which adds `gateway_us`, three fifths of it on the way in."""
    random = np.random.default_rng(seed)
    made = np.zeros(int(seconds * rate), SAMPLE)
    count = len(made)
    made["intended"] = np.sort(random.uniform(0, seconds, count))
    made["lag"] = random.exponential(50, count)
    made["arm"] = random.integers(0, 2, count)
    own = 200 + random.exponential(80, count) + made["arm"] * gateway_us * random.normal(1, 0.08, count)
    made["service"] = own + upstream_us
    made["response"] = made["service"] + made["lag"]
    made["sent"] = 10**12 + ((made["intended"] * 1e6 + made["lag"]) * 1e3).astype(np.int64)
    made["upstream_recv"] = made["sent"] + ((100 + (own - 200) * 0.6) * 1e3).astype(np.int64)
    made["upstream_send"] = made["upstream_recv"] + int(upstream_us * 1e3)
    made["done"] = made["sent"] + (made["service"].astype(float) * 1e3).astype(np.int64)
    return made


def machine() -> resource_model.Machine:
    return resource_model.Machine(id="abc", cpu="a CPU", cores=2, memory_mib=4096, system="Linux 6", python="3.11.7")


def report() -> report_model.LoadReport:
    return report_model.LoadReport(
        kind="run", gatebench="0.1.0", time="2026-01-01T00:00:00Z", target="reference", machine=machine()
    )


def generator(**change: Any) -> resource_model.Generator:
    calm = resource_model.Generator(
        cpu_share=0.3, lag_p50_us=60, lag_p99_us=400, ceiling=5000, steal=0.01, pressure=0.2
    )
    return calm.model_copy(update=change)


def latency(*, p50: float, p99: float, count: int = 1000) -> report_model.Latency:
    points = [(0.0, p50 / 2), (50.0, p50), (90.0, (p50 + p99) / 2), (99.0, p99)]
    return report_model.Latency(count=count, mean_us=p50, percentiles=points)
