"""A turn run again with another model or preset, beside what was answered: the first difference is marked, nothing is said anywhere."""

from uuid import UUID

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from bot import experiments, forking
from bot.console.pages.playground import field
from bot.console.pages.turns import find
from bot.console.render import by_script, fragment, go, page, problem
from bot.console.state import OPERATOR, VENUE, console_of
from engine import ids
from engine.actor import operator
from engine.decide.channel import Where
from engine.decide.rejected import Rejected
from projections.models import jobs
from projections.prompt.changes import NoSuchChange, parse

NAMED = ("model", "preset", "character", "generation", "vectors")


async def begin(request: Request) -> Response:
    """`POST /turns/{key}/experiments`: have the turn's last prompt answered by a model, or with a preset."""
    console, form = console_of(request), await request.form()
    turn = await find(console, request.path_params["key"])
    if turn is None:
        return problem(request, 404, "No such turn", "Give a turn's id.")
    try:
        wanted = [
            f"{name}={value}" for name in ("model", "preset", "character", "generation", "vectors") if (value := field(form, name).strip())
        ]
        wanted += [f"{name}=off" for name in ("lore", "memory") if field(form, name) == "off"]
        wanted += [f"event:{field(form, 'event').strip()}={words}"] if (words := field(form, "words").strip()) else []
        changes = parse(wanted)
        job = await experiments.begin(console.log, operator(OPERATOR), turn, changes)
    except (Rejected, NoSuchChange) as no:
        return problem(request, 409, "Not begun", str(no))
    return go(f"/turns/{turn.turn}/experiments/{job}")


async def fork(request: Request) -> Response:
    """`POST /turns/{key}/fork`: go on in a new chat of the playground from the end of this turn."""
    console = console_of(request)
    turn = await find(console, request.path_params["key"])
    if turn is None:
        return problem(request, 404, "No such turn", "Give a turn's id.")
    end = await console.log.row(ids.terminal(turn.turn))
    at = end.position if end is not None else await console.log.head()
    into = Where(console.snowflakes.next(), None, VENUE)
    try:
        forked = await forking.fork(console.log, operator(OPERATOR), turn.channel, at, into, character=turn.character)
    except Rejected as no:
        return problem(request, 409, "Not forked", str(no))
    return go(f"/chats/{forked.channel}")


async def show(request: Request) -> Response:
    """`GET /turns/{key}/experiments/{experiment}`: both answers side by side; while it runs, that it does."""
    console, job = console_of(request), UUID(str(request.path_params["experiment"]))
    turn = await find(console, request.path_params["key"])
    async with console.log.pool.connection() as connection:
        asked = await jobs.get(connection, job)
    if turn is None or asked is None or asked.name != experiments.NAME:
        return problem(request, 404, "No such experiment", "It is begun on a turn's page.")
    found = await experiments.answers(console.log, job, turn.turn)
    run, shown = found if found is not None else (None, ())
    apart = await experiments.departure(console.log, job, turn.turn)
    context = {"turn": turn, "job": asked, "run": run, "sides": shown, "path": request.url.path, "apart": apart}
    if by_script(request):
        return HTMLResponse(fragment("_experiment.html", **context))
    return page(request, "experiment.html", context, section="Turns")


ROUTES = (
    Route("/turns/{key}/fork", fork, methods=["POST"]),
    Route("/turns/{key}/experiments", begin, methods=["POST"]),
    Route("/turns/{key}/experiments/{experiment:uuid}", show),
)
