"""The addresses of cited documents."""

import pytest

from gatebench.conformance.requirements.registry import loaded
from gatebench.reports.rendering.source_links import url_of

OURS = {"GUIDE", "DESIGN", "field experience", "the file of --variants"}


@pytest.mark.parametrize(
    ("document", "section", "url"),
    [
        ("RFC 7519", "4.1.4, 4.1.5", "https://www.rfc-editor.org/rfc/rfc7519#section-4.1.4"),
        ("RFC 9112", "Appendix", "https://www.rfc-editor.org/rfc/rfc9112"),
        (
            "MCP 2025-11-25, basic/transports",
            "Session Management",
            "https://modelcontextprotocol.io/specification/2025-11-25/basic/transports",
        ),
        ("CWE", "209", "https://cwe.mitre.org/data/definitions/209.html"),
        ("GUIDE", "G13", None),
    ],
)
def test_url_of_a_section(document: str, section: str, url: str | None) -> None:
    assert url_of(document, section) == url


def test_every_cited_document_has_an_address_or_is_ours() -> None:
    cited = {(source.document, source.section) for one in loaded().by_id.values() for source in one.sources}
    assert {document for document, section in cited if url_of(document, section) is None} <= OURS
