"""Addresses of the documents that requirements cite."""

import re

_SPECIFICATION = "https://modelcontextprotocol.io/specification"
_SECURITY = f"{_SPECIFICATION}/2025-11-25/basic/security_best_practices"
_RFC = re.compile(r"RFC (\d+)")
_MCP = re.compile(r"MCP (\d{4}-\d\d-\d\d), (.+)")
_CWE = re.compile(r"CWE-(\d+)")
_SECTION = re.compile(r"[\d.]*\d")
_OTHERS = {
    "JSON-RPC 2.0": "https://www.jsonrpc.org/specification",
    "OpenID Connect Core 1.0": "https://openid.net/specs/openid-connect-core-1_0.html",
    "OpenID Connect Discovery 1.0": "https://openid.net/specs/openid-connect-discovery-1_0.html",
    "OWASP ASVS 5.0": "https://github.com/OWASP/ASVS",
    "W3C Trace Context": "https://www.w3.org/TR/trace-context/",
    "W3C Baggage": "https://www.w3.org/TR/baggage/",
    "WHATWG Fetch": "https://fetch.spec.whatwg.org/",
    "WHATWG HTML": "https://html.spec.whatwg.org/",
    "Fetch": "https://fetch.spec.whatwg.org/",
    "MCP security best practices": _SECURITY,
}


def url_of(document: str, section: str) -> str | None:
    """Return the address of a section, of the document where sections have none, or None for our own documents."""
    if found := _RFC.fullmatch(document):
        first = _SECTION.match(section)
        return f"https://www.rfc-editor.org/rfc/rfc{found[1]}" + (f"#section-{first[0]}" if first else "")
    if found := _MCP.fullmatch(document):
        page = "basic/security_best_practices" if found[2] == "security best practices" else found[2]
        return f"{_SPECIFICATION}/{found[1]}/{page}"
    if document == "CWE" or _CWE.fullmatch(document):
        number = section if document == "CWE" else document.removeprefix("CWE-")
        return f"https://cwe.mitre.org/data/definitions/{number}.html"
    if document.startswith("draft-"):
        return f"https://datatracker.ietf.org/doc/html/{document}"
    return _OTHERS.get(document)
