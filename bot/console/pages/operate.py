"""Pages for whoever runs it: read models, dead letters, models, settings, conversations."""

from dataclasses import dataclass
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response

from bot.console.pages.past import short
from bot.console.pages.playground import field
from bot.console.people import called
from bot.console.render import go, page, problem
from bot.console.state import OPERATOR, console_of
from engine import ids
from engine.actor import operator
from engine.bus import deadletters
from engine.bus.deadletters import CannotRetry
from engine.config import Settings
from engine.decide.job import Ask, job_id
from engine.execute import execute
from projections import said
from projections.follow import aside, runner
from projections.models import channels, provider_models
from projections.registry import ALL


async def read_models(request: Request) -> Response:
    """`GET /projections`: version, position, lag and state of every read model, and what was put aside."""
    console = console_of(request)
    async with console.log.pool.connection() as connection:
        progress, kept = await runner.progress(connection), await aside.kept(connection)
    context = {"progress": progress, "head": await console.log.head(), "kept": kept}
    return page(request, "projections.html", context, section="Read models")


async def start(request: Request) -> Response:
    """`POST /projections/{what}`: have a worker rebuild one read model, or verify all. The page Jobs shows how far it is."""
    console, form = console_of(request), await request.form()
    what, name = str(request.path_params["what"]), field(form, "name")
    if what not in {"rebuild", "verify"} or (what == "rebuild" and name not in {projection.name for projection in ALL}):
        return problem(request, 404, "No such read model", "The list names those there are.")
    about = f"{name}:{ids.random_id()}" if what == "rebuild" else str(ids.random_id())
    job = job_id(what, about)
    await execute(console.log, operator(OPERATOR), Ask(job, what, about, {"name": name} if name else {}), job, see=("jobs",))
    return go("/jobs")


async def dead_letters(request: Request) -> Response:
    """`GET /dead-letters`: deliveries that no handler could digest."""
    letters = await deadletters.waiting(console_of(request).log)
    return page(request, "dead_letters.html", {"letters": letters}, section="Dead letters")


async def settle(request: Request) -> Response:
    """`POST /dead-letters/{id}/{what}`: send one again, or discard it."""
    console, wanted, what = console_of(request), UUID(str(request.path_params["id"])), request.path_params["what"]
    letter = next((one for one in await deadletters.waiting(console.log) if one.id == wanted), None)
    if letter is None or what not in {"retry", "discard"}:
        return problem(request, 404, "No such dead letter", "It was sent again or discarded already.")
    try:
        if what == "discard":
            await deadletters.discard(console.log, letter)
        elif console.settings.nats_url is not None:
            await deadletters.retry(console.log, console.settings.nats_url, letter)
    except CannotRetry as no:
        return problem(request, 409, "Not sent again", f"{no}.")
    return go("/dead-letters")


async def models(request: Request) -> Response:
    """`GET /models?search=`: the provider's catalogue, with what is known of each model."""
    console, search = console_of(request), request.query_params.get("search", "").strip()[:100]
    async with console.log.pool.connection() as connection:
        offers = await provider_models.browse(connection, search, limit=100)
        fetched = await provider_models.fetched(connection)
    context = {"offers": offers, "fetched": fetched, "search": search}
    return page(request, "models.html", context, section="Models")


@dataclass(frozen=True, slots=True)
class ShownSetting:
    """A setting as it holds in this process; secrets only say whether they are set. `tier`: default or environment."""

    name: str
    value: str
    tier: str
    help: str


def shown_settings(settings: Settings) -> list[ShownSetting]:
    """Every setting of the deployment, without any secret's value. Pure."""
    found = []
    for name, described in Settings.model_fields.items():
        value, given = getattr(settings, name), name in settings.model_fields_set
        secret = "Secret" in str(described.annotation) or name in {"database_url", "database_read_url", "nats_url"}
        secret = secret or any(mark in str(value) for mark in "@?")  # an address may carry a password
        text = ("set" if value else "not set here") if secret else short(value if value not in (None, ()) else "not set")
        found.append(ShownSetting(name.upper(), text, "environment" if given else "default", described.description or ""))
    return found


async def settings(request: Request) -> Response:
    """`GET /settings`: what holds for the deployment, and which tier said it."""
    console = console_of(request)
    context = {"settings": shown_settings(console.settings), "connected": console.models.connected}
    return page(request, "settings.html", context, section="Settings")


async def conversations(request: Request) -> Response:
    """`GET /conversations`: every channel anything was heard in, the latest first."""
    console = console_of(request)
    async with console.log.pool.connection() as connection:
        seen = [one for venue in ("discord", "playground") for one in await channels.seen(connection, venue=venue)]
        newest = sorted(seen, key=lambda one: -one.position)[:200]
        words = await said.of_messages(connection, console.log.vault, [one.last_message for one in newest])
    names = await called(console, places=[place for one in newest for place in (one.channel, one.guild) if place])
    return page(request, "conversations.html", {"seen": newest, "words": words, "called": names}, section="Conversations")
