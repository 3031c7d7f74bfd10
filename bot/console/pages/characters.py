"""The characters: a gallery, and their faces. Forms and single pages are in `editing`."""

from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response

from bot import editing
from bot.console import shapes, speak
from bot.console.pages.editing import ACTOR, deleted_id
from bot.console.render import page
from bot.console.state import OPERATOR, console_of
from engine import ids
from engine.resources.kinds import CHARACTER


async def gallery(request: Request) -> Response:
    """`GET /characters`: own ones and samples first, then those of people on Discord, which only they and their like may talk to."""
    console = console_of(request)
    usable = [character.id for character in await speak.cast_of(console)]
    order = {id_: place for place, id_ in enumerate(usable)}
    found = await editing.items(console.log, CHARACTER, ACTOR)
    cast = sorted(found, key=lambda item: order.get(item.id, len(order)))
    context = {"cast": cast, "usable": set(usable), "operator": OPERATOR, "gone": deleted_id(request), "key": ids.random_id()}
    return page(request, "characters.html", context | {"filled": editing.filled}, section="Characters")


async def face(request: Request) -> Response:
    """`GET /avatars/{character}.svg`: never changes."""
    character: UUID = request.path_params["character"]
    headers = {"cache-control": "private, max-age=31536000, immutable"}
    return Response(shapes.face(character), media_type="image/svg+xml", headers=headers)
