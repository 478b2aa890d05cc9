"""What a bench may change about an issuer while it runs."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal


class SettingError(Exception):
    """A setting that does not exist or has a value of the wrong kind; the text is one sentence."""


@dataclass
class Settings:
    """Lifetimes are seconds; a token with a negative one is born expired."""

    access_lifetime: int = 300
    refresh_lifetime: int = 86_400
    code_lifetime: int = 60
    refresh_rotation: bool = True
    deny: tuple[str, ...] = ()
    """Subjects who decline every authorization."""
    omit_refresh_token: bool = False
    omit_iss: bool = False
    """Leave `iss` out of authorization responses although the metadata promise it (RFC 9207)."""
    expires_in_form: Literal["int", "string", "absent"] = "int"

    def change(self, changes: Mapping[str, Any]) -> None:
        """Apply all changes, or none: raises SettingError when one of them is wrong."""
        checked = {name: _checked(name, value) for name, value in changes.items()}
        for name, value in checked.items():
            setattr(self, name, value)

    def state(self) -> dict[str, Any]:
        """All settings, JSON-able."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


def _checked(name: str, value: Any) -> Any:
    default = {field.name: field.default for field in fields(Settings)}
    if name not in default:
        raise SettingError(f"there is no setting {name!r}; there are {', '.join(default)}")
    if name == "deny":
        if isinstance(value, list) and all(isinstance(subject, str) for subject in value):
            return tuple(value)
        raise SettingError("deny must be a list of subjects")
    if name == "expires_in_form":
        if value in ("int", "string", "absent"):
            return value
        raise SettingError("expires_in_form must be int, string or absent")
    if type(value) is not type(default[name]):
        raise SettingError(f"{name} must be {'a boolean' if isinstance(default[name], bool) else 'a whole number'}")
    return value
