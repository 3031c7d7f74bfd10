"""Who is logged in: a cookie that says until when, signed so that nobody else can make one. Pure."""

import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta

COOKIE = "tzurot_session"
LIFETIME = timedelta(days=7)


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
        """A cookie value that is good for LIFETIME."""
        until = str(int((now + LIFETIME).timestamp()))
        return f"{until}.{self._mac(until.encode()).hex()}"

    def valid(self, cookie: str | None, now: datetime) -> bool:
        """Whether we made this cookie and it has not run out."""
        until, _, signature = (cookie or "").partition(".")
        if not (until.isascii() and until.isdigit() and len(until) < 12):
            return False
        expected = self._mac(until.encode()).hex()
        return hmac.compare_digest(signature.encode("utf-8", "replace"), expected.encode()) and int(until) > now.timestamp()

    def _mac(self, text: bytes) -> bytes:
        return hmac.digest(self.key, text, hashlib.sha256)
