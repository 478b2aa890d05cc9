"""Load from several machines with plain locust:

locust -f load/generator/locustfile.py --headless --master --expect-workers 2 --plan plan.json --results out
locust -f load/generator/locustfile.py --worker --master-host MASTER          (on each of the two)

The master sends the plan to workers unencrypted, like all locust messages; its credentials are valid for one run only. Omit
`--users` and `--run-time`, which the plan determines. Clocks need not agree; times start with the start message of the master.
"""

from gatebench.load.generator.locust_hooks import Hooks
from gatebench.load.generator.shape import PlanShape
from gatebench.load.generator.users import McpUser

Hooks()

__all__ = ["McpUser", "PlanShape"]
