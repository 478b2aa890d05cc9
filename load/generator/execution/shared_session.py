"""Calls that share one session with other calls of the same caller, at the same time."""

from gatebench.load.generator.client import request_templates
from gatebench.load.generator.client.request_templates import FIRST_NUMBER, Pieces
from gatebench.load.generator.execution.dispatcher import Arrival
from gatebench.load.generator.execution.operations import SessionOperation, session_gone
from gatebench.load.generator.execution.state import GeneratorState
from gatebench.load.plan.plan import PlannedCall


class SharedSessionOperation(SessionOperation):
    """A call in the one session of its caller; the operation that opened the session also ends it."""

    def __init__(self, state: GeneratorState, arm: int, call: PlannedCall) -> None:
        super().__init__(state, arm, call)
        # Requests of this call by caller and session: sessions of servers that give no id all have None.
        self._own: dict[tuple[int, str | None], Pieces] = {}

    def perform(self, arrival: Arrival) -> None:
        """Send the request in the shared session and record the result."""
        caller = self.call.callers[arrival[4]]
        key, sessions, sent = (self.arm, self.call.url, caller.name), self._state.shared_sessions, 0
        with self._state.opening:
            session = sessions.get(key)
            if session is None:
                opened = self._open(arrival)
                if opened is None:
                    return
                session, sent = opened
                sessions[key] = session
                self._free[arrival[4]].append(session)
        own = arrival[4], session.identifier
        pieces = self._own.get(own)
        if pieces is None:
            pieces = request_templates.pieces(self.call, caller, self._message, session.identifier)
            self._own[own] = pieces
        digits = b"%d" % (FIRST_NUMBER + arrival[0])
        connection = self._exchange(digits.join(pieces))
        self._judge_and_record(arrival, connection, digits, sent or connection.sent)
        if session_gone(connection) and sessions.get(key) is session:
            self._state.note("session lost", self.arm_name, "404 within a session")
            del sessions[key]
