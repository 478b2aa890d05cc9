"""Every secret that the IdP mints, reported before it leaves the process: redaction and leak search work by value."""

import threading
from collections.abc import Callable
from typing import Any, Literal

Secret = dict[str, Any]
"""`n`, `class`, `issuer` (name), `subject`, `client_id`, `audience` (string, list or None), `value`, `label`."""

SecretClass = Literal["access-token", "refresh-token", "id-token", "code", "client-secret", "jwt"]


class SecretFeed:
    """Thread-safe and append-only list of secrets, numbered from 1."""

    def __init__(self) -> None:
        self._secrets: list[Secret] = []
        self._subscribers: list[Callable[[Secret], None]] = []
        self._lock = threading.RLock()

    @property
    def head(self) -> int:
        """Number of the latest secret, 0 if there is none."""
        return len(self._secrets)

    def announce(
        self,
        category: SecretClass,
        value: str,
        *,
        issuer: str,
        subject: str | None = None,
        client_id: str | None = None,
        audience: Any = None,
        label: str | None = None,
    ) -> None:
        """Number and store the secret, and notify every subscriber before returning."""
        with self._lock:
            secret: Secret = {
                "n": len(self._secrets) + 1,
                "class": category,
                "issuer": issuer,
                "subject": subject,
                "client_id": client_id,
                "audience": audience,
                "value": value,
                "label": label,
            }
            self._secrets.append(secret)
            for callback in self._subscribers:
                callback(secret)

    def since(self, n: int) -> list[Secret]:
        """Return the secrets numbered above n, oldest first."""
        return self._secrets[max(n, 0) :]

    def subscribe(self, callback: Callable[[Secret], None]) -> None:
        """Call `callback` with every secret, in order and from the minting thread; first with the existing ones."""
        with self._lock:
            for secret in self._secrets:
                callback(secret)
            self._subscribers.append(callback)
