"""Templates to responses. Everything is escaped; the few things that are HTML already say so by their type."""

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from urllib.parse import unquote

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from bot.console import menu, words
from bot.console.prose import prose
from bot.console.state import console_of
from engine import clock
from engine.decide.rejected import Rejected
from engine.resources.kinds import REACTIONS
from engine.resources.reacting.sheet import DEFAULTS
from engine.resources.typed import Wrong

type Handler = Callable[[Request], Awaitable[Response]]
"""What answers an address."""
HERE = Path(__file__).parent
NAME_COOKIE, THEME_COOKIE = "tzurot_name", "tzurot_theme"

ENVIRONMENT = Environment(
    loader=FileSystemLoader(HERE / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    auto_reload=False,
)
ENVIRONMENT.globals.update(
    reactions=[(spec.shown.label, (getattr(DEFAULTS, spec.key) or "").split()[0]) for spec in REACTIONS.fields if spec.key != "inspect"],
    prose=prose,
    kind=words.kind,
    short=words.short,
    category=words.category,
    duration=words.duration,
    span=words.span,
    money=words.money,
    size=words.size,
    trigger=words.trigger,
    left_out=words.left_out,
    ago=lambda moment: words.ago(moment, clock.now()),
)


def fragment(template: str, **context: object) -> str:
    """A template as text."""
    return ENVIRONMENT.get_template(template).render(**context)


def page(
    request: Request, template: str, context: Mapping[str, object] | None = None, *, section: str = "", status: int = 200
) -> HTMLResponse:
    """A whole page. `section` is the entry of the navigation it belongs to."""
    theme = request.cookies.get(THEME_COOKIE)
    signer, known = console_of(request).signer, bool(getattr(request.state, "known", True))
    frame = {
        "section": section,
        "theme": theme if theme in {"light", "dark"} else "",
        "can_log_out": signer is not None and known,
        "signed_in": signer is None or known,
        "no_model": (signer is None or known) and section != "Connect a model" and console_of(request).models.missing,
        "toy": console_of(request).models.toy,
        "menu": menu.PAGES,
        "more_menu": menu.MORE,
        "more_sections": {entry.label for entry in menu.MORE},
    }
    return HTMLResponse(fragment(template, **frame, **(context or {})), status)


def problem(request: Request, status: int, heading: str, sentence: str) -> HTMLResponse:
    """A page that says what is wrong and what to do."""
    return page(request, "problem.html", {"heading": heading, "sentence": sentence}, status=status)


def refusing(handler: Handler) -> Handler:
    """The handler; what a rule or a field has against what it is asked for becomes a page that says so."""

    async def told(request: Request) -> Response:
        try:
            return await handler(request)
        except (Rejected, Wrong) as error:
            return problem(request, 422, "That was not done", str(error))

    return told


def by_script(request: Request) -> bool:
    """Whether htmx asked, which wants a part of a page."""
    return request.headers.get("hx-request") == "true"


def go(path: str) -> Response:
    """After a form: look at this page."""
    return RedirectResponse(path, 303)


def author_of(request: Request) -> str:
    """How the person at the console is called: as they said last, else Friend."""
    return unquote(request.cookies.get(NAME_COOKIE, "")).strip()[:32] or "Friend"
