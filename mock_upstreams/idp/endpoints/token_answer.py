"""Successful token responses: their members, and what the settings of the issuer change."""

import json
import re
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from ..http import NO_STORE, answer
from ..state.issuer import Issuer, Token

_TEXT = re.compile(r'"(?:[^"\\]|\\.)*"')
_FORM = "application/x-www-form-urlencoded"


def token_answer(issuer: Issuer, access: Token, scope: tuple[str, ...]) -> dict[str, Any]:
    """Return the members of RFC 6749 section 5.1; the bench sets the form of `expires_in` (a number is correct)."""
    content: dict[str, Any] = {"access_token": access.value, "token_type": "Bearer"}
    form = issuer.settings.expires_in_form
    if form != "absent":
        content["expires_in"] = str(access.lifetime) if form == "string" else access.lifetime
    if scope:
        content["scope"] = " ".join(scope)
    return content


def token_response(issuer: Issuer, request: Request, content: dict[str, Any]) -> Response:
    """Return the response with these members, changed and encoded as the settings say."""
    settings = issuer.settings
    members = {**content, **settings.answer_members}
    members = {name: value for name, value in members.items() if name not in settings.answer_omits}
    if settings.answer_form_encoded and "application/json" not in ", ".join(request.headers.getlist("accept")):
        return Response(urlencode(members), headers=NO_STORE, media_type=_FORM)
    if settings.answer_content_type or settings.answer_indent:
        text = json.dumps(members, indent=3)
        if settings.answer_indent:
            text = _TEXT.sub(_escaped, text)
        return Response(text, headers=NO_STORE | {"content-type": settings.answer_content_type or "application/json"})
    return answer(members)


def _escaped(text: re.Match[str]) -> str:
    return '"' + "".join(f"\\u{ord(character):04x}" for character in json.loads(text[0])) + '"'
