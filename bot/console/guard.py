"""What stands before every page: which hosts and origins are ours, who is logged in, how large a request may be, which headers go out.

Without a password the console only answers to loopback names, so that a page of somebody else's cannot reach it by pointing
its own name at 127.0.0.1 (DNS rebinding). A POST must come from our own pages (Origin), or be JSON from something that is no browser.
"""

import base64
from dataclasses import dataclass
from enum import Enum
from urllib.parse import quote, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bot.console.sessions import COOKIE, Signer
from engine import clock, log

_log = log.get("console")
BODY_BYTES = 256 * 1024
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
OPEN_PATHS = frozenset({"/healthz", "/readyz", "/login", "/favicon.ico"})
SAFE_METHODS = frozenset({"GET", "HEAD"})
HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self';"
        " form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}


class Verdict(Enum):
    ALLOW = 200
    LOGIN = 401
    FOREIGN = 403
    TOO_LARGE = 413
    MISDIRECTED = 421


@dataclass(frozen=True, slots=True)
class Visit:
    """What the guard looks at of a request. Header values as they came, None where missing."""

    method: str
    path: str
    host: str = ""
    origin: str | None = None
    fetch_site: str | None = None
    content_type: str = ""
    content_length: str | None = None
    cookie: str | None = None
    authorization: str | None = None


@dataclass(frozen=True, slots=True)
class Guard:
    """The rules. `signer` None: there is no password, and only loopback names are answered to."""

    signer: Signer | None

    def judge(self, visit: Visit) -> Verdict:
        """May this request go on?"""
        if self.signer is None and host_name(visit.host) not in LOOPBACK:
            return Verdict.MISDIRECTED
        if visit.method not in SAFE_METHODS:
            if not ours(visit):
                return Verdict.FOREIGN
            if not _bounded(visit):
                return Verdict.TOO_LARGE
        return Verdict.ALLOW if self._known(visit) else Verdict.LOGIN

    def _known(self, visit: Visit) -> bool:
        if self.signer is None or visit.path in OPEN_PATHS or visit.path.startswith("/static/"):
            return True
        return self.signer.valid(visit.cookie, clock.now()) or _basic(visit.authorization, self.signer)


def host_name(host: str) -> str:
    """The name in a Host header, without port and brackets, in lower case; empty when it is not a host."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def ours(visit: Visit) -> bool:
    """Whether a request that changes something comes from our own pages, or from no browser at all."""
    if visit.origin is not None:
        return _authority(visit.origin) == visit.host.lower()
    # Every browser of the last years sends Origin or Sec-Fetch-Site with a POST, and none sends JSON across origins unasked.
    return visit.fetch_site is None and visit.content_type.partition(";")[0].strip().lower() == "application/json"


def _authority(origin: str) -> str:
    scheme, _, authority = origin.partition("://")
    return authority.lower() if scheme in {"http", "https"} else ""


def _bounded(visit: Visit) -> bool:
    length = visit.content_length or ""
    return length.isascii() and length.isdigit() and len(length) < 10 and int(length) <= BODY_BYTES


def _basic(header: str | None, signer: Signer) -> bool:
    scheme, _, rest = (header or "").partition(" ")
    if scheme.lower() != "basic":
        return False
    try:
        _, _, password = base64.b64decode(rest, validate=True).decode().partition(":")
    except ValueError:
        return False
    return signer.right(password)


class Guarded:
    """The ASGI application behind the guard."""

    def __init__(self, app: ASGIApp, guard: Guard) -> None:
        self.app = app
        self.guard = guard

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        visit = _visit(scope)
        verdict = self.guard.judge(visit)
        target = self.app if verdict is Verdict.ALLOW else _refusal(verdict, visit)
        try:
            await target(scope, receive, _with_headers(send, visit.path))
        except Exception as error:  # the person has been told already; uvicorn would log it again, without the path
            _log.error("a page failed", path=visit.path, exc_info=error)


def _visit(scope: Scope) -> Visit:
    headers = Headers(scope=scope)
    return Visit(
        method=scope["method"],
        path=scope["path"],
        host=headers.get("host", ""),
        origin=headers.get("origin"),
        fetch_site=headers.get("sec-fetch-site"),
        content_type=headers.get("content-type", ""),
        content_length=headers.get("content-length"),
        cookie=cookie_parser(headers.get("cookie", "")).get(COOKIE),
        authorization=headers.get("authorization"),
    )


def _refusal(verdict: Verdict, visit: Visit) -> Response:
    match verdict:
        case Verdict.MISDIRECTED:
            return PlainTextResponse("This console only answers to localhost. Open it by that name, or set CONSOLE_PASSWORD.\n", 421)
        case Verdict.FOREIGN:
            return PlainTextResponse("This request did not come from a page of this console, so nothing was done.\n", 403)
        case Verdict.TOO_LARGE:
            return PlainTextResponse(f"A request may hold {BODY_BYTES // 1024} kB and must say its length.\n", 413)
        case _:
            if visit.method in SAFE_METHODS and "/api/" not in visit.path and visit.path != "/metrics":
                return RedirectResponse(f"/login?next={quote(visit.path, safe='/')}", 303)
            return PlainTextResponse(
                "Log in first, or send the password with HTTP Basic.\n", 401, {"www-authenticate": 'Basic realm="Tzurot"'}
            )


def _with_headers(send: Send, path: str) -> Send:
    async def wrapped(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers[name] = value
            headers.setdefault("cache-control", "no-cache" if path.startswith("/static/") else "no-store")
        await send(message)

    return wrapped
