"""From the calls of a plan to their operations."""

from gatebench.load.generator.execution.listening import SessionListening, SubscriptionListening
from gatebench.load.generator.execution.operations import (
    CallOperation,
    DiscoverChurn,
    SessionChurn,
    SessionOperation,
)
from gatebench.load.generator.execution.shared_session import SharedSessionOperation
from gatebench.load.generator.execution.state import GeneratorState
from gatebench.load.plan.plan import Kind, PlannedCall

_KINDS: dict[Kind, tuple[type[CallOperation], type[CallOperation]]] = {  # in the session era, in the stateless era
    "request": (SessionOperation, CallOperation),
    "stream": (SessionOperation, CallOperation),
    "session": (SessionChurn, DiscoverChurn),
    "shared": (SharedSessionOperation, CallOperation),
    "listen": (SessionListening, SubscriptionListening),
}


def operation_for(state: GeneratorState, arm: int, call: PlannedCall) -> CallOperation:
    """Return the route of a call."""
    in_sessions, stateless = _KINDS[call.kind]
    return (in_sessions if call.legacy else stateless)(state, arm, call)
