"""The members that every successful token answer has."""

from typing import Any

from mock_upstreams.idp.issuer import Issuer, Token


def token_answer(issuer: Issuer, access: Token, scope: tuple[str, ...]) -> dict[str, Any]:
    """RFC 6749 section 5.1, with `expires_in` in the form that the bench has set (a number is the right one)."""
    content: dict[str, Any] = {"access_token": access.value, "token_type": "Bearer"}
    form = issuer.settings.expires_in_form
    if form != "absent":
        content["expires_in"] = str(access.lifetime) if form == "string" else access.lifetime
    if scope:
        content["scope"] = " ".join(scope)
    return content
