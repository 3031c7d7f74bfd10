"""Logging in and out, where a password is set."""

import asyncio

from starlette.requests import Request
from starlette.responses import Response

from bot.console.pages import playground
from bot.console.render import go, page
from bot.console.sessions import COOKIE, LIFETIME, Signer
from bot.console.state import console_of
from engine import clock

TRIES = 5
WINDOW_SECONDS = 60.0


class Brake:
    """Slows down guessing: after TRIES wrong passwords within WINDOW_SECONDS nobody may try for the rest of it."""

    def __init__(self) -> None:
        self._wrong: list[float] = []

    def wait(self, now: float) -> float:
        """Seconds until the next try may be made; 0 for now. Times are of a monotonic clock."""
        self._wrong = [at for at in self._wrong if now - at < WINDOW_SECONDS]
        return self._wrong[0] + WINDOW_SECONDS - now if len(self._wrong) >= TRIES else 0.0

    def wrong(self, now: float) -> None:
        self._wrong.append(now)


def inside(path: str) -> str:
    """A path of this console to go to after logging in; anything else becomes the front page. Pure."""
    plain = path.startswith("/") and not path.startswith(("//", "/\\", "/login")) and path.isprintable() and "\\" not in path
    return path if plain else "/"


async def show(request: Request) -> Response:
    """`GET /login`."""
    if (signer := console_of(request).signer) is None or signer.valid(request.cookies.get(COOKIE), clock.now()):
        return go(inside(request.query_params.get("next", "/")))
    return _form(request, request.query_params.get("next", "/"))


def _form(request: Request, target: str, wrong: str = "", status: int = 200) -> Response:
    return page(request, "login.html", {"target": inside(target), "wrong": wrong}, status=status)


async def enter(request: Request) -> Response:
    """`POST /login`."""
    signer, form, brake = console_of(request).signer, await request.form(), request.app.state.brake
    target = inside(playground.field(form, "next"))
    if signer is None:
        return go(target)
    if (seconds := brake.wait(clock.monotonic())) > 0:
        response = _form(request, target, f"Too many wrong passwords. Try again in {seconds:.0f} seconds.", 429)
        response.headers["retry-after"] = f"{seconds:.0f}"
        return response
    if not signer.right(playground.field(form, "password")):
        brake.wrong(clock.monotonic())
        await asyncio.sleep(0.3)  # a guesser's time is worth more than a mistyper's
        return _form(request, target, "That is not the password.", 401)
    return _welcome(signer, target, secure=request.url.scheme == "https")


def _welcome(signer: Signer, target: str, *, secure: bool) -> Response:
    response = go(target)
    seconds = int(LIFETIME.total_seconds())
    response.set_cookie(COOKIE, signer.issue(clock.now()), max_age=seconds, httponly=True, samesite="strict", secure=secure)
    return response


async def leave(request: Request) -> Response:
    """`POST /logout`."""
    response = go("/login")
    response.delete_cookie(COOKIE, httponly=True, samesite="strict")
    return response
