"""Search of the files and output of a run for secrets, whole or in part, in every encoding.

The encodings are implemented here again, independently of the code that redacts them.
"""

import base64
import contextlib
import gzip
import json
import re
import zlib
from collections.abc import Callable, Iterator
from urllib.parse import quote, quote_plus

import brotli
import zstandard

from gatebench.conformance.selftest.support.processes.subprocess_run import ProcessUsage

RUN = re.compile(rb"[!-~]{8,}")  # secrets and their encodings are unbroken
NARROW = re.compile(rb"\0|(?<!\\)\\+u0000|\\x00")  # between the letters of UTF-16
BODY = re.compile(rb'"body_base64": "([A-Za-z0-9+/=]*)"')
DECOMPRESS: list[Callable[[bytes], bytes]] = [
    gzip.decompress,
    zlib.decompress,
    brotli.decompress,
    lambda body: zstandard.ZstdDecompressor().decompress(body, max_output_size=2**22),
]
PART = 12


def encodings(value: str) -> Iterator[tuple[str, bytes]]:
    """Yield every form in which a secret must not appear."""
    raw = value.encode()
    yield "raw", raw
    for before in range(3):
        # Surrounding bytes change the characters at the ends of a secret, but not those in between.
        encoded = base64.b64encode(b"\0" * before + raw)
        inner = encoded[(before * 4 + 2) // 3 : len(encoded) - (4 if (before + len(raw)) % 3 else 0)]
        yield f"base64+{before}", inner
        yield f"base64url+{before}", inner.translate(bytes.maketrans(b"+/", b"-_"))
    for percent in (quote(value, safe=""), quote_plus(value), "".join(f"%{byte:02X}" for byte in raw)):
        yield "percent", percent.encode()
        yield "percent", percent.lower().encode() if percent.count("%") == len(raw) else percent.encode()
    for ascii_only in (True, False):
        once = json.dumps(value, ensure_ascii=ascii_only)[1:-1]
        yield "JSON", once.encode()
        yield "JSON in JSON", json.dumps(once)[1:-1].encode()
    escaped = "".join(f"\\u{ord(one):04x}" for one in value)
    yield "JSON, all escapes", escaped.encode()
    yield "JSON, all escapes, in JSON", json.dumps(escaped)[1:-1].encode()
    yield "hexadecimal", raw.hex().encode()
    yield "HEXADECIMAL", raw.hex().upper().encode()
    yield "Base64 of Base64", base64.b64encode(base64.b64encode(raw)[:-4])[:-4]
    for wide in ("utf-16-le", "utf-16-be"):
        yield f"Base64 of {wide}", base64.b64encode(value.encode(wide))[:-4]
        yield wide, value.encode(wide)
        yield f"JSON of {wide}", json.dumps(value.encode(wide).decode("latin-1"))[1:-1].encode()
    yield "Base64 of hexadecimal", base64.b64encode(raw.hex().encode())[:-4]
    yield "hexadecimal of Base64", base64.b64encode(raw)[:-4].hex().encode()


def words(measured: ProcessUsage) -> dict[bytes, str]:
    """Return every unbroken word in the files and output of the run, and its location."""
    found: dict[bytes, str] = {}
    texts = {
        str(path.relative_to(measured.out)): path.read_bytes() for path in measured.out.rglob("*") if path.is_file()
    }
    texts |= {"stdout": measured.output.encode(), "stderr": measured.errors.encode()}
    for name, text in texts.items():
        for one in (text, NARROW.sub(b"", text), *bodies(text)):
            for word in RUN.findall(one):
                found.setdefault(word, name)
    return found


def bodies(text: bytes) -> Iterator[bytes]:
    """Yield binary content that a transcript holds as Base64: as it is, read as UTF-16, and decompressed."""
    for encoded in BODY.findall(text):
        body = base64.b64decode(encoded)
        yield body
        yield body.replace(b"\0", b"")
        for open_up in DECOMPRESS:
            try:
                yield open_up(body)
            except (ValueError, OSError, EOFError, zlib.error, brotli.error, zstandard.ZstdError):
                continue


def leaks(measured: ProcessUsage, secrets: list[tuple[str, str]]) -> list[str]:
    """Return which secrets appear where, in which form; never the secret itself, or the report of this test would leak it."""
    known = words(measured)
    everything = b"\n".join(known)
    found = []
    for label, value in secrets:
        for form, text in encodings(value):
            needle = NARROW.sub(b"", text)
            if needle in everything:
                where = next(name for word, name in known.items() if needle in word)
                found.append(f"{label} ({form}) in {where}")
    return found


def runs_of(secrets: list[tuple[str, str]]) -> dict[bytes, str]:
    """Return every twelve characters that only one secret has, in clear text and hexadecimal: a part is a leak as well.

    The header of a JWT is not secret, nor is the id of its client, and common parts of two JWTs are constants of their issuer.
    A run of up to three different characters is no secret either: a signature of zeros is `AAAA…` in Base64.
    """
    owners: dict[str, set[str]] = {}
    for _, value in secrets:
        text = value.partition(".")[2] if value.startswith("eyJ") else value.partition("_")[2] or value
        for at in range(len(text) - PART + 1):
            owners.setdefault(text[at : at + PART], set()).add(value)
    public = {run for _, value in secrets for run in public_runs(value)}
    labels = {value: label for label, value in secrets}
    alone = {
        run.encode(): labels[next(iter(values))]
        for run, values in owners.items()
        if len(values) == 1 and run not in public and len(set(run)) > 3
    }
    return alone | {run.hex().encode(): label for run, label in alone.items()}


def public_runs(value: str) -> Iterator[str]:
    """Yield the runs of a JWT that may be its client's id, with which a Basic header begins as well (RFC 6749, 2.3.1)."""
    segments = value.split(".")
    if not value.startswith("eyJ") or len(segments) != 3:
        return
    with contextlib.suppress(ValueError):
        claims = json.loads(base64.urlsafe_b64decode(segments[1] + "=="))
        client = str(claims.get("client_id", "") if isinstance(claims, dict) else "").encode()
        for before in range(3):
            encoded = base64.urlsafe_b64encode(b"\0" * before + client + b":").decode()
            yield from (encoded[at : at + PART] for at in range(len(encoded) - PART + 1))


def parts(measured: ProcessUsage, secrets: list[tuple[str, str]]) -> list[str]:
    """Return which parts of secrets appear where."""
    known = runs_of(secrets)
    found = []
    for word, where in words(measured).items():
        for length in (PART, 2 * PART):
            seen = {word[at : at + length] for at in range(len(word) - length + 1)}
            found += [f"a part of {known[run]} in {where}" for run in seen & known.keys()]
    return found
