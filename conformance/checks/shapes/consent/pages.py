"""Shapes about the browser's side of the gateway: where its responses lead, and what its pages hold."""

import re
from collections.abc import Iterator
from urllib.parse import parse_qs

from gatebench.conformance.checks.probes import consent_urls
from gatebench.conformance.checks.shapes.cases import Case, ShapeRow, during, with_control
from gatebench.conformance.exchange import Exchange
from gatebench.conformance.outcomes import CheckContext
from gatebench.conformance.transcript import Transcript
from gatebench.fixtures.protocol.messages import media_type
from gatebench.fixtures.protocol.urls import join_url, split_url
from gatebench.fixtures.recording.labels import parse_with_labels

LEADING = ("location", "refresh", "link", "content-location", "www-authenticate", "set-cookie")
SCRIPTED = ("", "text/html", "application/xhtml+xml", "image/svg+xml", "text/xml", "application/xml")
SCRIPT = "javascript:gatebench"  # how the scripted links of requests begin: a gateway's page may have its own
SECRETS = ("code", "access-token", "refresh-token", "id-token", "client-secret", "gateway-token")
_URL = re.compile(r"url\s*=\s*['\"]?([^'\"\s>;]+)", re.IGNORECASE)
_META = re.compile(r"<meta[^<>]{1,1000}>", re.IGNORECASE)  # bounded, without "<": linear on any text
_LINKED = re.compile(r"""(?:href|src|action)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s>]+))""", re.IGNORECASE)


def pages(transcript: Transcript, case: Case) -> Iterator[Exchange]:
    """Yield the browsers' requests to the gateway during a case; those to authorization servers are left out."""
    issuers = tuple(f"{origin(issuer['issuer'])}/" for issuer in transcript.facts.world["issuers"].values())
    for exchange in during(transcript, case, "client"):
        if exchange.tags.get("client") == "browser" and not exchange.target.startswith(issuers):
            yield exchange


def origin(url: str) -> str:
    """Return scheme, host and port of a URL."""
    parts = parse_with_labels(url, split_url)
    return f"{parts.scheme}://{parts.netloc}".lower()


def destinations(context: CheckContext, transcript: Transcript, row: ShapeRow) -> None:
    """The gateway sends browsers and clients only to itself and to authorization servers, which return to its callback.

    About the attempts and the browser's requests during the case. The fact `markers` holds texts of the forged
    headers: no header that leads anywhere holds one, nor does a body that is not a refusal. The fact `elsewhere` is a
    host to which no page links; a gateway may then lead to other hosts that its operator has configured.
    """
    for case in with_control(context, transcript, row):
        markers = [str(marker) for marker in case.facts.get("markers", [])]
        elsewhere = case.facts.get("elsewhere")
        for exchange in (*case.attempts, *pages(transcript, case)):
            context.examined()
            linked = [url for url in _linked(exchange).splitlines() if elsewhere and _host(exchange, url) == elsewhere]
            problem = f"links to {linked[0]}" if linked else _astray(transcript, case, exchange, markers)
            if problem:
                context.violation(
                    f"the gateway's response to {_asked(exchange)} {problem} ({case.where})",
                    expected="only the gateway's own address, and authorization servers that return to its callback",
                    actual=f"status {exchange.status}; {_leading(exchange) or exchange.body[:200]}",
                    at=exchange,
                    control=case.control,
                )


def _host(exchange: Exchange, url: str) -> str | None:
    """Return the host to which a link of a page leads."""
    return parse_with_labels(parse_with_labels(f"{exchange.target} {url.strip()}", _resolved), split_url).hostname


def _asked(exchange: Exchange) -> str:
    if exchange.rpc:
        return exchange.describe()
    return f"{exchange.method} {parse_with_labels(exchange.target, split_url).path[:80]}"


def _leading(exchange: Exchange) -> str:
    return "; ".join(f"{name}: {value}" for name, value in exchange.response_headers if name.lower() in LEADING)


def _astray(transcript: Transcript, case: Case, exchange: Exchange, markers: list[str]) -> str | None:
    world = transcript.facts.world
    # The control shows where this gateway keeps its links: they may be at an address of their own.
    proper = [*(consent_urls(transcript, case.control) if case.control else []), world["gateway"]["callback_url"]]
    home = {origin(url) for url in (world["gateway"]["base_url"], exchange.target, *proper)}
    home |= {origin(issuer["issuer"]) for issuer in world["issuers"].values()}
    elsewhere = case.facts.get("elsewhere")
    for url in led_to(transcript, exchange):
        foreign = origin(url) not in home
        if foreign and (elsewhere is None or _host(exchange, url) == elsewhere):
            return f"leads to {origin(url)}"
        returns = parse_with_labels(parse_with_labels(url, split_url).query, parse_qs).get("redirect_uri")
        if returns and returns != [world["gateway"]["callback_url"]]:
            return f"lets the authorization server return to {returns[0]}"
    readable = exchange.body if (exchange.status or 0) < 400 or exchange.status == 401 else ""
    text = f"{_leading(exchange)}\n{readable if exchange.tags.get('client') != 'browser' else _linked(exchange)}"
    return next((f"names {marker}" for marker in markers if marker.lower() in text.lower()), None)


def led_to(transcript: Transcript, exchange: Exchange) -> list[str]:
    """Return the absolute URLs to which a response sends its reader: by redirect, refresh, or request for consent."""
    found = list(exchange.response_header("location")) if 300 <= (exchange.status or 0) < 400 else []
    refreshes = [*exchange.response_header("refresh"), *(_refreshing(exchange.body) if is_scripted(exchange) else [])]
    found += [match[1] for refresh in refreshes for match in _URL.finditer(refresh)]
    found += consent_urls(transcript, exchange)
    # A browser takes a backslash for a slash (WHATWG URL, section 4.4).
    return [parse_with_labels(f"{exchange.target} {url}", _resolved) for url in found]


def _resolved(base_and_url: str) -> str:
    base, _, url = base_and_url.replace("\\", "/").partition(" ")
    return join_url(base, url)


def _linked(exchange: Exchange) -> str:
    """Return the destinations of links and forms of a page; of a document that is no page, its text."""
    if not is_scripted(exchange):
        return exchange.body if (exchange.status or 0) < 400 else ""
    return "\n".join("".join(match) for match in _LINKED.findall(exchange.body))


def is_scripted(exchange: Exchange) -> bool:
    """Return whether a browser may run scripts in the response."""
    kind = media_type(exchange.response_headers)
    sniffed = "nosniff" not in ",".join(exchange.response_header("x-content-type-options")).lower()
    return kind in SCRIPTED and (bool(kind) or sniffed)


def not_reflected(context: CheckContext, transcript: Transcript, row: ShapeRow) -> None:
    """No page holds the `markup` of a request as markup, nor a link that runs a script of the request."""
    for case in with_control(context, transcript, row):
        for page in pages(transcript, case):
            context.examined()
            found = [text for text in case.facts["markup"] if text.lower() in page.body.lower()]
            found += [url for url in _linked(page).splitlines() if url.strip().lower().startswith(SCRIPT)]
            if found and is_scripted(page):
                context.violation(
                    f"the page at {_asked(page)} holds markup of the request ({case.where})",
                    expected="text of a request is escaped, or does not appear",
                    actual=found[0],
                    at=page,
                    control=case.control,
                )


def no_admission(context: CheckContext, transcript: Transcript, row: ShapeRow) -> None:
    """No response lets the foreign origin of its request read it with the user's credentials (Fetch, CORS protocol).

    An origin of "*" admits no credentials. `preflight`: nor does it admit a request with the header of the gateway's tokens.
    """
    for case in with_control(context, transcript, row):
        for attempt in case.attempts:
            context.examined()
            asking = next(iter(attempt.header("origin")), "")
            given = ",".join(attempt.response_header("access-control-allow-origin"))
            name = "headers" if row.options.get("preflight") else "credentials"
            value = ",".join(attempt.response_header(f"access-control-allow-{name}")).lower()
            wanted = transcript.facts.spoken.credential_header.lower() if row.options.get("preflight") else "true"
            admitted = (asking, "*") if row.options.get("preflight") else (asking,)
            if given in admitted and wanted in map(str.strip, value.split(",")):
                context.violation(
                    f"{attempt.method} from the origin {asking} was admitted ({case.where})",
                    expected="no Access-Control-Allow-Origin for a foreign origin",
                    actual=f"Access-Control-Allow-Origin: {given}; Access-Control-Allow-{name.title()}: {value}",
                    at=attempt,
                    control=case.control,
                )


def nothing_secret(context: CheckContext, transcript: Transcript, row: ShapeRow) -> None:
    """No response to a browser holds a code or token, in its body or in a header that leads or is stored.

    `states`: nor does a response to the callback hold its state.
    """
    for case in with_control(context, transcript, row):
        for page in pages(transcript, case):
            context.examined()
            text = f"{_leading(page)}\n{page.body}"
            found = _states(page, text) if row.options.get("states") else transcript.labels(text, *SECRETS)
            if found:
                context.violation(
                    f"the response to {_asked(page)} holds {found[0]} ({case.where})",
                    expected="it does not appear",
                    actual=f"{found[0]} in the response of status {page.status}",
                    at=page,
                    control=case.control,
                )


def _states(page: Exchange, text: str) -> list[str]:
    query = parse_with_labels(parse_with_labels(page.target, split_url).query, parse_qs)
    leads = {"code", "error"} & query.keys()  # a response of an authorization server
    return [
        f"the state {value[:12]}..." for value in query.get("state", []) if leads and len(value) > 8 and value in text
    ]


def sent_with(context: CheckContext, transcript: Transcript, row: ShapeRow) -> None:
    """Every page has the `header` with one of the `values`; with `external`, only pages that link to other sites."""
    for case in with_control(context, transcript, row):
        for page in pages(transcript, case):
            if media_type(page.response_headers) != "text/html" or not page.body:
                continue
            external = [url for url in _linked(page).splitlines() if url.startswith(("http:", "https:", "//"))]
            away = [url for url in external if origin(join_url(page.target, url)) != origin(page.target)]
            if row.options.get("external") and not away:
                context.examined()
                continue
            context.examined()
            given = ",".join(page.response_header(row.options["header"])).lower()
            if not any(value in given for value in row.options["values"]):
                context.violation(
                    f"the page at {_asked(page)} has no {row.options['header']} ({case.where})",
                    expected=f"{row.options['header']}: {' or '.join(row.options['values'])}",
                    actual=given or "absent",
                    at=page,
                    control=case.control,
                )


def no_server_error(context: CheckContext, transcript: Transcript, row: ShapeRow) -> None:
    """No browser's request is answered as an error of the server (RFC 9110, section 15.6)."""
    for case in with_control(context, transcript, row):
        for page in pages(transcript, case):
            context.examined()
            if page.status is None or page.status >= 500:
                context.violation(
                    f"{_asked(page)} was answered {page.status or 'not at all'} ({case.where})",
                    expected="a page for the user: the fault is in the request",
                    actual=f"status {page.status}",
                    at=page,
                    control=case.control,
                )


def _refreshing(page: str) -> list[str]:
    """Return the meta elements of a page that send the browser elsewhere."""
    found = [text for text in _META.findall(page) if "http-equiv" in text.lower()]
    return [text for text in found if "refresh" in text.lower()]
