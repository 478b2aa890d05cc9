"""The published reports of real gateways: no secret and no data of a machine is in them, and every finding has a comment."""

import gzip
import re
from pathlib import Path

import pytest

from gatebench.reports.published_matrix import index as published_index
from gatebench.reports.published_matrix.readme import write_readme

FOLDERS = sorted(
    path.parent
    for path in (Path(published_index.__file__).parents[1] / "published").glob(f"*/{published_index.REPORT}")
)
PAGES = sorted((Path(published_index.__file__).parents[1] / "published").glob("matrix.*"))
# Our own mocks, where the gateways and what they cite are at home. Bodies are cut off, and so may a name be at their end.
HOSTS = ("127.0.0.1", "localhost", "github.com", "nginx.org", "www.envoyproxy.io", "www.truefoundry.com")
HOSTS_CITED = ("developer.mozilla.org", "errors.pydantic.dev", "docs.litellm.ai")
RESERVED = (".example", "example.com")  # RFC 2606: reserved names
FOREIGN = ("evil-127.0.0.1",)  # an Origin that begins like another name, and ends like that of the gateway
# Documents that requirements and descriptors cite.
DOCUMENTS = (
    "modelcontextprotocol.io",
    "www.rfc-editor.org",
    "www.jsonrpc.org",
    "openid.net",
    "www.w3.org",
    "fetch.spec.whatwg.org",
    "html.spec.whatwg.org",
    "cwe.mitre.org",
    "json-schema.org",
    "datatracker.ietf.org",
    "docs.haproxy.org",
    "www.haproxy.org",
    "caddyserver.com",
    "gofastmcp.com",
    "ibm.github.io",
)
MINTED = re.compile(r"\b[a-z]{2,3}_[A-Za-z0-9_-]{32}(?![A-Za-z0-9_-])")
SIGNED = re.compile(r"eyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]{20,}")
A_MACHINES_OWN = re.compile(r"/(?:root|home|Users|work|tmp|var/folders)/[\w.-]+")


def text_of(path: Path) -> str:
    data = path.read_bytes()
    return (gzip.decompress(data) if path.suffix == ".gz" else data).decode("utf-8")


@pytest.mark.parametrize(
    "path",
    [*(p for folder in FOLDERS for p in sorted(folder.iterdir())), *PAGES],
    ids=lambda path: f"{path.parent.name}-{path.name}",
)
def test_published_files_contain_no_secret_and_no_data_of_the_machine(path: Path) -> None:
    text = text_of(path)
    broken = "AAAAAAAA"  # at the end of tokens that were made wrong on purpose
    assert [found for found in MINTED.findall(text) if not found.endswith(broken)] == []
    assert SIGNED.findall(text) == []
    assert A_MACHINES_OWN.findall(text) == []
    found = {host.rstrip(".") for host in re.findall(r"https?://([\w.-]+)", text)}
    hosts = {host for host in found if not host.endswith(RESERVED)}
    assert [
        host
        for host in hosts
        if not any(known.startswith(host) for known in (*HOSTS, *HOSTS_CITED, *DOCUMENTS, *FOREIGN))
    ] == []


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_every_published_finding_has_a_comment(folder: Path) -> None:
    publication = published_index.read(folder)
    unread = [finding["what"] for finding in publication.report["findings"] if publication.reading(finding) is None]
    assert (unread, publication.report["complete"]) == ([], True)
    assert (folder / published_index.README).read_text(encoding="utf-8") == write_readme(publication)
