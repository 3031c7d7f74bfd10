"""The characters: a gallery, and their faces and pictures. Forms and single pages are in `editing`."""

from uuid import UUID

from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from bot import avatars, editing
from bot.console import shapes, speak
from bot.console.pages import playground
from bot.console.pages.editing import ACTOR, changed, deleted_id, key_of
from bot.console.render import page, problem
from bot.console.state import OPERATOR, Console, console_of
from engine import ids
from engine.blobs import pictures
from engine.decide.rejected import Rejected
from engine.resources.kinds import CHARACTER

SMALL = "small"
KEPT_S = 60
"""How long a browser may show a stored picture without asking again: the picture of an erased person is gone everywhere by then."""


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
    """`GET /avatars/{character}.svg`: a face of plain shapes. Never changes."""
    character: UUID = request.path_params["character"]
    headers = {"cache-control": "private, max-age=31536000, immutable"}
    return Response(shapes.face(character), media_type="image/svg+xml", headers=headers)


async def avatar(request: Request) -> Response:
    """`GET /avatars/{character}`: leads to the character's picture, small, or to its face of shapes."""
    character: UUID = request.path_params["character"]
    console = console_of(request)
    await console.characters.refresh()
    found = console.characters.get(character)
    stored = found.sheet.avatar if found is not None else ""
    path = f"/pictures/{stored}/{SMALL}" if stored else f"/avatars/{character}.svg"
    return RedirectResponse(path, 302, {"cache-control": "private, max-age=5"})


async def picture(request: Request) -> Response:
    """`GET /pictures/{address}`, `GET /pictures/{address}/small`: a stored picture by its content's address. The address is its ETag."""
    address, form = str(request.path_params["address"]), str(request.path_params.get("form", ""))
    content = await _stored(console_of(request), address)
    if content is None or form not in ("", SMALL):
        return problem(request, 404, "No such picture", "It was taken away, or its owner was erased.")
    tag = f'"{address}{form}"'
    headers = {"cache-control": f"private, max-age={KEPT_S}", "etag": tag}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    content = await avatars.thumbnail(content) if form == SMALL else content
    return Response(content, media_type=pictures.media_type(content), headers=headers)


async def _stored(console: Console, address: str) -> bytes | None:
    content = await avatars.read(console.log, address)
    return content if content is not None and pictures.media_type(content) is not None else None


async def put_picture(request: Request) -> Response:
    """`POST /characters/{id}/avatar`: the file chosen is its picture from now on; with `remove` it has none."""
    console, character = console_of(request), request.path_params["id"]
    async with request.form() as form:
        file, key = form.get("file"), key_of(form)
        remove = bool(playground.field(form, "remove"))
        content = await file.read(avatars.MOST_BYTES + 1) if isinstance(file, UploadFile) else b""
    if remove:
        await avatars.clear(console.log, ACTOR, character, key)
    elif not content:
        raise Rejected("Choose a picture first.")
    else:
        await avatars.put(console.log, ACTOR, character, content, key)
    return changed(CHARACTER, character, key)
