"""What is done for one arrival: the calls of a plan, each with its requests prepared and its answers known.

A route is one call of one arm. `perform` runs in a user's greenlet, from the arrival to the row that records it.
"""

from typing import TYPE_CHECKING

import gevent

from load.generator import prepared
from load.generator.answers import Judge, Verdict, of_status, owners_of, stamps
from load.generator.connection import Connection
from load.generator.dispatcher import Arrival
from load.generator.prepared import FIRST_NUMBER, Pieces
from load.generator.records import OUTCOME_NUMBER, key_of
from load.generator.streams import foreign_progress, progress_of
from load.plan import Call, Caller
from load.result import Outcome

if TYPE_CHECKING:
    from load.generator.engine import Engine

ENDERS = 16  # of each route, who end sessions at the same time
OK: Verdict = ("ok", "")
_REFUSED = OUTCOME_NUMBER["refused"]


class Route:
    """A call in the stateless era: one request, one answer. The other routes differ in what happens around it."""

    def __init__(self, engine: "Engine", arm: int, call: Call) -> None:
        self.call, self.arm_name = call, engine.plan.arms[arm].name
        self._engine, self.arm = engine, arm
        self._endpoint = engine.endpoint(call.url)
        self._key = key_of(arm, engine.operations.index(call.operation))
        self._timed = call.kind == "stream"
        self.refused = False  # was there nobody, the last time?
        self._row = engine.recorder.row
        message = prepared.main_message(call, engine.tag)
        self._message = message
        self._pieces = [prepared.pieces(call, caller, message) for caller in call.callers]
        owners = owners_of(call.callers)
        self._judges = [Judge(call, caller, engine.tag, owners) for caller in call.callers]

    def perform(self, arrival: Arrival) -> None:
        """Send the request and record what came of it."""
        digits = b"%d" % (FIRST_NUMBER + arrival[0])
        connection = self._exchange(digits.join(self._pieces[arrival[4]]))
        self._judge_and_record(arrival, connection, digits, connection.sent)

    def _exchange(self, data: bytes) -> Connection:
        endpoint = self._endpoint
        connection = endpoint.take()
        connection.exchange(data, timed=self._timed)
        endpoint.give(connection)  # its answer stays readable until somebody else's exchange, which needs a switch
        return connection

    def _judge_and_record(self, arrival: Arrival, connection: Connection, digits: bytes, sent: int) -> Outcome:
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

    def _record(self, arrival: Arrival, connection: Connection, verdict: Verdict, sent: int) -> None:
        received, answered = (0, 0) if connection.trouble else stamps(connection.body)
        _, due, release, _, _ = arrival
        outcome = OUTCOME_NUMBER[verdict[0]]
        self.refused = outcome == _REFUSED
        self._row((due, release, sent, connection.done, self._key + outcome, received, answered))
        if outcome:
            self._engine.went_wrong(self, arrival, connection, verdict)

    def _verdict(self, connection: Connection, judge: Judge, digits: bytes) -> Verdict:
        if connection.trouble is not None or connection.head is None:
            return connection.trouble or "malformed", connection.detail
        head = connection.head
        return judge.read(head.status, head.content_type, connection.body, digits)

    def _events(self, arrival: Arrival, connection: Connection, verdict: Verdict, digits: bytes) -> Verdict:
        progress = progress_of(connection.arrivals) if connection.trouble is None else []
        if progress and (token := foreign_progress(connection.arrivals, digits)):
            verdict = ("wrong", f"a progress event of request {token}, not of this one")
        if verdict[0] == "ok" and len(progress) < self.call.events:
            verdict = ("incomplete", f"{len(progress)} progress events where {self.call.events} were due")
        second, also = self._engine.second_of(arrival[1]), self._engine.recorder.also
        key = self._key + OUTCOME_NUMBER[verdict[0]]
        for place, (came, delay) in enumerate(progress):
            if place == 0:
                also(second, key, "first", (came - connection.sent) // 1000)
            if delay is not None:
                also(second, key, "event", delay // 1000)
        return verdict

    def request_of(self, arrival: Arrival) -> bytes:
        """The request of an arrival, but for the session that it was sent in: evidence."""
        return (b"%d" % (FIRST_NUMBER + arrival[0])).join(self._pieces[arrival[4]])

    @property
    def left(self) -> int:
        """How much of what outlives requests (sessions) has not been undone."""
        return 0

    def end(self) -> None:
        """Undo what outlives requests (sessions)."""


class Session:
    """An open session: its id, and the requests prepared for it."""

    __slots__ = ("identifier", "pieces")

    def __init__(self, identifier: str | None, pieces: Pieces) -> None:
        self.identifier, self.pieces = identifier, pieces


class SessionRoute(Route):
    """A call in the era of sessions: in a session of the same caller that is free, or else in a new one."""

    def __init__(self, engine: "Engine", arm: int, call: Call) -> None:
        super().__init__(engine, arm, call)
        self._free: list[list[Session]] = [[] for _ in call.callers]
        quiet = call.model_copy(update={"nonce": False, "expect": []})
        self._welcome = Judge(quiet, Caller(name="anybody"), engine.tag, {})
        self._part_keys = {part: key_of(arm, engine.operations.index(part)) for part in ("initialize", "delete")}

    def perform(self, arrival: Arrival) -> None:
        """Send the request in a session and record what came of it."""
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
        if _session_gone(connection):
            # MCP 2025-11-25, session management: the session has ended, and the client must start a new one.
            self._engine.note("session lost", self.arm_name, "404 within a session")
        else:
            free.append(session)

    def _open(self, arrival: Arrival) -> tuple[Session, int] | None:
        """A new session and when its handshake began; None, and the arrival recorded, where it failed."""
        caller = self.call.callers[arrival[4]]
        digits = self._engine.part_number()
        message = prepared.initialize_message(self.call, self._engine.tag)
        connection = self._exchange(digits.join(prepared.pieces(self.call, caller, message)))
        sent = connection.sent
        verdict = self._verdict(connection, self._welcome, digits)
        self._part("initialize", connection, verdict[0])
        if verdict[0] == "ok" and connection.head is not None:
            self._engine.sessions += 1
            identifier = connection.head.session
            (notification,) = prepared.pieces(self.call, caller, prepared.INITIALIZED, identifier)
            connection = self._exchange(notification)
            verdict = _accepted(connection)
            session = Session(identifier, prepared.pieces(self.call, caller, self._message, identifier))
            if verdict[0] == "ok":
                return session, sent
            self._record(arrival, connection, verdict, sent)
            if connection.trouble is None:
                self._delete(caller, session)
            return None
        self._record(arrival, connection, verdict, sent)
        return None

    def _part(self, part: str, connection: Connection, outcome: Outcome) -> None:
        key = self._part_keys[part] + OUTCOME_NUMBER[outcome]
        self._row((connection.sent, connection.sent, connection.sent, connection.done, key, 0, 0))

    def _delete(self, caller: Caller, session: Session) -> Connection | None:
        if session.identifier is None:
            return None
        connection = self._exchange(prepared.delete(self.call, caller, session.identifier))
        self._part("delete", connection, _accepted(connection)[0])
        return connection

    @property
    def left(self) -> int:
        """How many sessions are open."""
        return sum(map(len, self._free))

    def end(self) -> None:
        """End the sessions that are open, several at a time."""
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
                except BaseException:  # there was no time
                    free.append(session)
                    raise


class SessionChurn(SessionRoute):
    """A whole session in one arrival: handshake, one request, DELETE."""

    def perform(self, arrival: Arrival) -> None:
        """Open a session, use it once, end it, and record the whole as one."""
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
        if connection.trouble is None and not _session_gone(connection):
            self._delete(caller, session)  # a client that was told of an error still says goodbye


class DiscoverChurn(Route):
    """The same in the stateless era, where a client that knows nothing asks `server/discover` first."""

    def __init__(self, engine: "Engine", arm: int, call: Call) -> None:
        super().__init__(engine, arm, call)
        message = prepared.discover_message(call, engine.tag)
        self._first = [prepared.pieces(call, caller, message) for caller in call.callers]
        quiet = call.model_copy(update={"nonce": False, "expect": []})
        self._welcome = Judge(quiet, Caller(name="anybody"), engine.tag, {})

    def perform(self, arrival: Arrival) -> None:
        """Discover, then send the request; recorded as one."""
        digits = self._engine.part_number()
        connection = self._exchange(digits.join(self._first[arrival[4]]))
        sent = connection.sent
        verdict = self._verdict(connection, self._welcome, digits)
        if verdict[0] != "ok":
            self._record(arrival, connection, verdict, sent)
            return
        digits = b"%d" % (FIRST_NUMBER + arrival[0])
        connection = self._exchange(digits.join(self._pieces[arrival[4]]))
        self._judge_and_record(arrival, connection, digits, sent)


def _session_gone(connection: Connection) -> bool:
    return connection.trouble is None and connection.head is not None and connection.head.status == 404


def _accepted(connection: Connection) -> Verdict:
    """Of a notification or a DELETE: any success will do; a server may refuse to end sessions with 405."""
    if connection.trouble is not None or connection.head is None:
        return connection.trouble or "malformed", connection.detail
    status = connection.head.status
    return OK if 200 <= status < 300 or status == 405 else (of_status(status), f"status {status}")


def route(engine: "Engine", arm: int, call: Call) -> Route:
    """The route of a call."""
    if call.kind == "session":
        return (SessionChurn if call.legacy else DiscoverChurn)(engine, arm, call)
    return (SessionRoute if call.legacy else Route)(engine, arm, call)
