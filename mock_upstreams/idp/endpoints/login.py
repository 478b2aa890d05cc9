"""Sign-in of the browser's user: the login page and its cookie. There are no passwords."""

import html
from urllib.parse import quote, unquote

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from ..errors import OAuthError
from ..http import NO_STORE, form, query
from ..state.issuer import Issuer

COOKIE = "idp_user"


def signed_in(request: Request) -> str | None:
    """Return the subject in the browser's cookie, or None.

    If cookies of issuer and host arrive together, the issuer's counts: browsers send longer paths first (RFC 6265
    section 5.4).
    """
    for field in request.headers.getlist("cookie"):
        for pair in field.split(";"):
            name, _, value = pair.strip().partition("=")
            if name == COOKIE and value:
                return unquote(value.strip('"'))
    return None


def login_page(issuer: Issuer, destination: str) -> Response:
    """Return the login page (status 200; the client gets no response yet)."""
    action, target = html.escape(f"/{issuer.name}/login"), html.escape(destination)
    return page(
        f"Sign in to {issuer.name}",
        f'<form method="post" action="{action}"><input type="hidden" name="next" value="{target}">'
        '<label>User <input name="user" required autofocus></label> <button>Sign in</button></form>',
    )


async def login(issuer: Issuer, request: Request) -> Response:
    """Sign `user` in (a cookie for this issuer's paths) and redirect to `next`, which must be below this issuer."""
    try:
        parameters = await form(request) if request.method == "POST" else query(request)
        user, destination = parameters.get("user"), parameters.get("next")
    except OAuthError as error:
        return page("Cannot sign in", html.escape(error.description), 400)
    below = (f"/{issuer.name}/", f"{issuer.base}/", f"/oauth2/{issuer.name}/")
    if destination is not None and not destination.startswith(below):
        return page("Cannot sign in", "next leads away from this issuer", 400)
    if user is None:
        return login_page(issuer, destination or f"/{issuer.name}/login")
    response: Response
    if destination is None:
        response = page("Signed in", f"You are {html.escape(user)}.")
    else:
        response = RedirectResponse(destination, 303, headers=NO_STORE)
    for path in (f"/{issuer.name}", f"/oauth2/{issuer.name}"):
        response.set_cookie(COOKIE, quote(user), path=path, httponly=True, samesite="lax")
    return response


def page(title: str, content: str, status: int = 200) -> Response:
    """Return an HTML page; `content` is HTML."""
    heading = html.escape(title)
    text = f"<!doctype html><meta charset=utf-8><title>{heading}</title><h1>{heading}</h1><p>{content}</p>"
    return HTMLResponse(text, status, headers={**NO_STORE, "X-Frame-Options": "DENY"})
