"""A turn run again with another model or preset, beside what was answered: the first difference is marked, nothing is said anywhere."""

from dataclasses import dataclass
from uuid import UUID

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from bot import forking
from bot.console.pages.playground import field
from bot.console.pages.turns import find
from bot.console.render import by_script, fragment, go, page, problem
from bot.console.state import OPERATOR, VENUE, console_of
from engine import ids
from engine.actor import operator
from engine.decide.channel import Where
from engine.decide.job import Ask, job_id
from engine.decide.rejected import Rejected
from engine.events.experiment import ExperimentRun
from engine.events.turn import TurnCompleted
from engine.execute import execute
from projections.models import jobs

NAME = "experiment"
LONGEST = 200
"""Characters of a model's id."""


@dataclass(frozen=True, slots=True)
class Side:
    """One answer, cut where it begins to differ from the other one."""

    title: str
    same: str
    other: str


def sides(titles: tuple[str, str], texts: tuple[str, str]) -> tuple[Side, Side]:
    """Two answers with what both begin with apart from the rest. Pure."""
    left, right = texts
    same = next((at for at, (one, other) in enumerate(zip(left, right, strict=False)) if one != other), min(len(left), len(right)))
    return Side(titles[0], left[:same], left[same:]), Side(titles[1], right[:same], right[same:])


async def begin(request: Request) -> Response:
    """`POST /turns/{key}/experiments`: have the turn's last prompt answered by a model, or with a preset."""
    console, form = console_of(request), await request.form()
    turn = await find(console, request.path_params["key"])
    if turn is None:
        return problem(request, 404, "No such turn", "Give a turn's id.")
    model, preset = " ".join(field(form, "model").split())[:LONGEST], _uuid(field(form, "preset"))
    about = f"{turn.turn}:{ids.derived('experiment', model, preset)}"
    command = Ask(job_id(NAME, about), NAME, about, {"turn": str(turn.turn), "model": model, "preset": str(preset or "")})
    try:
        await execute(console.log, operator(OPERATOR), command, ids.random_id(), see=("jobs",))
    except Rejected as no:
        return problem(request, 409, "Not begun", str(no))
    return go(f"/turns/{turn.turn}/experiments/{command.job}")


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
    recorded = await console.log.find(ids.derived("experiment run", job))
    async with console.log.pool.connection() as connection:
        asked = await jobs.get(connection, job)
    if turn is None or asked is None or asked.name != NAME:
        return problem(request, 404, "No such experiment", "It is begun on a turn's page.")
    end = await console.log.find(ids.terminal(turn.turn))
    said = end.event.text if end is not None and isinstance(end.event, TurnCompleted) else ""
    run = recorded.event if recorded is not None and isinstance(recorded.event, ExperimentRun) else None
    shown = sides((f"Answered by {turn.model}", f"By {run.model}, as an experiment"), (said, run.text)) if run is not None else ()
    context = {"turn": turn, "job": asked, "run": run, "sides": shown, "path": request.url.path}
    if by_script(request):
        return HTMLResponse(fragment("_experiment.html", **context))
    return page(request, "experiment.html", context, section="Turns")


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


ROUTES = (
    Route("/turns/{key}/fork", fork, methods=["POST"]),
    Route("/turns/{key}/experiments", begin, methods=["POST"]),
    Route("/turns/{key}/experiments/{experiment:uuid}", show),
)
