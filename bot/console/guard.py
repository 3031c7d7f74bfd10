"""What stands before every page: which hosts and origins are ours, who is logged in, how large a request may be, which headers go out.

Without a password the console only answers to loopback names, so that a page of somebody else's cannot reach it by pointing
its own name at 127.0.0.1 (DNS rebinding). A POST must come from our own pages (Origin), or be JSON from something that is no browser.
Behind a proxy our pages have the origin of PUBLIC_URL, whatever the proxy makes of the Host header.
"""

import asyncio
import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from urllib.parse import quote, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bot.console.door import NOBODY, Answer, Caller, Door, Judged, peer_of
from bot.console.sessions import COOKIE, DEVICE_COOKIE, Signer
from engine import clock, log
from engine.outside import addresses

_log = log.get("console")
BODY_BYTES = 256 * 1024
BODY_SECONDS = 15.0
"""How long a body may take to arrive."""
FILE_BYTES = 25 * 1024 * 1024
"""For the forms that take a file: a picture, or a character's card with the files that came with it."""
WHOLE_PATH, WHOLE_BYTES = "/files/import", 256 * 1024 * 1024
"""The form that takes whole backups and histories."""
FILE_PATIENCE = 8
"""Times as long as other bodies: a phone sends ten megabytes in a minute or two."""
FILE_PATHS = re.compile(r"/[a-z]+/(import|[0-9a-f-]{36}/avatar)|/chats(/\d{1,20}/messages)?")
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
OPEN_PATHS = frozenset({"/healthz", "/readyz", "/login", "/favicon.ico", "/hooks/release"})
SAFE_METHODS = frozenset({"GET", "HEAD"})
HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; media-src 'self'; connect-src 'self';"
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
    UNREADABLE = 400
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
    caller: Caller = NOBODY
    nul: bool = False
    """Its path holds a character that no name and no number has, and that Postgres refuses."""


@dataclass(frozen=True, slots=True)
class Guard:
    """The rules. `signer` None: there is no password, and only loopback names are answered to. `public`: the origin of PUBLIC_URL."""

    signer: Signer | None
    public: str | None = None

    def judge(self, visit: Visit, *, known: bool) -> Verdict:
        """May this request go on? `known`: it carries a session of ours or the password."""
        if self.signer is None and host_name(visit.host) not in LOOPBACK:
            return Verdict.MISDIRECTED
        if visit.nul:
            return Verdict.UNREADABLE
        if visit.method not in SAFE_METHODS:
            if not ours(visit, self.public):
                return Verdict.FOREIGN
            if not _bounded(visit):
                return Verdict.TOO_LARGE
        return Verdict.ALLOW if known or self.signer is None or _open(visit.path) else Verdict.LOGIN


def _open(path: str) -> bool:
    return path in OPEN_PATHS or path.startswith("/static/")


def host_name(host: str) -> str:
    """The name in a Host header, without port and brackets, in lower case; empty when it is not a host."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def ours(visit: Visit, public: str | None = None) -> bool:
    """Whether a request that changes something comes from our own pages, or from no browser at all."""
    if visit.origin is not None:
        found = _origin(visit.origin)
        return found is not None and found in {public, _origin(f"{found.partition('://')[0]}://{visit.host}")}
    # Every browser of the last years sends Origin or Sec-Fetch-Site with a POST, and none sends JSON across origins unasked.
    return visit.fetch_site is None and visit.content_type.partition(";")[0].strip().lower() == "application/json"


def _origin(text: str) -> str | None:
    """An origin in the form that can be compared; None when it is none."""
    try:
        return addresses.origin(text) if not text.endswith(("/", "?", "#")) else None
    except ValueError:
        return None


def _bounded(visit: Visit) -> bool:
    length = visit.content_length or ""
    return length.isascii() and length.isdigit() and len(length) < 10 and int(length) <= most_bytes(visit.path)


def most_bytes(path: str) -> int:
    """How large the body of a request for this path may be."""
    if path == WHOLE_PATH:
        return WHOLE_BYTES
    return FILE_BYTES if FILE_PATHS.fullmatch(path) else BODY_BYTES


def _basic(header: str | None) -> str | None:
    """The password in an Authorization header; None when there is none."""
    scheme, _, rest = (header or "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        return base64.b64decode(rest, validate=True).decode().partition(":")[2]
    except ValueError:
        return None


class Guarded:
    """The ASGI application behind the guard. `ended` are the ids of sessions that were logged out."""

    def __init__(self, app: ASGIApp, guard: Guard, door: Door | None = None, ended: Mapping[str, float] | None = None) -> None:
        self.app = app
        self.guard = guard
        self.door = door
        self.ended = {} if ended is None else ended

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        visit = _visit(scope, proxied=self.guard.public is not None)
        known, judged = False, None
        verdict = self.guard.judge(visit, known=True)
        if verdict is Verdict.ALLOW:  # a password sent from a foreign page is not even looked at
            known, judged = await self._knows(visit)
            verdict = self.guard.judge(visit, known=known)
        scope.setdefault("state", {}).update(known=known, caller=visit.caller)
        target = self.app if verdict is Verdict.ALLOW else _refusal(verdict, visit, judged)
        try:
            await target(scope, _in_time(receive, visit.path), _with_headers(send, visit.path))
        except Exception as error:  # the person has been told already; uvicorn would log it again, without the path
            _log.error("a page failed", path=visit.path, exc_info=error)

    async def _knows(self, visit: Visit) -> tuple[bool, Judged | None]:
        """Whether the request is of somebody who is logged in, and how the password it carries was judged."""
        if self.door is None:
            return True, None
        session = self.door.signer.session(visit.cookie, clock.now())
        if session is not None and session.id not in self.ended:
            return True, None
        password = _basic(visit.authorization)
        judged = None if password is None else await self.door.judge(password, visit.caller)
        return judged is not None and judged.answer is Answer.RIGHT, judged


def _in_time(receive: Receive, path: str) -> Receive:
    """Take a peer whose body does not arrive within BODY_SECONDS for gone. What comes after the body may take its time."""
    whole = False
    deadline = clock.monotonic() + BODY_SECONDS * (FILE_PATIENCE if FILE_PATHS.fullmatch(path) else 1)

    async def wrapped() -> Message:
        nonlocal whole
        if whole:
            return await receive()
        try:
            async with asyncio.timeout(max(deadline - clock.monotonic(), 0.0)):
                message = await receive()
        except TimeoutError:
            return {"type": "http.disconnect"}
        whole = not message.get("more_body", False)
        return message

    return wrapped


def _visit(scope: Scope, *, proxied: bool) -> Visit:
    headers = Headers(scope=scope)
    cookies = cookie_parser(headers.get("cookie", ""))
    client = (scope.get("client") or ("",))[0]
    return Visit(
        method=scope["method"],
        path=scope["path"],
        nul="\0" in scope["path"],
        host=headers.get("host", ""),
        origin=headers.get("origin"),
        fetch_site=headers.get("sec-fetch-site"),
        content_type=headers.get("content-type", ""),
        content_length=headers.get("content-length"),
        cookie=cookies.get(COOKIE),
        authorization=headers.get("authorization"),
        caller=Caller(peer_of(client, headers, proxied=proxied), cookies.get(DEVICE_COOKIE)),
    )


def _refusal(verdict: Verdict, visit: Visit, judged: Judged | None) -> Response:
    match verdict:
        case Verdict.MISDIRECTED:
            return PlainTextResponse(_misdirected(visit), 421)
        case Verdict.FOREIGN:
            return PlainTextResponse(_foreign(visit), 403)
        case Verdict.UNREADABLE:
            return PlainTextResponse("An address of a page cannot hold the character NUL.\n", 400)
        case Verdict.TOO_LARGE:
            return PlainTextResponse(f"A request may hold {most_bytes(visit.path) // 1024} kB and must say its length.\n", 413)
        case _ if judged is not None and judged.answer is Answer.WAIT:
            after = {"retry-after": f"{max(judged.seconds, 1):.0f}"}
            return PlainTextResponse(f"Too many wrong passwords. Try again in {judged.seconds:.0f} seconds.\n", 429, after)
        case _:
            if visit.method in SAFE_METHODS and "/api/" not in visit.path and visit.path != "/metrics":
                return RedirectResponse(f"/login?next={quote(visit.path, safe='/')}", 303)
            return PlainTextResponse(
                "Log in first, or send the password with HTTP Basic.\n", 401, {"www-authenticate": 'Basic realm="Tzurot"'}
            )


def _misdirected(visit: Visit) -> str:
    asked = f" and was asked as {name}" if (name := host_name(visit.host)[:100]).isascii() and name.isprintable() and name else ""
    return (
        f"This console only answers to localhost{asked}. Open it by that name; if a proxy stands before it, set CONSOLE_PASSWORD"
        " and PUBLIC_URL to the address that people open.\n"
    )


def _foreign(visit: Visit) -> str:
    said = "This request did not come from a page of this console, so nothing was done."
    page, here = _origin(visit.origin or ""), host_name(visit.host)
    if page is None or not here.isascii() or not here.isprintable():
        return f"{said}\n"
    return f"{said} The page is of {page}, the console was asked as {visit.host}. If the page is its own, set PUBLIC_URL={page}\n"


def _with_headers(send: Send, path: str) -> Send:
    async def wrapped(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers[name] = value
            headers.setdefault("cache-control", "no-cache" if path.startswith("/static/") else "no-store")
        await send(message)

    return wrapped
