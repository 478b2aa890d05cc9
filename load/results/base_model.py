"""What the models of `load.json` have in common."""

from pydantic import BaseModel, ConfigDict


class Model(BaseModel):
    """Base model; unknown fields are errors."""

    model_config = ConfigDict(extra="forbid")


class Estimate(Model):
    """A value with its confidence interval; `low` and `high` are None without one."""

    value: float
    low: float | None = None
    high: float | None = None
    confidence: float = 0.95
