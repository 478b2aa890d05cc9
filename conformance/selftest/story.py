"""Transcripts that never happened: the standard world, told in a few sentences, as the recorder would have written them.

    story.call("alice", "mail")                                     # lands as configured, and is answered
    story.ask("dave", "mail").answered(403)                         # goes nowhere
    story.ask("alice", "mail").arrives(auth=("pat:alice",)).answered()      # lands with the wrong credential

Events go through the real recorder (numbering, announcements of secrets), client exchanges through its real log; the far
end writes as in `mock_upstreams.journal`. Credentials are named by their labels; `story.auth` says who has which.
"""

import itertools
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from conformance.judging import judge
from conformance.registry import Registry
from conformance.selftest.asks import JSON_HEADERS, Ask, Line, Pairs, bearer, token_of
from conformance.transcript import Event, Facts, Transcript
from conformance.verdict import Judgement
from fixtures import standard
from fixtures.clients.recording import ExchangeLog
from fixtures.gateways.descriptor import Descriptor, Dialect, Gateway, Launch
from fixtures.recorder import Recorder
from fixtures.secrets import SecretClass, SecretRegistry
from fixtures.sheet import Sheet, loopback, new_sheet

REGISTRY = Registry()
PORTS = {name: 4000 + number for number, name in enumerate(("idp", *standard.UPSTREAMS))}
GATEWAY_PORT = 5000


class Story:
    """A run in the making. `dialect`: how this gateway's wire differs; `started`: did we start it, so that we see its log?"""

    def __init__(self, *, started: bool = True, **dialect: Any) -> None:
        self.events: list[Event] = []
        self.facts = Facts()
        self.numbers = itertools.count(1)
        self._secrets = SecretRegistry()
        self.recorder = Recorder(Path(os.devnull), self._secrets, run="story", listener=self._take)
        self.sheet: Sheet = new_sheet("story", self._secrets, loopback(PORTS, GATEWAY_PORT))
        self.secret("gateway-token", "jwt:carol", owner="carol", audience="crm")
        for user, server in itertools.product(("alice", "bob", "carol"), ("mail", "calendar")):
            for category, name in (("access-token", "access"), ("refresh-token", "refresh"), ("code", "code")):
                self.secret(category, f"{name}:{user}:{server}", owner=user, audience=server)  # type: ignore[arg-type]
        descriptor = Descriptor(
            gateway=Gateway(name="a gateway of a story"),
            launch=Launch(command=["story"]) if started else None,
            dialect=Dialect(**dialect),
        )
        self.recorder.note("world", sheet=self.sheet)
        self.recorder.note("target", target={**descriptor.model_dump(mode="json"), "features": []})

    def _take(self, event: Event) -> None:
        self.events.append(event)
        self.facts.learn(event)

    def judged_by(self, requirement: str, *, deviation: bool = False) -> Judgement:
        """What a run would say; `deviation`: the target breaks this on purpose."""
        transcript = Transcript(self.events, self.facts)
        return judge(REGISTRY[requirement], "story", transcript, {requirement} if deviation else set())

    # -- who has what

    def secret(
        self, category: SecretClass, label: str, *, owner: str | None = None, audience: str | None = None
    ) -> str:
        """One more credential of this run; returns its label as it stands in texts."""
        self._secrets.mint(category, label, "story", owner=owner, audience=audience)
        return f"«{label}»"

    def auth(self, node: str, principal: str) -> Pairs:
        """The headers that an upstream's auth model demands for a principal."""
        model = standard.UPSTREAMS[node].model
        if model == "static":
            return [(standard.STATIC_HEADER, f"«key:{node}»")]
        if model == "oauth":
            return bearer(f"access:{principal}:{node}")
        return bearer(token_of(principal)) if model == "passthrough" else []

    # -- the client's side

    def ask(self, principal: str, server: str, method: str = "tools/call", **details: Any) -> Ask:
        """A client sends a JSON-RPC request (see `Ask`); what becomes of it is said by what follows."""
        return Ask(self, principal, server, method, **details)

    def call(self, principal: str, server: str, **details: Any) -> Ask:
        """A tool call that lands as configured and is answered."""
        return self.ask(principal, server, **details).arrives().answered()

    def visit(self, principal: str, url: str, status: int = 302) -> Line:
        """A user's browser opens a URL."""
        log = ExchangeLog(self.recorder, {"scenario": "story", "principal": principal, "client": "browser"})
        log.request("GET", url, [(b"User-Agent", b"gatebench-browser")], b"")
        line = Line(self.recorder.position())
        log.response(status, [])
        log.end("complete")
        return line

    # -- the far end

    def far_end(
        self,
        leg: str,
        node: str,
        request: Mapping[str, Any],
        *,
        status: int,
        headers: Pairs = (),
        body: str = "",
        how: str = "complete",
        t: float = 0.0,
    ) -> Line:
        """One exchange as a mock's journal tells it."""
        exchange = f"{node}-{next(self.numbers)}"

        def write(kind: str, **facts: Any) -> None:
            self.recorder.write({"t": t, "leg": leg, "node": node, "exchange": exchange, "kind": kind, **facts})

        write("request", connection="c1", http="1.1", body_complete=True, **request)
        line = Line(self.recorder.position())
        write("response", status=status, headers=[list(pair) for pair in headers])
        if body:
            write("chunk", body=body)
        write("end", how=how)
        return line

    def errand(
        self,
        node: str,
        http: str = "POST",
        *,
        target: str = "/mcp",
        headers: Pairs = (),
        body: str = "",
        status: int = 200,
    ) -> Line:
        """A request that the gateway makes of its own accord."""
        request = {"method": http, "target": target, "headers": [list(pair) for pair in headers], "body": body}
        return self.far_end("upstream", node, request, status=status)

    def authorize(self, issuer: str, **changes: str | None) -> Line:
        """A browser arrives at an authorization endpoint; `changes` replace or remove (None) parameters."""
        proper = {"response_type": "code", "code_challenge": "c", "code_challenge_method": "S256", "state": "s"}
        query = urlencode(_changed(proper | self._registered(issuer), changes))
        request = {"method": "GET", "target": f"/{issuer}/authorize?{query}", "headers": [], "body": ""}
        return self.far_end("idp", issuer, request, status=302)

    def redeem(self, issuer: str, code: str | None = "«code:alice:mail»", **changes: str | None) -> Line:
        """The gateway redeems an authorization code."""
        proper = {"grant_type": "authorization_code", "code_verifier": "v", **self._registered(issuer)}
        return self.token_request(issuer, _changed(proper, {"code": code, **changes}))

    def refresh(
        self, issuer: str, label: str = "refresh:alice:mail", status: int = 200, *, gives: str | None = None
    ) -> Line:
        """The gateway asks for a new access token; `gives` is the label of the refresh token that comes with it."""
        fields = {"grant_type": "refresh_token", "refresh_token": f"«{label}»"}
        return self.token_request(
            issuer, fields, status, json.dumps({"refresh_token": f"«{gives}»"}, ensure_ascii=False) if gives else "{}"
        )

    def token_request(self, issuer: str, fields: Mapping[str, str], status: int = 200, answer: str = "{}") -> Line:
        """Anything at a token endpoint."""
        body = urlencode(fields, safe=":|").replace("%C2%AB", "«").replace("%C2%BB", "»")
        request = {"method": "POST", "target": f"/{issuer}/token", "headers": [], "body": body}
        return self.far_end("idp", issuer, request, status=status, headers=JSON_HEADERS, body=answer)

    def _registered(self, issuer: str) -> dict[str, str]:
        models = [upstream["auth"] for upstream in self.sheet["upstreams"].values()]
        resource = next((auth["resource"] for auth in models if "resource" in auth and auth["issuer"] == issuer), "")
        return {"redirect_uri": self.sheet["gateway"]["callback_url"], "resource": resource}

    # -- remarks

    def log(self, text: str) -> Line:
        """The gateway prints a line."""
        self.recorder.write({"t": 0.0, "leg": "gateway", "kind": "log", "text": text})
        return Line(self.recorder.position())

    def here(self) -> int:
        """This place in the transcript."""
        return self.recorder.position()

    def observe(self, what: str, **facts: Any) -> None:
        """A remark of the scenario."""
        self.recorder.note("observation", what=what, scenario="story", **facts)

    def probe(self, expect: str, attempt: Ask, control: Ask, attribute: str) -> Ask:
        """The scenario says what an attempt was about; returns the attempt."""
        attempt.control = control.seq if control is not attempt else None
        whose = {"server": attempt.server, "principal": attempt.principal}
        exchanges = {"attempt": attempt.exchange, "control": control.exchange}
        self.recorder.note("probe", expect=expect, scenario="story", attribute=attribute, **exchanges, **whose)
        return attempt

    def fence(self, principal: str, server: str) -> Ask:
        """The valid call after a probe."""
        ask = self.call(principal, server)
        self.recorder.note("fence", nonce=ask.nonce, exchange=ask.exchange, scenario="story")
        return ask


def _changed(proper: dict[str, str], changes: Mapping[str, str | None]) -> dict[str, str]:
    return {name: value for name, value in {**proper, **changes}.items() if value is not None}
