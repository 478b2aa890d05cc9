"""Operations: the calls of a plan, with prepared requests and expected responses.

A route is one call of one arm. `perform` runs in the greenlet of a user, from the scheduled request to its record.
"""

from typing import Any

import gevent

from gatebench.load.generator.client import request_templates
from gatebench.load.generator.client.connection import HttpConnection
from gatebench.load.generator.client.request_templates import FIRST_NUMBER, Pieces
from gatebench.load.generator.client.sse import foreign_progress, progress_of
from gatebench.load.generator.execution.dispatcher import Arrival
from gatebench.load.generator.execution.response_check import ResponseChecker, Verdict, of_status, owners_of, stamps
from gatebench.load.generator.execution.state import GeneratorState
from gatebench.load.generator.recording.events import encodable
from gatebench.load.generator.recording.recorder import OUTCOME_NUMBER, key_of
from gatebench.load.plan.plan import PlannedCall, PlannedCaller
from gatebench.load.results.generator_result import Outcome

MAX_EVIDENCE = 64 * 1024  # bytes of a request or response
ENDERS = 16  # greenlets per route that end sessions
OK: Verdict = ("ok", "")
_REFUSED = OUTCOME_NUMBER["refused"]


class CallOperation:
    """A call in the stateless era: one request, one response."""

    def __init__(self, state: GeneratorState, arm: int, call: PlannedCall) -> None:
        self.call, self.arm_name = call, state.plan.arms[arm].name
        self._state, self.arm = state, arm
        self._endpoint = state.endpoint(call.url)
        self._key = key_of(arm, state.operations.index(call.operation))
        self._timed = call.kind == "stream"
        self.refused = False  # the last connection was refused
        self._row = state.recorder.row
        message = request_templates.main_message(call, state.tag)
        self._message = message
        self._pieces = [request_templates.pieces(call, caller, message) for caller in call.callers]
        owners = owners_of(call.callers)
        self._judges = [ResponseChecker(call, caller, state.tag, owners) for caller in call.callers]

    def perform(self, arrival: Arrival) -> None:
        """Send the request and record the result."""
        digits = b"%d" % (FIRST_NUMBER + arrival[0])
        connection = self._exchange(digits.join(self._pieces[arrival[4]]))
        self._judge_and_record(arrival, connection, digits, connection.sent)

    def _exchange(self, data: bytes) -> HttpConnection:
        endpoint = self._endpoint
        connection = endpoint.take()
        connection.exchange(data, timed=self._timed)
        endpoint.give(connection)  # its response stays readable until the next exchange, which needs a greenlet switch
        return connection

    def _judge_and_record(self, arrival: Arrival, connection: HttpConnection, digits: bytes, sent: int) -> Outcome:
        caller = arrival[4]
        judge = self._judges[caller]
        head = connection.head
        if connection.trouble is None and head is not None and judge.right(head.status, connection.body, digits):
            verdict = OK
        else:
            verdict = self._verdict(connection, judge, digits)
        if self._timed:
            verdict = self._events(arrival, connection, verdict, digits)
        self._record(arrival, connection, verdict, sent)
        return verdict[0]

    def _record(self, arrival: Arrival, connection: HttpConnection, verdict: Verdict, sent: int) -> None:
        received, answered = (0, 0) if connection.trouble else stamps(connection.body)
        _, due, release, _, _ = arrival
        outcome = OUTCOME_NUMBER[verdict[0]]
        self.refused = outcome == _REFUSED
        self._row((due, release, sent, connection.done, self._key + outcome, received, answered))
        if outcome:
            self._note_failure(arrival, connection, verdict)

    def _verdict(self, connection: HttpConnection, judge: ResponseChecker, digits: bytes) -> Verdict:
        if connection.trouble is not None or connection.head is None:
            return connection.trouble or "malformed", connection.detail
        head = connection.head
        return judge.read(head.status, head.content_type, connection.body, digits)

    def _events(self, arrival: Arrival, connection: HttpConnection, verdict: Verdict, digits: bytes) -> Verdict:
        progress = progress_of(connection.arrivals) if connection.trouble is None else []
        if progress and (token := foreign_progress(connection.arrivals, digits)):
            verdict = ("wrong", f"a progress event of request {token}, not of this one")
        if verdict[0] == "ok" and len(progress) < self.call.events:
            verdict = ("incomplete", f"{len(progress)} progress events, expected {self.call.events}")
        second, also = self._state.clock.second_of(arrival[1]), self._state.recorder.also
        key = self._key + OUTCOME_NUMBER[verdict[0]]
        for place, (came, delay) in enumerate(progress):
            if place == 0:
                also(second, key, "first", (came - connection.sent) // 1000)
            if delay is not None:
                also(second, key, "event", delay // 1000)
        return verdict

    def _note_failure(self, arrival: Arrival, connection: HttpConnection, verdict: Verdict) -> None:
        """Record an event for a failure, and evidence for a response that belongs to another caller."""
        outcome, detail = verdict[0], encodable(verdict[1])
        at = self._state.clock.seconds_at(connection.done)
        self._state.note(outcome, self.arm_name, detail, at)
        if outcome != "wrong":
            return

        def evidence() -> dict[str, Any]:
            return {
                "t": at,
                "arm": self.arm_name,
                "operation": self.call.operation,
                "server": self.call.server,
                "caller": self.call.callers[arrival[4]].name,
                "detail": detail,
                "request": self._request_of(arrival)[:MAX_EVIDENCE].decode(errors="replace"),
                "response": connection.body[:MAX_EVIDENCE].decode(errors="replace"),
            }

        self._state.wrong_answers.add(evidence)

    def _request_of(self, arrival: Arrival) -> bytes:
        """Return the request without its session, as evidence."""
        return (b"%d" % (FIRST_NUMBER + arrival[0])).join(self._pieces[arrival[4]])

    @property
    def left(self) -> int:
        """The number of sessions that are still open."""
        return 0

    def end(self) -> None:
        """End open sessions."""


class McpSession:
    """An open session: its id and prepared requests."""

    __slots__ = ("identifier", "pieces")

    def __init__(self, identifier: str | None, pieces: Pieces) -> None:
        self.identifier, self.pieces = identifier, pieces


class SessionOperation(CallOperation):
    """A call in the session era: in a free session of the same caller, or in a new one."""

    def __init__(self, state: GeneratorState, arm: int, call: PlannedCall) -> None:
        super().__init__(state, arm, call)
        self._free: list[list[McpSession]] = [[] for _ in call.callers]
        quiet = call.model_copy(update={"nonce": False, "expect": [], "values": []})
        self._welcome = ResponseChecker(quiet, PlannedCaller(name="any"), state.tag, {})
        self._part_keys = {part: key_of(arm, state.operations.index(part)) for part in ("initialize", "delete")}

    def perform(self, arrival: Arrival) -> None:
        """Send the request in a session and record the result."""
        free = self._free[arrival[4]]
        sent = 0
        if free:
            session = free.pop()
        else:
            opened = self._open(arrival)
            if opened is None:
                return
            session, sent = opened
        digits = b"%d" % (FIRST_NUMBER + arrival[0])
        connection = self._exchange(digits.join(session.pieces))
        self._judge_and_record(arrival, connection, digits, sent or connection.sent)
        if session_gone(connection):
            # MCP 2025-11-25, session management: the session has ended, and the client must start a new one.
            self._state.note("session lost", self.arm_name, "404 within a session")
        else:
            free.append(session)

    def _open(self, arrival: Arrival) -> tuple[McpSession, int] | None:
        """Open a session; return it with the start of its handshake. If it fails, record the failure and return None."""
        caller = self.call.callers[arrival[4]]
        digits = self._state.part_number()
        message = request_templates.initialize_message(self.call, self._state.tag)
        connection = self._exchange(digits.join(request_templates.pieces(self.call, caller, message)))
        sent = connection.sent
        verdict = self._verdict(connection, self._welcome, digits)
        self._part("initialize", connection, verdict[0])
        if verdict[0] == "ok" and connection.head is not None:
            self._state.sessions += 1
            identifier = connection.head.session
            (notification,) = request_templates.pieces(self.call, caller, request_templates.INITIALIZED, identifier)
            connection = self._exchange(notification)
            verdict = _accepted(connection)
            session = McpSession(identifier, request_templates.pieces(self.call, caller, self._message, identifier))
            if verdict[0] == "ok":
                return session, sent
            self._record(arrival, connection, verdict, sent)
            if connection.trouble is None:
                self._delete(caller, session)
            return None
        self._record(arrival, connection, verdict, sent)
        return None

    def _part(self, part: str, connection: HttpConnection, outcome: Outcome) -> None:
        key = self._part_keys[part] + OUTCOME_NUMBER[outcome]
        self._row((connection.sent, connection.sent, connection.sent, connection.done, key, 0, 0))

    def _delete(self, caller: PlannedCaller, session: McpSession) -> HttpConnection | None:
        if session.identifier is None:
            return None
        connection = self._exchange(request_templates.delete(self.call, caller, session.identifier))
        self._part("delete", connection, _accepted(connection)[0])
        return connection

    @property
    def left(self) -> int:
        """The number of open sessions."""
        return sum(map(len, self._free))

    def end(self) -> None:
        """End open sessions, several at a time."""
        enders = [gevent.spawn(self._end_some) for _ in range(min(self.left, ENDERS))]
        try:
            gevent.joinall(enders)
        finally:
            gevent.killall(enders)

    def _end_some(self) -> None:
        for caller, free in zip(self.call.callers, self._free, strict=True):
            while free:
                session = free.pop()
                try:
                    self._delete(caller, session)
                except BaseException:  # cancelled
                    free.append(session)
                    raise


class SessionChurn(SessionOperation):
    """A whole session as one operation: handshake, one request, DELETE."""

    def perform(self, arrival: Arrival) -> None:
        """Open a session, use it once, end it, and record all as one."""
        opened = self._open(arrival)
        if opened is None:
            return
        session, sent = opened
        digits = b"%d" % (FIRST_NUMBER + arrival[0])
        connection = self._exchange(digits.join(session.pieces))
        verdict = self._verdict(connection, self._judges[arrival[4]], digits)
        caller = self.call.callers[arrival[4]]
        if verdict[0] == "ok":
            last = self._delete(caller, session)
            if last is not None:
                verdict, connection = _accepted(last), last
            self._record(arrival, connection, verdict, sent)
            return
        self._record(arrival, connection, verdict, sent)
        if connection.trouble is None and not session_gone(connection):
            self._delete(caller, session)  # a client also ends its session after an error


class DiscoverChurn(CallOperation):
    """The equivalent in the stateless era: `server/discover`, then one request."""

    def __init__(self, state: GeneratorState, arm: int, call: PlannedCall) -> None:
        super().__init__(state, arm, call)
        message = request_templates.discover_message(call, state.tag)
        self._first = [request_templates.pieces(call, caller, message) for caller in call.callers]
        quiet = call.model_copy(update={"nonce": False, "expect": [], "values": []})
        self._welcome = ResponseChecker(quiet, PlannedCaller(name="any"), state.tag, {})

    def perform(self, arrival: Arrival) -> None:
        """Send `server/discover` and the request; record both as one."""
        digits = self._state.part_number()
        connection = self._exchange(digits.join(self._first[arrival[4]]))
        sent = connection.sent
        verdict = self._verdict(connection, self._welcome, digits)
        if verdict[0] != "ok":
            self._record(arrival, connection, verdict, sent)
            return
        digits = b"%d" % (FIRST_NUMBER + arrival[0])
        connection = self._exchange(digits.join(self._pieces[arrival[4]]))
        self._judge_and_record(arrival, connection, digits, sent)


def session_gone(connection: HttpConnection) -> bool:
    """Return True for a response that says that the session has ended."""
    return connection.trouble is None and connection.head is not None and connection.head.status == 404


def _accepted(connection: HttpConnection) -> Verdict:
    """Return the verdict on a notification or DELETE: any success, or 405 for a server that does not end sessions."""
    if connection.trouble is not None or connection.head is None:
        return connection.trouble or "malformed", connection.detail
    status = connection.head.status
    return OK if 200 <= status < 300 or status == 405 else (of_status(status), f"status {status}")
