"""Speech that was made for replies, to be heard below them."""

from starlette.requests import Request
from starlette.responses import Response

from bot.console.render import problem
from bot.console.state import console_of
from engine import blobs

KEPT_S = 86_400
_TYPES = {b"OggS": "audio/ogg", b"RIFF": "audio/wav"}


async def sound(request: Request) -> Response:
    """`GET /sounds/{address}`: a stored sound by its content's address."""
    console, address = console_of(request), str(request.path_params["address"])
    content = await blobs.get(console.log.pool, console.log.vault, address)
    kind = _TYPES.get(content[:4]) if content is not None else None
    if content is None or kind is None:
        return problem(request, 404, "No such sound", "It was taken away, or its owner was erased.")
    headers = {"cache-control": f"private, max-age={KEPT_S}", "etag": f'"{address}"'}
    return Response(content, media_type=kind, headers=headers)
