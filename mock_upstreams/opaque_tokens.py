"""Access tokens whose form tells a client nothing (RFC 6749 section 1.4), with every character that a bearer token may have.

They are JWTs in another dress, so that an upstream can verify them without asking their issuer.
"""

import base64

PREFIX = "-._~+/"
"""The characters of a bearer token beside letters and digits (RFC 6750 section 2.1); the padding is at the end."""


def opaque(token: str) -> str:
    """Return an access token of this kind for a JWT."""
    return f"{PREFIX}{base64.b64encode(token.encode()).decode().rstrip('=')}=="


def transparent(token: str) -> str:
    """Return the JWT in an access token of this kind; any other text is returned as it is."""
    if not (token.startswith(PREFIX) and token.endswith("==")):
        return token
    encoded = token[len(PREFIX) : -2]
    try:
        return base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True).decode()
    except ValueError:
        return token
