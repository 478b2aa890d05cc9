"""The gateway between real mocks, and a raw client for it, with httpx only."""

import copy
import itertools
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from gatebench.fixtures.reference_gateway.app import build_gateway
from gatebench.fixtures.reference_gateway.config import WorldConfig
from gatebench.fixtures.world import definition
from gatebench.mock_upstreams.idp.app import Idp, build_idp
from gatebench.mock_upstreams.idp.config import ClientSpec, IdpSpec, IssuerSpec
from gatebench.mock_upstreams.server import ServerThread
from gatebench.mock_upstreams.upstream import MockUpstream, UpstreamSpec, build_upstream
from tests.support.gateway_client import NO_TLS, GatewayClient, consent_urls

CONTROL = "control-token-of-the-tests"
ADMIN = "admin-token-of-the-tests"
API_KEY = "key-of-web-search"
AUDIENCE = "gatebench-gateway"
ORDINARY = {
    "access_lifetime": 300,
    "omit_iss": False,
    "deny": [],
    "refresh_rotation": True,
    "omit_refresh_token": False,
}
UPSTREAMS = ("calculator", "web-search", "mail", "calendar", "crm", "scripted")


class LogLines:
    """A stream that keeps the log lines of the gateway."""

    def __init__(self) -> None:
        self.text = ""

    def write(self, text: str) -> None:
        self.text += text

    def flush(self) -> None:
        pass


class ReplaceableApp:
    """An application on one address that calls a replaceable one: each test has a new gateway, with the same redirect URI."""

    app: Any = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "lifespan":
            await self.app(scope, receive, send)


class GatewayBench:
    """Mocks that serve all tests, and the gateway of one test."""

    def __init__(self, farm: ServerThread) -> None:
        self.farm = farm
        self.front = ReplaceableApp()
        ports = {name: farm.reserve() for name in (*UPSTREAMS, "idp", "gateway")}
        self.base = farm.url(ports["gateway"])
        self.idp_url = farm.url(ports["idp"])
        self.world_json = self._sheet({name: farm.url(ports[name]) + "/mcp" for name in UPSTREAMS}, ports["gateway"])
        self.idp = self._idp()
        farm.serve(self.idp.app, port=ports["idp"])
        self.mocks: dict[str, MockUpstream] = {name: self._upstream(name) for name in UPSTREAMS}
        for name, mock in self.mocks.items():
            farm.serve(mock.app, port=ports[name])
        farm.serve(self.front, port=ports["gateway"])
        self.log = LogLines()
        self.marks: dict[str, int] = {}
        self.disturbed: set[str] = set()
        self._ids = itertools.count(1)

    def _sheet(self, urls: dict[str, str], port: int) -> dict[str, Any]:
        def issuer(name: str, *, trusted: bool, algorithms: tuple[str, ...]) -> dict[str, Any]:
            url = f"{self.idp_url}/{name}"
            keys = {"jwks_uri": f"{url}/jwks", "algorithms": list(algorithms)}
            return {"issuer": url, "back_channel": url, **keys, "trusted_for_callers": trusted}

        def oauth(name: str, server: str) -> dict[str, Any]:
            client = {"client_id": f"gateway-at-{name}", "client_secret": f"secret at {name}", "scopes": [server]}
            return {"model": "oauth", "issuer": name, "resource": urls[server], **client}

        auth = {
            "web-search": {"model": "static", "header": "X-API-Key", "value": API_KEY},
            "mail": oauth("vendor", "mail"),
            "calendar": oauth("calendar-as", "calendar"),
            "crm": {"model": "passthrough", "issuer": "corp"},
        }
        everything = [*UPSTREAMS, "workbench", "inbox"]
        return {
            "gatebench": 1,
            "run": "r-test",
            "gateway": {
                "base_url": self.base,
                "host": "127.0.0.1",
                "port": port,
                "callback_url": f"{self.base}/oauth/callback",
                "audience": AUDIENCE,
                "admin_token": ADMIN,
                "override_header": "x-tfy-mcp-headers",
                "upstream_seconds": 5,  # a busy machine may pause for a second
            },
            "issuers": {
                "corp": issuer("corp", trusted=True, algorithms=("RS256", "ES256", "EdDSA")),
                "vendor": issuer("vendor", trusted=False, algorithms=("ES256",)),
                "calendar-as": issuer("calendar-as", trusted=False, algorithms=("ES256",)),
            },
            "principals": {
                **{name: {"kind": "user", "tokens": [f"pat-{name}"]} for name in ("alice", "bob", "dave")},
                "support-bot": {"kind": "virtual-account", "tokens": ["vat-support-bot"]},
                "carol": {"kind": "external", "issuer": "corp", "subject": "carol"},
            },
            "upstreams": {name: {"url": urls[name], "auth": auth.get(name, {"model": "none"})} for name in UPSTREAMS},
            "virtual_servers": {"workbench": ["web-search", "mail", "calculator"], "inbox": ["mail", "calendar"]},
            "access": dict.fromkeys(("alice", "bob", "carol", "support-bot"), everything) | {"dave": []},
        }

    def _idp(self) -> Idp:
        def issuer(name: str) -> IssuerSpec:
            auth = next(
                (one["auth"] for one in self.world_json["upstreams"].values() if one["auth"].get("issuer") == name), {}
            )
            clients = ()
            if "client_id" in auth:
                callback = self.world_json["gateway"]["callback_url"]
                clients = (ClientSpec(auth["client_id"], auth["client_secret"], (callback,)),)
            return IssuerSpec(
                name=name, algorithms=tuple(self.world_json["issuers"][name]["algorithms"]), clients=clients
            )

        issuers = tuple(issuer(name) for name in self.world_json["issuers"])
        return build_idp(IdpSpec(public_url=self.idp_url, issuers=issuers, control_token=CONTROL))

    def _upstream(self, name: str) -> MockUpstream:
        upstream = self.world_json["upstreams"][name]
        auth = upstream["auth"]
        spec = UpstreamSpec(
            name=name,
            personality="jwt" if auth["model"] == "passthrough" else auth["model"],
            application=definition.UPSTREAMS[name].application,
            header=(auth["header"], auth["value"]) if auth["model"] == "static" else None,
            issuer=f"{self.idp_url}/{auth['issuer']}" if "issuer" in auth else None,
            audience=upstream["url"],
            control_token=CONTROL,
        )
        return build_upstream(spec)

    def renew(self, change: Callable[[dict[str, Any]], None] = lambda _sheet: None) -> None:
        """Start a gateway without state, with a changed sheet."""
        sheet = copy.deepcopy(self.world_json)
        change(sheet)
        self.log = LogLines()
        self.front.app = build_gateway(WorldConfig.from_json(sheet), self.log)  # type: ignore[arg-type]
        for name in self.disturbed.copy():
            self.control(name, "DELETE", "faults")
        if "idp" in self.disturbed:
            for name in self.world_json["issuers"]:
                self.control("idp", "PUT", "settings", {"issuer": name, **ORDINARY})
        self.disturbed = set()
        self.mark()

    def mark(self) -> None:
        """Make `events` and `seen_anywhere` return only later events."""
        self.marks = {name: mock.journal.head for name, mock in self.mocks.items()} | {"idp": self.idp.journal.head}

    def events(self, name: str, kind: str = "request") -> list[dict[str, Any]]:
        """Return the events of a mock (or "idp") since the mark."""
        journal = self.idp.journal if name == "idp" else self.mocks[name].journal
        return [event for event in journal.since(self.marks[name]) if event["kind"] == kind]

    def await_events(self, name: str, kind: str, ready: Callable[[list[dict[str, Any]]], bool]) -> list[dict[str, Any]]:
        """Wait until the events are ready and return them; fail after two seconds."""
        until = time.monotonic() + 2
        while not ready(events := self.events(name, kind)):
            assert time.monotonic() < until, events
            time.sleep(0.01)
        return events

    def logged(self, lines: int) -> str:
        """Wait until the gateway's log has this many lines and return it (a line is written after the response)."""
        until = time.monotonic() + 2
        while self.log.text.count("\n") < lines and time.monotonic() < until:
            time.sleep(0.01)
        assert self.log.text.count("\n") == lines, self.log.text
        return self.log.text

    def seen_anywhere(self) -> list[dict[str, Any]]:
        """Return the requests of all upstreams since the mark."""
        return [event for name in UPSTREAMS for event in self.events(name)]

    def control(self, name: str, method: str, path: str, body: Any = None) -> Any:
        base = self.idp_url if name == "idp" else self.world_json["upstreams"][name]["url"].removesuffix("/mcp")
        answer = httpx.request(
            method,
            f"{base}/_bench/{path}",
            json=body,
            headers={"X-Bench-Token": CONTROL},
            trust_env=False,
            verify=NO_TLS,
        )
        assert answer.status_code == 200, answer.text
        if path in {"faults", "settings"}:
            self.disturbed.add(name)
        return answer.json()

    def admin(self, method: str, path: str, body: Any = None, token: str = ADMIN) -> httpx.Response:
        headers = {"authorization": f"Bearer {token}"}
        url = f"{self.base}/admin/{path}"
        return httpx.request(method, url, json=body, headers=headers, trust_env=False, verify=NO_TLS)

    def jwt(self, issuer: str = "corp", alg: str = "ES256", headers: Any = None, **changes: Any) -> str:
        """carol's JWT, with these claims changed (None: left out)."""
        now = int(time.time())
        aud = [AUDIENCE, self.world_json["upstreams"]["crm"]["url"]]
        claims = {"iss": f"{self.idp_url}/corp", "sub": "carol", "aud": aud, "exp": now + 300, "nbf": now, "iat": now}
        claims = {name: value for name, value in (claims | changes).items() if value is not None}
        body = {"issuer": issuer, "claims": claims, "alg": alg, "headers": headers, "label": None}
        return str(self.control("idp", "POST", "mint", body)["token"])

    @contextmanager
    def browser(self, user: str) -> Iterator[httpx.Client]:
        """A browser whose user is signed in at all issuers; it follows redirects."""
        with httpx.Client(follow_redirects=True, trust_env=False, verify=NO_TLS) as browser:
            for issuer in ("vendor", "calendar-as"):
                assert browser.get(f"{self.idp_url}/{issuer}/login", params={"user": user}).status_code == 200
            yield browser

    def consent(self, token: str, server: str, user: str) -> None:
        """Follow every authorization URL of the gateway."""
        with self.browser(user) as browser:
            for url in consent_urls(self.agent(token, server).modern("tools/list").json()):
                answer = browser.get(url)
                assert answer.status_code == 200, answer.text

    def agent(self, token: str | None, server: str) -> GatewayClient:
        return GatewayClient(self.base, token, server)
