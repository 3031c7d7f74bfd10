"""In and out: any file dropped and looked at or brought in, what is under way, everything of one's own and conversations as files."""

from typing import Any, get_args
from uuid import UUID

from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from bot import chatlogs, editing, imports, portable
from bot import shapes as shapes_in
from bot.chatlogs import ChatFileForm
from bot.console.pages import playground
from bot.console.pages.editing import ACTOR, key_of
from bot.console.pages.jobs import STATUSES
from bot.console.render import by_script, fragment, go, page, problem, refusing
from bot.console.state import OPERATOR, Console, console_of
from bot.portable import BroughtIn
from engine import ids
from engine.decide.rejected import Rejected
from engine.resources.kinds import CHARACTER
from engine.resources.typed import Wrong
from engine.shapes.senders import HINT, SHOWN
from projections.archive import chats, exports, shapes
from projections.models import jobs
from projections.models.jobs import Job

SECTION = "In and out"
NAMES = {chats.IMPORT: "A chat log", shapes.IMPORT: "A backup of shapes.inc", exports.EXPORT: "Everything of yours"}
ROWS = 20
WHO = "who:"
"""How a field begins that says as whom a sender of a backup is taken; the sender's id follows."""
_MEDIA = {"jsonl": "application/jsonl", "md": "text/markdown", "html": "text/html"}


async def show(request: Request) -> Response:
    """`GET /files`: the form, and what is or was under way; htmx gets the latter only."""
    console = console_of(request)
    found = await _jobs(console)
    standing = await imports.standing(console.log, found)
    under_way: dict[str, Any] = {"jobs": found, "kinds": NAMES, "statuses": STATUSES, "export": exports.EXPORT, "talk": chats.IMPORT}
    under_way |= {"standing": standing, "undo_key": ids.random_id()}
    if by_script(request):
        return HTMLResponse(fragment("_file_jobs.html", **under_way))
    cast = [item for item in await editing.items(console.log, CHARACTER, ACTOR) if item.listed]
    return page(request, "files.html", {"cast": cast, "key": ids.random_id(), "came": None, "found": None, **under_way}, section=SECTION)


async def _jobs(console: Console) -> list[Job]:
    """The operator's imports and exports, the latest first."""
    found = list[Job]()
    async with console.log.pool.connection() as connection:
        for name in NAMES:
            found += [job for job in await jobs.recent(connection, name=name, limit=5 * ROWS) if job.asked_by == OPERATOR]
    return sorted(found, key=lambda job: -job.position)[:ROWS]


async def import_(request: Request) -> Response:
    """`POST /files/import`: what the file holds, with `look`; else it comes in."""
    log = console_of(request).log
    async with request.form() as form:
        file, key, look, who = form.get("file"), key_of(form), playground.field(form, "look"), playground.field(form, "character")
        if not isinstance(file, UploadFile) or not file.filename:
            return problem(request, 422, "That was not done", "Choose a file first.")
        raw, name = await file.read(), file.filename
    try:
        if look:
            found = await portable.look(log, ACTOR, raw, name, key)
            return page(request, "files_found.html", {"found": found, "came": None, "hint": HINT, "shown": SHOWN}, section=SECTION)
        host = await editing.find(log, CHARACTER, ACTOR, who) if who else None
        came = await portable.bring(log, ACTOR, raw, name, key, ids.derived("character", "form", key), host)
    except (Rejected, Wrong) as error:
        return problem(request, 422, "That was not done", str(error))
    return page(request, "files_found.html", {"found": None, "came": came}, section=SECTION)


async def bring_held(request: Request) -> Response:
    """`POST /files/held/{held}`: bring in a backup that was looked at, each of its senders as was said."""
    log = console_of(request).log
    async with request.form() as form:
        said = {name.removeprefix(WHO): text for name, text in form.items() if name.startswith(WHO) and isinstance(text, str)}
    try:
        begun = await shapes_in.bring(log, ACTOR, UUID(str(request.path_params["held"])), said)
    except Wrong as error:
        return problem(request, 422, "That was not done", f"{error} Go back and say it otherwise.")
    came = BroughtIn(f"{begun.item.name} is here.", begun.notes, begun.item, begun.job)
    return page(request, "files_found.html", {"found": None, "came": came}, section=SECTION)


async def take_back(request: Request) -> Response:
    """`POST /files/imports/{job}/undo`: what that import brought in is met no more."""
    console, form = console_of(request), await request.form()
    await imports.take_back_job(console.log, ACTOR, UUID(str(request.path_params["job"])), key_of(form))
    return go("/files")


async def export(request: Request) -> Response:
    """`POST /files/export`: have everything of the operator's written to an archive."""
    await exports.ask(console_of(request).log, exports.EXPORT, ACTOR)
    return go("/files")


async def fetch(request: Request) -> Response:
    """`GET /files/exports/{job}`: the archive, while it is kept."""
    console = console_of(request)
    async with console.log.pool.connection() as connection:
        job = await jobs.get(connection, UUID(str(request.path_params["job"])))
    content = await exports.fetch(console.log, job) if job is not None and job.asked_by == OPERATOR else None
    if content is None:
        return problem(request, 404, "No such archive", "Archives are kept for a day. Have a new one made on the page In and out.")
    return _file(content, exports.file_name(OPERATOR), "application/zip")


async def conversation(request: Request) -> Response:
    """`GET /chats/{channel}/export.{form}`: a conversation as a file that other programs read, or people."""
    channel, form = int(request.path_params["channel"]), str(request.path_params["form"])
    wanted: ChatFileForm | None = next((one for one in get_args(ChatFileForm) if one == form), None)
    if wanted is None:
        return problem(request, 404, "No such kind of file", f"There are: {', '.join(_MEDIA)}.")
    try:
        found = await chatlogs.give(console_of(request).log, ACTOR, channel)
    except Rejected as error:
        return problem(request, 404, "Nothing to write", str(error))
    return _file(chatlogs.written(found, wanted), f"conversation-{channel}.{form}", _MEDIA[form])


def _file(content: bytes, name: str, media: str) -> Response:
    return Response(content, media_type=media, headers={"content-disposition": f'attachment; filename="{name}"'})


ROUTES = (
    Route("/files", show),
    Route("/files/import", import_, methods=["POST"]),
    Route("/files/held/{held:uuid}", refusing(bring_held), methods=["POST"]),
    Route("/files/imports/{job:uuid}/undo", refusing(take_back), methods=["POST"]),
    Route("/files/export", export, methods=["POST"]),
    Route("/files/exports/{job:uuid}", fetch),
    Route("/chats/{channel:int}/export.{form}", conversation),
)
