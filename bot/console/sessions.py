"""Who is logged in: a cookie that says which session and until when, signed so that nobody else can make one. Pure."""

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

COOKIE = "tzurot_session"
DEVICE_COOKIE = "tzurot_device"
"""Marks a browser that knew the password once: strangers who guess cannot make it wait."""
LIFETIME = timedelta(days=7)
DEVICE_LIFETIME = timedelta(days=365)
_COOKIE = re.compile(r"([0-9]{1,11})\.([0-9a-f]{32})\.([0-9a-f]{64})")
_DEVICE = re.compile(r"([0-9a-f]{32})\.([0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class Session:
    """A session that somebody logged in to: its id, and when it ends in seconds since 1970."""

    id: str
    until: int


@dataclass(frozen=True, slots=True)
class Signer:
    """Makes and checks session cookies. A new password or master key ends all sessions."""

    key: bytes
    password: bytes

    @classmethod
    def of(cls, master_secret: bytes, password: str) -> "Signer":
        key = hmac.digest(master_secret, b"tzurot console session\x00" + password.encode(), hashlib.sha256)
        return cls(key, password.encode())

    def right(self, attempt: str) -> bool:
        """Whether this is the password, in time that does not depend on where it differs."""
        return hmac.compare_digest(self._mac(attempt.encode("utf-8", "replace")), self._mac(self.password))

    def issue(self, now: datetime) -> str:
        """A cookie value of a new session that is good for LIFETIME."""
        text = f"{int((now + LIFETIME).timestamp())}.{secrets.token_hex(16)}"
        return f"{text}.{self._mac(text.encode()).hex()}"

    def session(self, cookie: str | None, now: datetime) -> Session | None:
        """The session a cookie is of; None when we did not make it or it has run out."""
        found = _COOKIE.fullmatch(cookie or "")
        if found is None:
            return None
        until, name, signature = found.groups()
        right = hmac.compare_digest(signature, self._mac(f"{until}.{name}".encode()).hex())
        return Session(name, int(until)) if right and int(until) > now.timestamp() else None

    def valid(self, cookie: str | None, now: datetime) -> bool:
        """Whether we made this cookie and it has not run out."""
        return self.session(cookie, now) is not None

    def issue_device(self) -> str:
        """A cookie value that marks a browser which knew the password."""
        name = secrets.token_hex(16)
        return f"{name}.{self._mac(b'device ' + name.encode()).hex()}"

    def device(self, cookie: str | None) -> str | None:
        """The browser a device cookie marks; None when we did not make it."""
        found = _DEVICE.fullmatch(cookie or "")
        if found is None:
            return None
        name, signature = found.groups()
        return name if hmac.compare_digest(signature, self._mac(b"device " + name.encode()).hex()) else None

    def _mac(self, text: bytes) -> bytes:
        return hmac.digest(self.key, text, hashlib.sha256)
