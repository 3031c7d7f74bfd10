"""REST for the application's own emojis: list, make, take away."""

import base64
import binascii

from tests.support.discord.core import Core
from tests.support.discord.errors import ApiError, Json, invalid, unknown
from tests.support.discord.routes import Call, Reply, route

MOST, BYTES = 2000, 256 * 1024
PATH = "/applications/{application_id}/emojis"


def _shown(emoji: str, name: str) -> Json:
    return {"id": emoji, "name": name, "roles": [], "require_colons": True, "managed": False, "animated": False, "available": True}


@route("GET", PATH)
async def listing(core: Core, call: Call) -> Reply:
    return Reply({"items": [_shown(emoji, name) for emoji, (name, _) in core.world.emojis.items()]})


@route("POST", PATH)
async def create(core: Core, call: Call) -> Reply:
    name, image = str(call.body.get("name")), str(call.body.get("image"))
    if not 2 <= len(name) <= 32 or not name.replace("_", "").isalnum():
        raise invalid("name", "STRING_TYPE_REGEX", "String value did not match validation regex.")
    if name in {known for known, _ in core.world.emojis.values()}:
        raise invalid("name", "APPLICATION_EMOJI_NAME_ALREADY_TAKEN", "Emoji name already taken.")
    head, _, coded = image.partition(";base64,")
    try:
        content = base64.b64decode(coded, validate=True)
    except binascii.Error:
        raise invalid("image", "BASE_TYPE_REQUIRED", "Invalid image data") from None
    if head not in ("data:image/png", "data:image/jpeg", "data:image/gif") or len(content) > BYTES:
        raise invalid("image", "BINARY_TYPE_MAX_SIZE", "File cannot be larger than 256.0 kb.")
    if len(core.world.emojis) >= MOST:
        raise ApiError(400, 30008, "Maximum number of emojis reached")
    emoji = core.world.ids.new()
    core.world.emojis[emoji] = name, content
    return Reply(_shown(emoji, name), 201)


@route("DELETE", PATH + "/{emoji_id}")
async def remove(core: Core, call: Call) -> Reply:
    if core.world.emojis.pop(call["emoji_id"], None) is None:
        raise unknown("Emoji", 10014)
    return Reply()
