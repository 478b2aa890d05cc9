"""A request of a client as a command line of curl, for a reader who wants to send it again by hand."""

import re
import shlex

from gatebench.reports.conformance.traffic.evidence import ExchangeView

MAX_BODY = 4096
"""Characters of a body: a longer one is sent from a file that the reader has to write."""
_LABEL = re.compile(r"«([A-Za-z0-9_.:@~|-]+)»")
# Fields that curl sets itself. A value: with that one, the field is part of the request and is passed on.
_OWN = {
    "accept-encoding": None,
    "connection": "close",
    "content-length": None,
    "host": None,
    "transfer-encoding": "chunked",
    "user-agent": None,
}


def command_of(exchange: ExchangeView) -> str | None:
    """Return the command line; None for a request that curl cannot send as it was, such as one that is not text.

    Credentials are variables of the shell: `«pat:alice»` is `"$PAT_ALICE"`. The address is the one that the request named.
    """
    request = exchange.request
    host = next((value for name, value in request.get("headers", []) if name.lower() == "host"), None)
    target = str(request["target"])
    if host is None and not target.startswith("http"):
        return None
    url = target if target.startswith("http") else f"http://{host}{target}"
    # -g: curl would expand [] and {} in a URL.
    words = ["curl", "-i", *(["-g"] if set(url) & set("[]{}") else [])]
    words += ["--http1.0"] if request.get("http_version") == "1.0" else []
    words += ["-X", str(request["method"])]
    for name, value in request.get("headers", []):
        if name.lower() not in _OWN or value.lower() == _OWN[name.lower()]:
            words += ["-H", f"{name}: {value}" if value else f"{name};"]  # "NAME:" would remove a header
    body = request.get("body")
    if body is None and request.get("body_base64"):
        return None
    if body:
        words += ["--data-binary", str(body) if len(str(body)) <= MAX_BODY else "@request.json"]
    return " ".join(_quoted(word) for word in [*words, url])


def variable_of(label: str) -> str:
    """Return the variable of the shell that stands for a credential: `pat:alice` is PAT_ALICE."""
    return re.sub(r"[^A-Za-z0-9]+", "_", label).strip("_").upper()


def _quoted(word: str) -> str:
    """Return a word for the shell: what a gateway may have sent is quoted, and only credentials are variables."""
    pieces = _LABEL.split(word)  # text and labels in turn
    if len(pieces) == 1:
        return shlex.quote(word)
    texts = [shlex.quote(text) if text else "" for text in pieces[::2]]
    labels = ['"$' + variable_of(label) + '"' for label in pieces[1::2]]
    return "".join(text + label for text, label in zip(texts, [*labels, ""], strict=True))
