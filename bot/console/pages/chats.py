"""Conversations of the playground as a whole: looked through, given a title, deleted and brought back."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from bot.console.addresses import CHAT
from bot.console.pages import conversation
from bot.console.pages.playground import call_off, field
from bot.console.prose import plain
from bot.console.render import go, page, problem
from bot.console.state import OPERATOR, VENUE, Console, console_of
from engine import ids
from engine.actor import operator
from engine.decide.rejected import Rejected
from engine.decide.speaking.chat import ChatCommand, Delete, Restore, Title
from engine.execute import execute
from projections import chats

MOST_CHATS = 500
MOST_LINES = 10_000
"""Lines that one search opens, the latest conversations first; the page says when there were more."""
SHOWN = 5
AROUND = 60
LONGEST_WORDS = 200


@dataclass(frozen=True, slots=True)
class FoundLine:
    """A line with the words in it: what stands before them, they themselves, and what comes after. `before` is the page it stands on."""

    message_id: int
    who: str
    start: str
    words: str
    end: str
    before: int


@dataclass(frozen=True, slots=True)
class FoundChat:
    """A conversation in which something was found: the first lines of it, and how many there are; none when only the title fits."""

    channel: int
    character: UUID
    title: str
    at: datetime
    lines: tuple[FoundLine, ...]
    count: int


def found_in(text: str, words: str) -> tuple[str, str, str] | None:
    """Where words stand in a text, letter case aside, with a little around them; None where they do not. Pure."""
    text = " ".join(text.split())
    folded, starts = _folded(text)
    at = folded.find(words.casefold())
    if at < 0 or not words:
        return None
    first, last = starts[at], starts[at + len(words.casefold()) - 1] + 1
    begin, stop = max(0, first - AROUND), min(len(text), last + AROUND)
    return ("…" if begin else "") + text[begin:first], text[first:last], text[last:stop] + ("…" if stop < len(text) else "")


def _folded(text: str) -> tuple[str, list[int]]:
    """The text without letter case, and for each of its characters the place in the text that it comes from: "ß" folds to two."""
    folded = [character.casefold() for character in text]
    return "".join(folded), [number for number, part in enumerate(folded) for _ in part]


async def search(request: Request) -> HTMLResponse:
    """`GET /chats?q=`: the conversations whose title or lines hold these words, the latest first."""
    console = console_of(request)
    wanted = " ".join(request.query_params.get("q", "").split())[:LONGEST_WORDS]
    found, whole = await _search(console, wanted)
    names = await conversation.names(console)
    return page(request, "chats.html", {"wanted": wanted, "found": found, "whole": whole, "names": names}, section="Playground")


async def _search(console: Console, wanted: str) -> tuple[list[FoundChat], bool]:
    """What was found, and whether everything was looked through."""
    called, left, found = await conversation.names(console), MOST_LINES, list[FoundChat]()
    async with console.log.pool.connection() as connection:
        mine = await chats.chats(connection, console.log.vault, OPERATOR, venue=VENUE, limit=MOST_CHATS + 1)
        for number, chat in enumerate(mine):
            if left <= 0 or number == MOST_CHATS:
                return found, False
            lines = await chats.lines(connection, console.log.vault, chat.channel, limit=left) if wanted else []
            left -= max(len(lines), 1)
            hits = [line for line in (_hit(line, called, wanted) for line in lines) if line is not None]
            if hits or found_in(chat.title, wanted) or not wanted:
                found.append(FoundChat(chat.channel, chat.character, chat.title, chat.at, tuple(hits[-SHOWN:]), len(hits)))
    return found, True


def _hit(line: chats.ChatLine, called: conversation.Names, wanted: str) -> FoundLine | None:
    where = found_in(plain(line.text), wanted)
    who = called.get(line.character, conversation.GONE) if line.character else line.author_name
    return FoundLine(line.message_id, plain(who), *where, line.seen + 1) if where else None


async def title(request: Request) -> Response:
    """`POST /chats/{channel}/title`: list it under `title`; under its first words when that is empty."""
    form = await request.form()
    channel = request.path_params["channel"]
    return await _carry_out(request, Title(channel, field(form, "title")), f"/chats/{channel}")


async def delete(request: Request) -> Response:
    """`POST /chats/{channel}/delete`: take it out of the list, and call off what is being written in it. It can be brought back."""
    console, channel = console_of(request), request.path_params["channel"]
    done = await _carry_out(request, Delete(channel), f"/chats/{channel}")
    await call_off(console, channel)
    return done


async def restore(request: Request) -> Response:
    """`POST /chats/{channel}/restore`: bring a deleted one back."""
    return await _carry_out(request, Restore(request.path_params["channel"]), f"/chats/{request.path_params['channel']}")


async def _carry_out(request: Request, command: ChatCommand, there: str) -> Response:
    console = console_of(request)
    if not await conversation.exists(console, command.channel_id):
        return problem(request, 404, "No such conversation", "It may belong to another installation. Start a new one in the playground.")
    try:
        await execute(console.log, operator(OPERATOR), command, ids.random_id(), see=("chat_marks",))
    except Rejected as rejected:
        return problem(request, 422, "Nothing changed", str(rejected))
    return go(there)


ROUTES = (
    Route("/chats", search),
    Route(f"{CHAT}/title", title, methods=["POST"]),
    Route(f"{CHAT}/delete", delete, methods=["POST"]),
    Route(f"{CHAT}/restore", restore, methods=["POST"]),
)
