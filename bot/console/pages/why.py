"""Why a message was answered as it was, or not at all."""

from starlette.requests import Request
from starlette.responses import Response

from bot import why as words
from bot.console.render import page
from bot.console.state import console_of
from projections import why as reasons


async def show(request: Request) -> Response:
    """`GET /why?message=`: by a message's link or id."""
    text = request.query_params.get("message", "").strip()
    lines: list[str] = []
    found, status = None, 200
    try:
        if text:
            found = await reasons.explain(console_of(request).log, reasons.message_of(text))
            lines = words.lines(found)
    except reasons.NotAMessage as error:
        lines, status = [str(error)], 422
    return page(request, "why.html", {"asked": text, "lines": lines, "found": found}, section="Turns", status=status)
