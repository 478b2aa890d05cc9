"""Settings of an issuer that a bench may change at run time."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal

DOCUMENTS = (
    "oauth-authorization-server",
    "openid-configuration",
    "appended-openid-configuration",
    "appended-oauth-authorization-server",
)
"""The addresses of metadata: both names, inserted before the issuer's path (RFC 8414) and appended to it."""

_KINDS = {bool: "a boolean", int: "a whole number", str: "a text", dict: "an object"}


class SettingError(Exception):
    """An unknown setting or a value of the wrong type; the text is one sentence."""


@dataclass
class Settings:
    """Settings of one issuer. Lifetimes are in seconds; a token with a negative one is expired when it is issued."""

    access_lifetime: int = 3600
    refreshed_lifetime: int = 0
    """Of access tokens from a refresh; 0: `access_lifetime`."""
    refresh_lifetime: int = 86_400
    code_lifetime: int = 60
    refresh_rotation: bool = True
    deny: tuple[str, ...] = ()
    """Subjects who decline every authorization."""
    omit_refresh_token: bool = False
    omit_iss: bool = False
    """Leave `iss` out of authorization responses although the metadata promise it (RFC 9207)."""
    expires_in_form: Literal["int", "string", "absent"] = "int"
    answer_members: dict[str, Any] = field(default_factory=dict)
    """Members that replace those of successful token responses, or are added to them."""
    answer_omits: tuple[str, ...] = ()
    """Members that token responses lack."""
    answer_content_type: str = ""
    """The media type of token responses in JSON, instead of application/json alone."""
    answer_indent: bool = False
    """Write token responses in JSON with blanks and line ends, and each character of a text as an escape."""
    secret_suffix: str = ""
    """The end of each code and refresh token (RFC 6749 appendix A: any printable ASCII)."""
    access_claims: dict[str, Any] = field(default_factory=dict)
    """Claims that are added to access tokens."""
    access_opaque: bool = False
    """Issue access tokens that are no JWTs, with every character that a bearer token may have (RFC 6750, section 2.1)."""
    answer_form_encoded: bool = False
    """Encode token responses as a form unless the request accepts JSON by name."""
    metadata: dict[str, Any] = field(default_factory=dict)
    """Members of the metadata to replace; null removes one. Texts may contain the placeholders of `metadata.document`."""
    documents: tuple[str, ...] = DOCUMENTS
    """The well-known addresses that serve the metadata."""
    page_elsewhere: bool = False
    """Answer requests for metadata at other well-known addresses with a web page and status 200, instead of 404."""
    registration: dict[str, Any] = field(default_factory=dict)
    """Members of a client's metadata that registration replaces (RFC 7591 section 3.2.1)."""
    client_document_hosts: tuple[str, ...] = ()
    """The only hosts from which documents of clients are read; none: any host."""
    callback: dict[str, Any] = field(default_factory=dict)
    """Parameters of authorization responses to replace or add; null removes one."""
    require_resource: bool = False
    """Refuse authorization and token requests without `resource` (RFC 8707 section 2: invalid_target)."""
    client_methods: tuple[str, ...] = ()
    """The only client authentication methods that are accepted; none: those of each client."""
    endpoint_queries: dict[str, Any] = field(default_factory=dict)
    """The query parameters that each request to an endpoint must bring, by endpoint: as its address has them, once."""

    def change(self, changes: Mapping[str, Any]) -> None:
        """Apply all changes, or none: raises SettingError if one is invalid."""
        checked = {name: _checked(name, value) for name, value in changes.items()}
        for name, value in checked.items():
            setattr(self, name, value)

    def state(self) -> dict[str, Any]:
        """Return all settings, JSON-serialisable."""
        return {one.name: getattr(self, one.name) for one in fields(self)}


def _checked(name: str, value: Any) -> Any:
    default = {one.name: getattr(Settings(), one.name) for one in fields(Settings)}
    if name not in default:
        raise SettingError(f"there is no setting {name!r}; available: {', '.join(default)}")
    if isinstance(default[name], tuple):
        if isinstance(value, list | tuple) and all(isinstance(one, str) for one in value):
            return tuple(value)
        raise SettingError(f"{name} must be a list of {'subjects' if name == 'deny' else 'texts'}")
    if name == "expires_in_form":
        if value in ("int", "string", "absent"):
            return value
        raise SettingError("expires_in_form must be int, string or absent")
    if type(value) is not type(default[name]):
        raise SettingError(f"{name} must be {_KINDS[type(default[name])]}")
    return value
