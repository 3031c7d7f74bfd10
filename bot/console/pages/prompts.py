"""The exact prompt of a past call, built again from the log, and by name what was left out of it."""

from starlette.requests import Request
from starlette.responses import Response

from bot.console.filters import number
from bot.console.pages import conversation, turns
from bot.console.render import page, problem
from bot.console.state import console_of
from bot.console.words import folded, left_out
from engine.events.turn import GenerationStarted
from projections.prompt import assemble
from projections.prompt.rebuild import rebuild


async def show(request: Request) -> Response:
    """`GET /turns/{key}/prompt?attempt=`: the messages as they were sent, or what of them can still be read."""
    console = console_of(request)
    turn = await turns.find(console, request.path_params["key"].strip().lower())
    if turn is None:
        return problem(request, 404, "No such turn", "Give a turn's id, an error's reference, or the id of a message.")
    flight = await turns.load(console, turn)
    calls = [recorded.event for recorded in flight.attempts]
    wanted = number(request.query_params.get("attempt", ""))
    chosen = [call for call in calls if isinstance(call, GenerationStarted) and wanted in (None, call.attempt)]
    if not chosen:
        return problem(request, 404, "No such prompt", "Nothing was sent to a model for this turn, or not under this number.")
    started = chosen[-1]
    try:
        again = await rebuild(console.log, started)
    except LookupError as error:
        return problem(request, 404, "No such prompt", f"It cannot be made again: {error}.")
    context = {
        "turn": turn,
        "call": started,
        "calls": calls,
        "answered": turns.answered(flight).get(started.attempt, started.model),
        "again": again,
        "sizes": [assemble.size(message) for message in again.prompt.messages],
        "gone": folded(left_out(part) for part in started.dropped),
        "called": await conversation.names(console),
    }
    return page(request, "prompt.html", context, section="Turns")
