"""Clients that open a stream of notifications, listen for a while, and leave."""

from gevent import get_hub

from gatebench.load.generator.client import request_templates
from gatebench.load.generator.client.connection import HttpConnection, now
from gatebench.load.generator.client.request_templates import FIRST_NUMBER
from gatebench.load.generator.execution.dispatcher import Arrival
from gatebench.load.generator.execution.operations import OK, CallOperation, SessionOperation, session_gone
from gatebench.load.generator.execution.response_check import Verdict, of_status
from gatebench.load.generator.execution.state import GeneratorState
from gatebench.load.plan.plan import PlannedCall

LISTEN = "subscriptions/listen"
NOTIFICATIONS = {"notifications": {"toolsListChanged": True}}  # MCP 2026-07-28, subscriptions
LOOK = 0.05  # seconds between looks whether it is time to leave, after the first
_STREAM = "text/event-stream"


def listened(state: GeneratorState, call: PlannedCall, data: bytes) -> HttpConnection:
    """Send a request, leave its stream `hold` seconds after its head, and return the connection, `done` at its head."""
    connection = state.endpoint(call.url).take()
    timer = get_hub().loop.timer(call.hold, repeat=LOOK)

    def leave() -> None:
        if connection.opened and now() >= connection.opened + int(call.hold * 1e9):
            connection.leave(connection.sent)

    connection.opened = 0
    timer.start(leave)
    try:
        connection.exchange(data, timed=True)
    finally:
        timer.stop()
        timer.close()
    if connection.trouble is None and connection.opened:
        connection.done = connection.opened
    state.endpoint(call.url).give(connection)
    return connection


def verdict_on(connection: HttpConnection, *, may_refuse: bool) -> Verdict:
    """Return the verdict on a stream by its head."""
    if connection.trouble is not None or connection.head is None:
        return connection.trouble or "malformed", connection.detail
    head = connection.head
    if head.status == 200:
        right = head.content_type == _STREAM
        return OK if right else ("malformed", f"{head.content_type or 'no content type'} instead of an event stream")
    return OK if may_refuse and head.status == 405 else (of_status(head.status), f"status {head.status}")


class SubscriptionListening(CallOperation):
    """`subscriptions/listen` in the stateless era."""

    def __init__(self, state: GeneratorState, arm: int, call: PlannedCall) -> None:
        super().__init__(state, arm, call.model_copy(update={"method": LISTEN, "arguments": NOTIFICATIONS}))

    def perform(self, arrival: Arrival) -> None:
        """Listen for a while, and record how long the stream took to open."""
        digits = b"%d" % (FIRST_NUMBER + arrival[0])
        connection = listened(self._state, self.call, digits.join(self._pieces[arrival[4]]))
        self._record(arrival, connection, verdict_on(connection, may_refuse=False), connection.sent)


class SessionListening(SessionOperation):
    """The GET stream of a session, which stays open afterwards and is used again; 405 means that there is no such stream."""

    def perform(self, arrival: Arrival) -> None:
        """Listen for a while in a session, and record how long the stream took to open."""
        free, sent = self._free[arrival[4]], 0
        if free:
            session = free.pop()
        else:
            opened = self._open(arrival)
            if opened is None:
                return
            session, sent = opened
        request = request_templates.listen(self.call, self.call.callers[arrival[4]], session.identifier)
        connection = listened(self._state, self.call, request)
        self._record(arrival, connection, verdict_on(connection, may_refuse=True), sent or connection.sent)
        if not session_gone(connection):
            free.append(session)
