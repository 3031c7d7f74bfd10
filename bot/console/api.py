"""The playground for programs: the same actions as JSON. `tzurot smoke` and tests talk through it."""

from dataclasses import asdict
from typing import Any
from uuid import UUID

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from bot.console import speak
from bot.console.filters import number
from bot.console.pages import conversation, playground, turns
from bot.console.speak import LineRefused, Said, SpokenLine
from bot.console.state import console_of
from projections.inspecting import gather
from projections.models import turns as turn_rows


class Saying(BaseModel):
    """Body of a POST. `character` (a slug) opens a new chat and is left out within one."""

    model_config = ConfigDict(extra="forbid")

    text: str
    author: str = Field("Friend", min_length=1, max_length=32)
    character: str | None = None
    reply_to: int | None = None


async def begin(request: Request) -> Response:
    """`POST /api/chats`: a new chat with its first line."""
    return await _said(request, None)


async def say(request: Request) -> Response:
    """`POST /api/chats/{channel}/messages`: a line in a chat."""
    return await _said(request, request.path_params["channel"])


async def _said(request: Request, channel: int | None) -> Response:
    console = console_of(request)
    try:
        body = Saying.model_validate_json(await request.body())
        line = SpokenLine(body.text, body.author, body.reply_to)
        said = await (speak.begin(console, body.character or "", line) if channel is None else speak.say(console, channel, line))
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'body'}: {e['msg']}" for e in error.errors(include_input=False))
        return JSONResponse({"error": problems}, 422)
    except LineRefused as error:
        return JSONResponse({"error": str(error)}, 422)
    await playground.shown(console, said)
    return JSONResponse(_as_json(said), 201)


def _as_json(said: Said) -> dict[str, Any]:
    return {
        "channel": str(said.channel),
        "message_id": str(said.message_id),
        "position": said.position,
        "turns": [str(turn) for turn in said.turns],
    }


async def messages(request: Request) -> Response:
    """`GET /api/chats/{channel}/messages?after=`: lines that became visible after a position, and what is being written."""
    console, channel = console_of(request), request.path_params["channel"]
    called = await conversation.names(console)
    live = await conversation.writing(console, channel, called)
    views, after = await conversation.lines(console, channel, called, after=number(request.query_params.get("after", "")) or 0)
    return JSONResponse(
        {"after": after, "lines": [_view(view) for view in views], "writing": [{"turn": str(w.turn), "text": w.text} for w in live]}
    )


def _view(view: conversation.View) -> dict[str, Any]:
    return {
        "kind": view.kind,
        "message_id": str(view.message_id),
        "who": view.who,
        "text": view.text,
        "at": view.at.isoformat(),
        "turn": str(view.turn) if view.turn else None,
        "reference": view.reference or None,
    }


async def turn(request: Request) -> Response:
    """`GET /api/turns/{turn}`: the events of a turn by name, in order."""
    console = console_of(request)
    wanted: UUID = request.path_params["turn"]
    async with console.log.pool.connection() as connection:
        found = await turn_rows.get(connection, wanted)
    if found is None:
        return JSONResponse({"error": "no such turn"}, 404)
    record = await turns.load(console, found)
    events = [{"position": r.position, "type": r.row.type, "at": r.row.occurred_at.isoformat()} for r in record.events]
    told = {"turn": str(wanted), "status": found.status, "reference": found.reference, "events": events}
    shown = orjson.loads(orjson.dumps(asdict(await gather.of_turn(console.log, found))))
    return JSONResponse(told | {"inspection": shown})
