"""Builds transcripts without a run: the standard world and a few calls, recorded as the recorder would.

    story.call("alice", "mail")                                     # lands as configured, and is answered
    story.ask("dave", "mail").answered(403)                         # goes nowhere
    story.ask("alice", "mail").arrives(auth=("pat:alice",)).answered()      # lands with the wrong credential

Events pass through the real recorder (numbering, announcements of secrets), client exchanges through its real log; the
upstream side is written as in `gatebench.mock_upstreams.recording.event_log`. Credentials are named by their labels;
`story.auth` returns those of a principal.
"""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from gatebench.conformance.evaluation.judging import judge
from gatebench.conformance.outcomes import CheckResult
from gatebench.conformance.requirements.registry import loaded
from gatebench.conformance.selftest.support.asks import ClientRequest
from gatebench.conformance.selftest.support.transcript_base import (
    JSON_HEADERS,
    MetadataRead,
    Pairs,
    TranscriptBase,
    TranscriptLine,
)
from gatebench.conformance.transcript import Transcript
from gatebench.fixtures.clients.exchange_log import ExchangeLog

REGISTRY = loaded()


class TranscriptBuilder(TranscriptBase):
    """A transcript under construction: actions of clients, browsers, gateway and scenario."""

    def judged_by(self, requirement: str, *, deviation: bool = False) -> CheckResult:
        """Return the result of a requirement; `deviation`: the target breaks it on purpose."""
        transcript = Transcript(self.events, self.facts)
        return judge(REGISTRY[requirement], "story", transcript, {requirement} if deviation else set())

    # -- the client side

    def ask(self, principal: str, server: str, method: str = "tools/call", **details: Any) -> ClientRequest:
        """Add a JSON-RPC request of a client (see `ClientRequest`); later calls add what happens to it."""
        return ClientRequest(self, principal, server, method, **details)

    def call(self, principal: str, server: str, **details: Any) -> ClientRequest:
        """Add a tool call that lands as configured and is answered."""
        return self.ask(principal, server, **details).arrives().answered()

    def visit(
        self, principal: str, url: str, status: int = 302, *, headers: Pairs = (), body: str = ""
    ) -> TranscriptLine:
        """Add a request of a user's browser."""
        log = ExchangeLog(self.recorder, {"scenario": "story", "principal": principal, "client": "browser"})
        log.request("GET", url, [(b"User-Agent", b"gatebench-browser")], b"")
        line = TranscriptLine(self.recorder.position())
        log.response(status, [(name.encode(), value.encode()) for name, value in headers])
        if body:
            log.chunk(body.encode())
        log.end("complete")
        return line

    def read(
        self, url: str, value: Any = None, status: int = 200, body: str = "", kind: str = "application/json"
    ) -> MetadataRead:
        """Add a metadata request of a client without a token; the response is JSON, unless `body` is given."""
        log = ExchangeLog(self.recorder, {"scenario": "story", "principal": None, "client": "metadata"})
        log.request("GET", url, [], b"")
        line = MetadataRead(self.recorder.position(), log.id, url)
        log.response(status, [(b"content-type", kind.encode())])
        if text := body or ("" if value is None else json.dumps(value)):
            log.chunk(text.encode())
        log.end("complete")
        return line

    # -- the upstream side

    def errand(
        self,
        node: str,
        http: str = "POST",
        *,
        target: str = "/mcp",
        headers: Pairs = (),
        body: str = "",
        status: int = 200,
    ) -> TranscriptLine:
        """Add a request that the gateway makes on its own initiative."""
        request = {"method": http, "target": target, "headers": [list(pair) for pair in headers], "body": body}
        return self.far_end("upstream", node, request, status=status)

    def authorize(self, issuer: str, **changes: str | None) -> TranscriptLine:
        """Add a browser's request to an authorization endpoint; `changes` replace or remove (None) parameters."""
        proper = {"response_type": "code", "code_challenge": "c", "code_challenge_method": "S256", "state": "s"}
        query = urlencode(_changed(proper | self._registered(issuer), changes))
        request = {"method": "GET", "target": f"/{issuer}/authorize?{query}", "headers": [], "body": ""}
        return self.far_end("idp", issuer, request, status=302)

    def redeem(self, issuer: str, code: str | None = "«code:alice:mail»", **changes: str | None) -> TranscriptLine:
        """Add the gateway's redemption of an authorization code."""
        proper = {"grant_type": "authorization_code", "code_verifier": "v", **self._registered(issuer)}
        return self.token_request(issuer, _changed(proper, {"code": code, **changes}))

    def refresh(
        self, issuer: str, label: str = "refresh:alice:mail", status: int = 200, *, gives: str | None = None
    ) -> TranscriptLine:
        """Add the gateway's refresh request; `gives` is the label of the refresh token in the response."""
        fields = {"grant_type": "refresh_token", "refresh_token": f"«{label}»"}
        return self.token_request(
            issuer, fields, status, json.dumps({"refresh_token": f"«{gives}»"}, ensure_ascii=False) if gives else "{}"
        )

    def token_request(
        self, issuer: str, fields: Mapping[str, str], status: int = 200, answer: str = "{}"
    ) -> TranscriptLine:
        """Add any request to a token endpoint."""
        body = urlencode(fields, safe=":|").replace("%C2%AB", "«").replace("%C2%BB", "»")
        request = {"method": "POST", "target": f"/{issuer}/token", "headers": [], "body": body}
        return self.far_end("idp", issuer, request, status=status, headers=JSON_HEADERS, body=answer)

    def issuer_request(self, issuer: str, endpoint: str, fields: Mapping[str, str]) -> TranscriptLine:
        """Add a request of the gateway to an endpoint of an issuer: a form, or a GET of a document."""
        body = urlencode(fields)
        if endpoint == "authorize":
            return self.authorize(issuer)
        target = f"/{issuer}/.well-known/openid-configuration" if endpoint == "metadata" else f"/{issuer}/{endpoint}"
        method = "GET" if endpoint in ("metadata", "jwks") else "POST"
        request = {"method": method, "target": target, "headers": [], "body": body if method == "POST" else ""}
        return self.far_end("idp", issuer, request, status=200, headers=JSON_HEADERS, body="{}")

    def metadata(
        self, issuer: str, document: Mapping[str, Any] | None, path: str = "", t: float = 0.0
    ) -> TranscriptLine:
        """Add a request for the metadata of an issuer; None: they are not at this path (default: that of RFC 8414)."""
        target = path or f"/.well-known/oauth-authorization-server/{issuer}"
        request = {"method": "GET", "target": target, "headers": [], "body": ""}
        status, body = (404, "Not Found") if document is None else (200, json.dumps(document))
        return self.far_end("idp", issuer, request, status=status, headers=JSON_HEADERS, body=body, t=t)

    def _registered(self, issuer: str) -> dict[str, str]:
        models = [upstream["auth"] for upstream in self.world_json["upstreams"].values()]
        resource = next((auth["resource"] for auth in models if "resource" in auth and auth["issuer"] == issuer), "")
        return {"redirect_uri": self.world_json["gateway"]["callback_url"], "resource": resource}

    # -- notes

    def log(self, text: str) -> TranscriptLine:
        """Add a line of the gateway's log."""
        self.recorder.write({"t": 0.0, "leg": "gateway", "kind": "log", "text": text})
        return TranscriptLine(self.recorder.position())

    def observe(self, what: str, **facts: Any) -> None:
        """Add an observation of the scenario."""
        self.recorder.note("observation", what=what, scenario="story", **facts)

    def probe(self, expect: str, attempt: ClientRequest, control: ClientRequest, attribute: str) -> ClientRequest:
        """Add the scenario's probe for an attempt; return the attempt."""
        attempt.control = control.seq if control is not attempt else None
        whose = {"server": attempt.server, "principal": attempt.principal}
        exchanges = {"attempt": attempt.exchange, "control": control.exchange}
        self.recorder.note("probe", expect=expect, scenario="story", attribute=attribute, **exchanges, **whose)
        return attempt

    def case(
        self, name: str, *attempts: ClientRequest, control: ClientRequest | None = None, since: int = 0, **facts: Any
    ) -> ClientRequest:
        """Add a case of a shape (`Scenario.case`); return its last attempt."""
        last = attempts[-1]
        for attempt in attempts:
            attempt.control = control.seq if control else None
        whose = {"server": last.server, "principal": last.principal}
        exchanges = {"attempts": [one.exchange for one in attempts], "control": control and control.exchange}
        self.recorder.note("case", case=name, scenario="story", begin=since, **exchanges, **whose, **facts)
        return last

    def fence(self, principal: str, server: str) -> ClientRequest:
        """Add the valid call after a probe."""
        ask = self.call(principal, server)
        self.recorder.note("fence", nonce=ask.nonce, exchange=ask.exchange, scenario="story")
        return ask


def _changed(proper: dict[str, str], changes: Mapping[str, str | None]) -> dict[str, str]:
    return {name: value for name, value in {**proper, **changes}.items() if value is not None}
