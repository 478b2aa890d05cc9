"""Load from several machines, with nothing but locust:

locust -f load/generator/locustfile.py --headless --master --expect-workers 2 --plan plan.json --results out
locust -f load/generator/locustfile.py --worker --master-host MASTER          (on each of the two)

The plan goes from the master to its workers unencrypted, as all that locust sends; its credentials are made for one run. Leave
`--users` and `--run-time` out: the plan says both. Clocks need not agree; each machine's times start with the master's word.
"""

from load.generator.hooks import Hooks
from load.generator.shape import PlanShape
from load.generator.users import McpUser

Hooks()

__all__ = ["McpUser", "PlanShape"]
