"""All addresses of the console, and the application that answers them."""

from collections.abc import Mapping
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from bot.console import api, metrics, stream
from bot.console.addresses import CHAT
from bot.console.door import Door
from bot.console.guard import Guard, Guarded
from bot.console.pages import (
    cast,
    characters,
    chats,
    connect,
    editing,
    experiments,
    files,
    health,
    jobs,
    live,
    login,
    lore,
    memory,
    notebooks,
    operate,
    past,
    places,
    playground,
    prompts,
    reactions,
    releases,
    replies,
    scripts,
    sounds,
    timeline,
    turn_list,
    turns,
    usage,
    why,
)
from bot.console.render import HERE, problem, refusing
from bot.console.state import Console
from engine import log
from engine.bus.consumer import TRANSIENT
from engine.resources.kinds import CHARACTER, PRESET
from engine.resources.places.kinds import PERSONA
from engine.store.room import NO_ROOM

_log = log.get("console")


async def _icon(_: Request) -> Response:
    return FileResponse(HERE / "static" / "mark.svg", media_type="image/svg+xml")


ROUTES = (
    Route("/", playground.home),
    Route("/chats", playground.start, methods=["POST"]),
    Route(CHAT, playground.chat),
    Route(f"{CHAT}/messages", playground.post, methods=["POST"]),
    Route(f"{CHAT}/stop", playground.stop, methods=["POST"]),
    Route(f"{CHAT}/stream", stream.chat),
    *cast.ROUTES,
    *chats.ROUTES,
    *experiments.ROUTES,
    *files.ROUTES,
    *reactions.ROUTES,
    *replies.ROUTES,
    Route("/characters", characters.gallery),
    *editing.routes(CHARACTER),
    Route("/presets", editing.presets_list),
    *editing.routes(PRESET),
    Route("/personas", editing.personas_list),
    *editing.routes(PERSONA),
    Route("/characters/{id:uuid}/avatar", refusing(characters.put_picture), methods=["POST"]),
    Route("/avatars/{character:uuid}.svg", characters.face),
    Route("/avatars/{character:uuid}", characters.avatar),
    Route("/pictures/{address}", characters.picture),
    Route("/sounds/{address}", sounds.sound),
    Route("/pictures/{address}/{form}", characters.picture),
    *lore.routes(),
    *scripts.routes(),
    *notebooks.routes(),
    Route("/live", live.show),
    Route("/live/stream", live.follow),
    Route("/timeline", timeline.show),
    Route("/timeline/stream", timeline.live),
    Route("/events/{key}", timeline.event),
    Route("/turns", turn_list.show),
    Route("/turns/{key}", turns.inspect),
    Route("/turns/{key}/prompt", prompts.show),
    Route("/jobs", jobs.show),
    Route("/jobs/stream", jobs.live),
    Route("/jobs/{job:uuid}/cancel", jobs.cancel, methods=["POST"]),
    Route("/jobs/{job:uuid}/retry", jobs.retry, methods=["POST"]),
    Route("/memory", memory.show),
    Route("/memory", memory.remember, methods=["POST"]),
    Route("/memory/purge", memory.purge, methods=["POST"]),
    Route("/memory/lock", memory.lock_all, methods=["POST"]),
    Route("/memory/undo", memory.undo, methods=["POST"]),
    Route("/memory/rebuild", memory.rebuild, methods=["POST"]),
    Route("/memory/dreams/{dream:uuid}/undo", memory.undo_dream, methods=["POST"]),
    Route("/memory/{memory:uuid}", memory.inspect),
    Route("/memory/{memory:uuid}/{what}", memory.change, methods=["POST"]),
    Route("/connect", connect.show),
    Route("/connect", connect.send, methods=["POST"]),
    Route("/connect/nearby", connect.nearby),
    Route("/connect/off", connect.disconnect, methods=["POST"]),
    Route("/connect/{job:uuid}", connect.outcome),
    Route("/conversations", operate.conversations),
    *places.routes(),
    Route("/projections", operate.read_models),
    Route("/projections/{what}", operate.start, methods=["POST"]),
    Route("/past", past.show),
    Route("/dead-letters", operate.dead_letters),
    Route("/dead-letters/{id:uuid}/{what}", operate.settle, methods=["POST"]),
    Route("/models", operate.models),
    Route("/settings", operate.settings),
    Route("/why", why.show),
    Route("/usage", usage.show),
    Route("/health", health.show),
    Route("/hooks/release", releases.heard, methods=["POST"]),
    Route("/healthz", health.healthz),
    Route("/readyz", health.readyz),
    Route("/metrics", metrics.show),
    Route("/login", login.show),
    Route("/login", login.enter, methods=["POST"]),
    Route("/logout", login.leave, methods=["POST"]),
    Route("/api/chats", api.begin, methods=["POST"]),
    Route(f"/api{CHAT}/messages", api.messages),
    Route(f"/api{CHAT}/messages", api.say, methods=["POST"]),
    Route("/api/turns/{turn:uuid}", api.turn),
    Route("/favicon.ico", _icon),
    Mount("/static", StaticFiles(directory=HERE / "static")),
)


def build(console: Console) -> ASGIApp:
    """The console as an application, its guard before it."""
    app = Starlette(routes=ROUTES, exception_handlers=_HANDLERS)
    app.state.console = console
    app.state.door = door = Door(console.signer) if console.signer else None
    return Guarded(app, Guard(console.signer, console.settings.public_url), door, console.ended)


async def _away(request: Request, error: Exception) -> Response:
    _log.warning("a page could not be made", path=request.url.path, error=type(error).__name__)
    sentence = "The database does not answer right now. Nothing is lost; try again in a moment."
    return _said(request, 503, "One moment", sentence)


async def _full(request: Request, _: Exception) -> Response:
    _log.warning("no room on the disk of the database", path=request.url.path)
    sentence = "There is no room on the disk of the database, so nothing was stored. Free some, then do it again."
    return _said(request, 503, "No room on the disk", sentence)


async def _late(_: Request, __: Exception) -> Response:
    return Response("The request did not arrive whole.\n", 408, {"connection": "close"})


async def _missing(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 404
    return _said(request, status, "Nothing here", "There is no such page.")


async def _broken(request: Request, _: Exception) -> Response:
    return _said(request, 500, "That went wrong", "The page failed on our side. The log of the console names the place.")


def _said(request: Request, status: int, heading: str, sentence: str) -> Response:
    if request.url.path.startswith("/api/"):
        return JSONResponse({"error": sentence}, status)
    return problem(request, status, heading, sentence)


_HANDLERS: Mapping[Any, Any] = {
    HTTPException: _missing,
    ClientDisconnect: _late,
    Exception: _broken,
    **dict.fromkeys(TRANSIENT, _away),
    **dict.fromkeys(NO_ROOM, _full),
}
