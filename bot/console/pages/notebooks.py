"""The page of a character's notebooks: what it noted of people for itself, by channel and person, to be added to and struck out."""

from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bot import editing, notebooks, undoing
from bot.console.pages.editing import key_of
from bot.console.pages.playground import field
from bot.console.people import called
from bot.console.render import go, page, refusing
from bot.console.state import OPERATOR, console_of
from bot.editing import Item
from engine import ids
from engine.actor import operator
from engine.decide.craft.notebook import AddNote, NotebookCommand, StrikeNote
from engine.decide.rejected import Rejected
from engine.execute import execute
from engine.outside import numbers
from engine.resources.kinds import CHARACTER

ACTOR = operator(OPERATOR)
BASE = "/characters/{id:uuid}/notebooks"


def routes() -> list[Route]:
    """Every address."""
    return [Route(BASE, refusing(_listed)), Route(f"{BASE}/{{what:str}}", refusing(_act), methods=["POST"])]


async def _listed(request: Request) -> Response:
    """`GET /characters/{id}/notebooks`."""
    console, item = console_of(request), await _item(request)
    found = await notebooks.every(console.log, item.id)
    names = await called(console, {one.user for one in found}, places=[one.channel for one in found])
    context = {
        "item": item,
        "base": f"/characters/{item.id}/notebooks",
        "notebooks": found,
        "called": names,
        "key": ids.random_id(),
        "changed": numbers.whole(request.query_params.get("changed", "")),
    }
    return page(request, "notebooks.html", context, section="Characters")


async def _act(request: Request) -> Response:
    """Add a note, strike one out, or take the last change back."""
    console, form, item = console_of(request), await request.form(), await _item(request)
    what, back = str(request.path_params["what"]), f"/characters/{item.id}/notebooks"
    if what == "undo":
        await undoing.take_back(console.log, ACTOR, await undoing.of(console.log, field(form, "of")))
        return go(back)
    channel, user = numbers.whole(field(form, "channel")), numbers.whole(field(form, "person"))
    if channel is None or user is None:
        raise Rejected("Say by their ids which channel and which person it is about.")
    one = await notebooks.of(console.log, item.id, channel, user)
    done = await execute(console.log, ACTOR, _command(what, (item.id, channel, user, one.guild), field(form, "note")), key_of(form))
    return go(f"{back}?changed={done.positions[0]}")


def _command(what: str, where: tuple[UUID, int, int, int | None], note: str) -> NotebookCommand:
    if what == "add":
        return AddNote(*where, note)
    if what == "strike" and (number := numbers.whole(note)) is not None:
        return StrikeNote(*where, number)
    raise Rejected("There is no such thing to do with a notebook.")


async def _item(request: Request) -> Item:
    found = await editing.by_id(console_of(request).log, CHARACTER, ACTOR, request.path_params["id"])
    if found is None:
        raise Rejected("There is no such character. It may have been deleted.")
    return found
