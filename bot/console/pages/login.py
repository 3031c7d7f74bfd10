"""Logging in and out, where a password is set."""

import asyncio

from starlette.requests import Request
from starlette.responses import Response

from bot.console.door import Answer, Door
from bot.console.pages import playground
from bot.console.render import go, page
from bot.console.sessions import COOKIE, DEVICE_COOKIE, DEVICE_LIFETIME, LIFETIME, Signer
from bot.console.state import console_of
from engine import clock
from projections.live import ended_sessions


def inside(path: str) -> str:
    """A path of this console to go to after logging in; anything else becomes the front page. Pure."""
    plain = path.startswith("/") and not path.startswith(("//", "/\\", "/login")) and path.isprintable() and "\\" not in path
    return path if plain else "/"


async def show(request: Request) -> Response:
    """`GET /login`."""
    if console_of(request).signer is None or request.state.known:
        return go(inside(request.query_params.get("next", "/")))
    return _form(request, request.query_params.get("next", "/"))


def _form(request: Request, target: str, wrong: str = "", status: int = 200) -> Response:
    return page(request, "login.html", {"target": inside(target), "wrong": wrong}, status=status)


async def enter(request: Request) -> Response:
    """`POST /login`."""
    form = await request.form()
    door: Door | None = request.app.state.door
    target = inside(playground.field(form, "next"))
    if door is None:
        return go(target)
    judged = await door.judge(playground.field(form, "password"), request.state.caller)
    match judged.answer:
        case Answer.RIGHT:
            return _welcome(door.signer, target, secure=secure(request))
        case Answer.WAIT:
            response = _form(request, target, f"Too many wrong passwords. Try again in {judged.seconds:.0f} seconds.", 429)
            response.headers["retry-after"] = f"{max(judged.seconds, 1):.0f}"
            return response
        case Answer.WRONG:
            await asyncio.sleep(0.3)  # a guesser's time is worth more than a mistyper's
            return _form(request, target, "That is not the password.", 401)


def secure(request: Request) -> bool:
    """Whether the browser came by TLS, to us or to the proxy before us. To claim it falsely only loses one's own cookie."""
    public = console_of(request).settings.public_url or ""
    by_public = public.startswith("https://") and request.headers.get("origin", "").lower() == public
    forwarded = request.headers.get("x-forwarded-proto", "").partition(",")[0].strip().lower()
    return by_public or forwarded == "https" or request.url.scheme == "https"


def _welcome(signer: Signer, target: str, *, secure: bool) -> Response:
    response = go(target)
    for name, value, lifetime in ((COOKIE, signer.issue(clock.now()), LIFETIME), (DEVICE_COOKIE, signer.issue_device(), DEVICE_LIFETIME)):
        seconds = int(lifetime.total_seconds())
        response.set_cookie(name, value, max_age=seconds, httponly=True, samesite="strict", secure=secure)
    return response


async def leave(request: Request) -> Response:
    """`POST /logout`: the session ends for everybody who has its cookie, also after a restart."""
    console = console_of(request)
    response = go("/login")
    response.delete_cookie(COOKIE, httponly=True, samesite="strict", secure=secure(request))
    session = console.signer.session(request.cookies.get(COOKIE), clock.now()) if console.signer else None
    if session is not None:
        console.ended[session.id] = float(session.until)
        async with console.log.pool.connection() as connection:
            await ended_sessions.add(connection, session.id, session.until)
    return response
