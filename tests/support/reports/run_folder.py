"""Builds the folder of a small run, to report on: scenarios with their traffic and judgements."""

import itertools
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gatebench.reports.conformance import model, schema

CRM, MAIL = "crm", "mail"
WORLD = {
    "principals": {
        "alice": {"kind": "user", "tokens": ["«pat:alice»"]},
        "carol": {"kind": "external"},
        "dave": {"kind": "user"},
    },
    "upstreams": {CRM: {"auth": {"model": "none"}}, MAIL: {"auth": {"model": "oauth"}}},
    "virtual_servers": {},
    "access": {"alice": [CRM, MAIL], "carol": [CRM, MAIL], "dave": []},
}
ASKS = {"error": {"code": -32001, "message": "consent", "data": "Please visit: http://idp.test/authorize"}}
DENIED = {"error": {"code": -32001, "message": "no access"}}


class RunFolder:
    """A builder of a run folder: scenarios with their traffic and judgements."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._events: list[dict[str, Any]] = []
        self._judgements: list[dict[str, Any]] = []
        self._names = itertools.count(1)
        self._scenario = ""
        for label in ("pat:alice", "jwt:carol", "jwt:carol:expired", "pat:dave"):
            self._note("secret", label=label, category="gateway-token", owner=label.split(":")[1], audience=None)
        self._note("world", sheet=WORLD)
        self._note("target", target={"dialect": {}})

    def _add(self, leg: str, kind: str, **facts: Any) -> int:
        seq = len(self._events) + 1
        self._events.append({"seq": seq, "t": seq / 1000, "leg": leg, "kind": kind, **facts})
        return seq

    def _note(self, kind: str, **facts: Any) -> int:
        return self._add("harness", kind, **facts)

    def scenario(self, name: str) -> "RunFolder":
        self.end()
        self._scenario = name
        self._note("scenario", phase="begin", scenario=name, params={})
        return self

    def end(self) -> None:
        if self._scenario:
            self._note("scenario", phase="end", scenario=self._scenario)
            self._scenario = ""

    def ask(
        self,
        principal: str | None,
        server: str,
        status: int | None = 200,
        answer: Mapping[str, Any] | None = None,
        *,
        method: str = "initialize",
        token: str = "",
        revision: str = "2025-11-25",
        client: str = "raw",
        how: str = "complete",
    ) -> str:
        """Add a request of a client and its response (none without `status`); return the id of the exchange."""
        name = f"client-{next(self._names)}"
        own = token or {"alice": "pat:alice", "carol": "jwt:carol", "dave": "pat:dave"}.get(principal or "", "")
        self._add(
            "client",
            "request",
            exchange=name,
            method="POST",
            target=f"http://gateway.test/{server}",
            headers=[["Authorization", f"Bearer «{own}»"]] if own else [],
            body=json.dumps({"jsonrpc": "2.0", "id": 1, "method": method}),
            principal=principal,
            server=server,
            client=client,
            revision=revision,
        )
        if status is not None:
            head = [["Content-Type", "application/json"]]
            self._add("client", "response", exchange=name, status=status, headers=head)
            said = {"jsonrpc": "2.0", "id": 1, **(answer or ({"result": {}} if status < 300 else DENIED))}
            self._add("client", "chunk", exchange=name, body=json.dumps(said)[: None if how == "complete" else 20])
        self._add("client", "end", exchange=name, how=how if status else "error", detail=None if status else "timeout")
        return name

    def probe(self, attempt: str, control: str, expect: str, principal: str, server: str) -> None:
        self._note(
            "probe", expect=expect, attempt=attempt, control=control, attribute="x", server=server, principal=principal
        )

    def line(self, name: str) -> int:
        return next(int(e["seq"]) for e in self._events if e.get("exchange") == name)

    def judged(self, requirement: str, outcome: str, what: str, at: str | None = None) -> None:
        wrong = {"what": what, "expected": "it works", "actual": "it does not", "control": None}
        self._judgements.append(
            {
                "kind": "judgement",
                "requirement": requirement,
                "scenario": self._scenario,
                "outcome": outcome,
                "subjects": 1,
                "violations": [{**wrong, "seq": self.line(at) if at else None}] if outcome == "fail" else [],
                "reason": what,
                "remarks": [],
                "failed": 1,
                "played": 1,
                "transcript": "transcript.jsonl",
            }
        )

    def report(self) -> dict[str, Any]:
        self.end()
        ids = list(dict.fromkeys(judgement["requirement"] for judgement in self._judgements))
        facts = {"level": "MUST", "group": "access", "text": "It works.", "sources": [], "guide": [], "verdict": "hard"}
        header = {
            "kind": "header",
            "format": 2,
            "selected": ids,
            "unplayed": {},
            "expected": len(self._judgements),
            "requirements": [{"id": name, "feature": None, "exclusion": None, **facts} for name in ids],
            "gateway": {"name": "acme", "organization": "", "version": "", "url": "", "contact": ""},
            "target": "acme.toml",
        }
        footer = {
            "kind": "footer",
            "outcomes": {},
            "totals": {},
            "seconds": 1.0,
            "stopped": None,
            "stale": [],
            "timing": {},
        }
        for name, lines in (("verdicts", [header, *self._judgements, footer]), ("transcript", self._events)):
            text = "".join(json.dumps(line) + "\n" for line in lines)
            (self.folder / f"{name}.jsonl").write_text(text, encoding="utf-8")
        made = model.build(self.folder)
        schema.check(made)
        return made
