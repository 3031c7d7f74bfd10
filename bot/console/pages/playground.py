"""The playground: talking to characters in the browser, by the same events as on Discord."""

from urllib.parse import quote

from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from bot import avatars, editing, requests
from bot.console.filters import number
from bot.console.pages import conversation
from bot.console.render import NAME_COOKIE, author_of, by_script, fragment, go, page, problem
from bot.console.speak import LONGEST, MOST_PICTURES, LineRefused, Said, SpokenLine, begin, cast_of, say
from bot.console.state import OPERATOR, Console, console_of
from engine import seed
from projections.follow import runner
from projections.models import turns
from projections.models.places import forks

MESSAGE_HEADER = "tzurot-message"
"""Tells the page which line what it sent became."""


async def home(request: Request) -> Response:
    """`GET /`: the newest conversation, or the choice of a character."""
    console = console_of(request)
    wanted = request.query_params
    if "new" not in wanted and "character" not in wanted and (listed := await conversation.mine(console)):
        return go(f"/chats/{listed[0].channel}")
    return await _choice(request, chosen=wanted.get("character", ""))


async def _choice(request: Request, *, chosen: str = "", refused: str = "", typed: str = "", status: int = 200) -> HTMLResponse:
    console = console_of(request)
    cast = [one for one in await cast_of(console) if one.listed_for(OPERATOR) or one.slug == chosen]
    if console.models.toy and console.models.missing:
        cast.sort(key=lambda one: one.id != seed.character_id(seed.LOUDEST))
    context = {"cast": cast, "chosen": chosen or (cast[0].slug if cast else ""), "refused": refused, "typed": typed}
    return page(request, "playground.html", await _frame(request, console, None) | context, section="Playground", status=status)


async def _frame(request: Request, console: Console, channel: int | None) -> dict[str, object]:
    return {
        "channel": channel,
        "heading": "New chat",
        "chats": await conversation.mine(console),
        "names": await conversation.names(console),
        "filled": editing.filled,
        "author": author_of(request),
        "longest": LONGEST,
        "quoted": None,
    }


async def start(request: Request) -> Response:
    """`POST /chats`: say the first line to a character."""
    console = console_of(request)
    async with request.form() as form:
        line, character = await _line(form), field(form, "character")
    try:
        said = await begin(console, character, line)
    except LineRefused as error:
        return await _choice(request, chosen=character, refused=str(error), typed=line.text, status=422)
    await shown(console, said)
    return _remembering(go(f"/chats/{said.channel}"), line)


async def post(request: Request) -> Response:
    """`POST /chats/{channel}/messages`: say a line. htmx gets what stands above the composer: nothing, or what is wrong."""
    console, channel = console_of(request), request.path_params["channel"]
    async with request.form() as form:
        line = await _line(form)
    try:
        said = await say(console, channel, line)
    except LineRefused as error:
        if by_script(request):
            return HTMLResponse(fragment("_refused.html", sentence=str(error)), 422)
        return problem(request, 422, "That was not sent", str(error))
    await shown(console, said)
    notice = f"{len(said.turns)} characters answer one message at most; {said.left_out} more were named." if said.left_out else ""
    if by_script(request):
        return HTMLResponse(fragment("_refused.html", sentence=notice), headers={MESSAGE_HEADER: str(said.message_id)})
    return _remembering(go(f"/chats/{channel}"), line)


async def stop(request: Request) -> Response:
    """`POST /chats/{channel}/stop`: call off every answer that is not there yet. What is written of one is thrown away."""
    console, channel = console_of(request), request.path_params["channel"]
    if not await conversation.exists(console, channel):
        return problem(request, 404, "No such conversation", "It may belong to another installation.")
    waiting = await call_off(console, channel)
    many = "1 answer" if waiting == 1 else f"{waiting} answers"
    said = f"Stopped: {many} will not come." if waiting else "Nothing was being written."
    return HTMLResponse(fragment("_refused.html", sentence=said)) if by_script(request) else go(f"/chats/{channel}")


async def call_off(console: Console, channel: int) -> int:
    """Call off the answers of a conversation that are not there yet; how many these were."""
    async with console.log.pool.connection() as connection:
        waiting = await turns.pending_in(connection, channel)
    position = 0
    for turn in waiting:
        position = (await console.log.append(requests.cancelled(turn, "stopped"))).positions[0]
    await runner.wait_for(console.log.pool, ("turns",), position, seconds=2.0)
    console.feed.touch({channel})
    return len(waiting)


async def shown(console: Console, said: Said) -> None:
    """Wait, not for ever, until pages show what was said; and tell those that are open."""
    await runner.wait_for(console.log.pool, ("history", "channels", "turns"), said.position, seconds=2.0)
    console.feed.touch({said.channel})


async def _line(form: FormData) -> SpokenLine:
    sent = [one for one in form.getlist("pictures") if isinstance(one, UploadFile)]
    files = [await one.read(avatars.MOST_BYTES + 1) for one in sent[: MOST_PICTURES + 1]]
    name = " ".join(field(form, "author").split())[:32] or "Friend"
    return SpokenLine(field(form, "text"), name, number(field(form, "reply_to")), tuple(content for content in files if content))


def field(form: FormData, name: str) -> str:
    """A form's text field; empty when it is missing or a file."""
    value = form.get(name, "")
    return value if isinstance(value, str) else ""


def _remembering(response: Response, line: SpokenLine) -> Response:
    response.set_cookie(NAME_COOKIE, quote(line.author_name), max_age=31_536_000, samesite="strict")
    return response


async def chat(request: Request) -> Response:
    """`GET /chats/{channel}`: a conversation; `before` a position for what was said earlier."""
    console, channel = console_of(request), request.path_params["channel"]
    if not await conversation.exists(console, channel):
        return problem(request, 404, "No such conversation", "It may belong to another installation. Start a new one in the playground.")
    mark = await conversation.mark(console, channel)
    if mark.deleted:
        return page(request, "chat_deleted.html", {"channel": channel}, section="Playground", status=410)
    called = await conversation.names(console)
    before = number(request.query_params.get("before", ""))
    views, after = await conversation.lines(console, channel, called, before=before)
    older = await conversation.older_than(console, channel, before)
    host = await conversation.host(console, channel)
    company, others = await conversation.taking_part(console, channel)
    here: dict[str, object] = {
        "heading": host.name,
        "host": host,
        "company": company,
        "others": others,
        "lines": views,
        "after": after,
        "older": older,
        "refused": "",
        "typed": "",
        "title": mark.title,
    }
    async with console.log.pool.connection() as connection:
        here["fork_of"] = await forks.fork_of(connection, channel)
    live = conversation.condensed(await conversation.writing(console, channel, called))
    return page(
        request,
        "playground.html",
        await _frame(request, console, channel) | here | {"live": live},
        section="Playground",
    )
