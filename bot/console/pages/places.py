"""Pages of a channel and of a server: who answers there and why, what is set and by which tier, who is denied, what was refused lately.

Everything is changed by the commands of the other faces.
"""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bot import editing, explain, sheets, undoing
from bot.console import addresses
from bot.console.pages.editing import Draft, key_of
from bot.console.pages.playground import field
from bot.console.people import called
from bot.console.render import Handler, go, page, refusing
from bot.console.state import OPERATOR, Console, console_of
from bot.editing import Item
from bot.why import CHANGE
from engine import ids
from engine.actor import operator
from engine.decide.channel import Activate, Deactivate, Where
from engine.decide.command import Command
from engine.decide.gate import REASONS
from engine.decide.places.serving import AllowServer, DenyServer
from engine.decide.rejected import Rejected
from engine.decide.speaking.denial import Allow, Deny
from engine.events.access import Mode, Scope
from engine.events.base import Tags
from engine.events.message import Gate, MessageDeclined
from engine.execute import execute
from engine.outside import numbers
from engine.resources.field import FieldSpec, pages
from engine.resources.kinds import CHANNEL, CHARACTER, Kind, typed
from engine.resources.places.kinds import SERVER
from engine.resources.typed import Wrong, show
from engine.store import Query, Recorded
from projections import tail
from projections.models import access, channels
from projections.models.places import servers

ACTOR = operator(OPERATOR)
REFUSALS = 20
"""Of what was not answered lately, so much is shown."""
DENIALS = 1_000
_SEEN = ("channels", "servers", "access")


def routes() -> list[Route]:
    """Every address."""
    return [
        Route(addresses.CHANNEL, refusing(channel)),
        Route(addresses.SERVER, refusing(server)),
        Route(addresses.CHANNEL + "/edit", refusing(_saving(CHANNEL)), methods=["POST"]),
        Route(addresses.SERVER + "/edit", refusing(_saving(SERVER)), methods=["POST"]),
        Route(addresses.CHANNEL + "/{what:str}", refusing(_acting(CHANNEL)), methods=["POST"]),
        Route(addresses.SERVER + "/{what:str}", refusing(_acting(SERVER)), methods=["POST"]),
    ]


async def channel(request: Request, draft: Draft | None = None, status: int = 200) -> Response:
    """`GET /channels/{number}`."""
    console, number = console_of(request), int(request.path_params["number"])
    where = await _where(console, number)
    found = await explain.look(console.log, number, guild_id=where.guild_id)
    item = await sheets.channel_item(console.log, ACTOR, where)
    cast = await editing.items(console.log, CHARACTER, ACTOR)
    context = {
        "explanation": [line.removeprefix("-# ") for line in explain.lines(found)[:-1]],  # the last one says what the form shows
        "active": found.active,
        "others": [one for one in cast if one.id not in {active.id for active in found.active}],
        "guild": where.guild_id,
        "tier": _tier(found.sheet_from is not None, "channel"),
        "verdict": None,
    }
    return await _shown(request, item, context, draft, status)


async def server(request: Request, draft: Draft | None = None, status: int = 200) -> Response:
    """`GET /servers/{number}`."""
    console, number = console_of(request), int(request.path_params["number"])
    item = await sheets.server_item(console.log, ACTOR, number)
    async with console.log.pool.connection() as connection:
        held = await servers.server(connection, number)
        lacks = await servers.lacking(connection)
        heard = [one.channel for one in await channels.seen(connection, venue="discord") if one.guild == number]
    context: dict[str, Any] = {"active": [], "others": [], "guild": None, "tier": _tier(held.edited, "server")}
    context["explanation"] = [explain.without(one.channel_id, one.permission) for one in lacks if one.guild_id == number]
    return await _shown(request, item, context | {"verdict": held.verdict or "", "channels": heard}, draft, status)


def _tier(is_set: bool, name: str) -> str:
    return f"{name}: set here, for everybody here" if is_set else "baseline: as it comes, nothing is set here"


async def _where(console: Console, number: int) -> Where:
    async with console.log.pool.connection() as connection:
        return await channels.where(connection, number) or Where(number, None, "discord")


async def _shown(request: Request, item: Item, context: dict[str, Any], draft: Draft | None, status: int) -> Response:
    console, number = console_of(request), item.id.int
    scope = "guild" if item.kind is SERVER else "channel"
    async with console.log.pool.connection() as connection:
        found = await access.denials(connection, console.log.vault, limit=DENIALS)
    denied = [one for one in found if (one.scope, one.target) == (scope, str(number))]
    refused = await _refused(console, Tags(guild=number) if scope == "guild" else Tags(channel=number))
    people = {one.user_id for one in denied} | {event.author_id for _, event, _ in refused}
    context |= {
        "item": item,
        "number": number,
        "base": f"/{item.kind.name}s/{number}",
        "pages": _fields(item.kind),
        "draft": draft or Draft({spec.key: show(spec, item.values[spec.key]) for spec in item.kind.fields}),
        "denied": denied,
        "refused": refused,
        "called": await called(console, people, places=[number, *context.get("channels", ()), *filter(None, [context.get("guild")])]),
        "presets": {},
        "key": ids.random_id(),
        "changed": _id(request.query_params.get("changed", "")),
    }
    return page(request, "place.html", {"channels": [], **context}, section="Conversations", status=status)


def _fields(kind: Kind[Any]) -> dict[str, Sequence[FieldSpec]]:
    return dict(pages(kind.sheet))


async def _refused(console: Console, where: Tags) -> list[tuple[Recorded[Any], MessageDeclined, list[str]]]:
    """What was not answered there lately, the latest first, each with the reasons in sentences."""
    newest = await tail.newest(console.log, Query(types=frozenset({MessageDeclined.TYPE}), tags=where), REFUSALS)
    rows = reversed(await console.log.at([row.position for row in newest]))
    return [(row, row.event, [_sentence(one.gate) for one in row.event.declined]) for row in rows if isinstance(row.event, MessageDeclined)]


def _sentence(gate: Gate) -> str:
    return f"{REASONS.get(gate, gate)} {CHANGE.get(gate, '')}".strip()


def _id(text: str) -> str:
    try:
        return str(UUID(text))
    except ValueError:
        return ""


def _saving(kind: Kind[Any]) -> Handler:
    async def save(request: Request) -> Response:
        console, form, number = console_of(request), await request.form(), int(request.path_params["number"])
        if kind is SERVER:
            item = await sheets.server_item(console.log, ACTOR, number)
        else:
            item = await sheets.channel_item(console.log, ACTOR, await _where(console, number))
        texts = {spec.key: [one for one in form.getlist(spec.key) if isinstance(one, str)] for spec in kind.fields}
        given = {name: found[-1].replace("\r\n", "\n") for name, found in texts.items() if found}
        values, wrong = typed(kind, item.values, given)
        if wrong := {name: sentence for name, sentence in wrong.items() if name in given}:
            full = {spec.key: given.get(spec.key, show(spec, item.values[spec.key])) for spec in kind.fields}
            return await (server if kind is SERVER else channel)(request, Draft(full, wrong), 422)
        key, new = key_of(form), editing.changes(item.values, values)
        if new:
            await sheets.carry_out(console.log, ACTOR, kind, editing.change(item, new), key)
        return go(f"/{kind.name}s/{number}" + (f"?changed={key}" if new else ""))

    return save


def _acting(kind: Kind[Any]) -> Handler:
    async def act(request: Request) -> Response:
        """Activate or deactivate a character, deny or allow a person, serve a server or not, take the last change back."""
        console, form = console_of(request), await request.form()
        number, what = int(request.path_params["number"]), str(request.path_params["what"])
        if what == "undo":
            if not (of := _id(field(form, "of"))):
                raise Rejected("There is nothing to take back.")
            await undoing.take_back(console.log, ACTOR, UUID(of))
        else:
            await execute(console.log, ACTOR, await _command(console, kind, number, what, form), key_of(form), see=_SEEN)
        return go(f"/{kind.name}s/{number}")

    return act


async def _command(console: Console, kind: Kind[Any], number: int, what: str, form: FormData) -> Command:
    """Raises Rejected for what there is no command for."""
    scope: Scope = "guild" if kind is SERVER else "channel"
    match kind.name, what:
        case "channel", "activate" | "deactivate":
            character = await editing.find(console.log, CHARACTER, ACTOR, field(form, "character"))
            make = Activate if what == "activate" else Deactivate
            return make(await _where(console, number), character.id)
        case _, "deny":
            mode: Mode = "mute" if field(form, "mode") == "mute" else "block"
            return Deny(_person(form), scope, str(number), mode=mode, reason=field(form, "reason"))
        case _, "allow":
            return Allow(_person(form), scope, str(number))
        case "server", "refuse":
            return DenyServer(number, field(form, "reason"))
        case "server", "serve":
            return AllowServer(number)
    raise Rejected("There is no such thing to do here.")


def _person(form: FormData) -> int:
    text = field(form, "person").strip()
    if not numbers.is_id(text):
        raise Wrong("A person is named by their id, a number: in Discord's developer mode, Copy User ID.")
    return int(text)


__all__ = ["channel", "routes", "server"]
