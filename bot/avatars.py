"""A character's picture: put, taken away, read, and carried in files. What every face does with it; knows no face."""

import asyncio
import base64
import binascii
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any
from uuid import UUID

from bot import editing
from bot.editing import Item
from engine import blobs
from engine.actor import Actor
from engine.blobs import pictures
from engine.blobs.pictures import MOST_BYTES as MOST_BYTES
from engine.blobs.pictures import NotAPicture, Picture
from engine.decide.rejected import Rejected
from engine.events.base import SYSTEM_SUBJECT, user_subject
from engine.execute import Executed
from engine.resources.files import Imported
from engine.resources.kinds import CHARACTER
from engine.store import Log

_DECODERS = ThreadPoolExecutor(2, "pictures")
"""Two at once: decoding takes up to 120 MB each."""


async def put(log: Log, actor: Actor, character: UUID, content: bytes, key: UUID) -> Executed:
    """Make a file's bytes the character's picture, and wait until lists show it. `key` names the command: a repeat changes nothing.

    The bytes are what somebody sent, at most MOST_BYTES. Raises Rejected with a sentence: no picture, too large, not theirs to change.
    """
    item = await _editable(log, actor, character)
    address = await keep(log, item.owner_id, content)
    return await _set(log, actor, character, address, key)


async def clear(log: Log, actor: Actor, character: UUID, key: UUID) -> Executed:
    """Take the character's picture away. Raises Rejected."""
    return await _set(log, actor, (await _editable(log, actor, character)).id, "", key)


async def keep(log: Log, owner_id: int | None, content: bytes) -> str:
    """Store a picture for characters of this owner; returns its address, the value of the field `avatar`. Raises Rejected."""
    try:
        picture = await _prepared(content, pictures.SIDE)
    except NotAPicture as error:
        raise Rejected(str(error)) from None
    return await blobs.put(log.pool, log.vault, picture.content, subject(owner_id))


async def taken(log: Log, owner_id: int | None, read: Imported) -> Imported:
    """An import with its picture stored: the address among its values, or among what is left why there is none."""
    if not read.picture:
        return read
    try:
        address = await keep(log, owner_id, of_text(read.picture))
    except Rejected as error:
        return replace(read, picture="", left=(*read.left, f"avatar: {error}"))
    return replace(read, picture="", values={**read.values, "avatar": address})


async def copied(log: Log, address: str, owner_id: int | None) -> str:
    """The address of the same picture as the property of another owner: erasing the first one leaves it. Empty when it is gone."""
    content = await read(log, address)
    return await blobs.put(log.pool, log.vault, content, subject(owner_id)) if content is not None else ""


async def read(log: Log, address: str) -> bytes | None:
    """A stored picture: PNG or JPEG. None when there is none, or its owner was erased."""
    return await blobs.get(log.pool, log.vault, address) if address else None


async def thumbnail(content: bytes) -> bytes:
    """A stored picture, small."""
    return (await _prepared(content, pictures.SMALL_SIDE)).content


async def file_of(log: Log, tree: Mapping[str, Any]) -> dict[str, Any]:
    """A character's file with the picture itself in place of its address, as a `data:` URL."""
    content = await read(log, str(tree.get("avatar", "")))
    return {**tree, "avatar": pictures.data_url(content) if content is not None else ""}


def of_text(text: str) -> bytes:
    """The picture in a file's field: a `data:` URL, or bare base64 as the predecessor wrote it. Raises Rejected. Pure."""
    head, comma, rest = text.partition(",")
    coded = rest if comma and head.startswith("data:") and head.endswith(";base64") else text
    try:
        return base64.b64decode("".join(coded.split()), validate=True)
    except (binascii.Error, ValueError):
        raise Rejected("it holds no picture") from None


async def _editable(log: Log, actor: Actor, character: UUID) -> Item:
    item = await editing.by_id(log, CHARACTER, actor, character)
    if item is None or not item.editable:
        raise Rejected("There is no such character, or it is not yours to change.")
    return item


async def _set(log: Log, actor: Actor, character: UUID, address: str, key: UUID) -> Executed:
    return await editing.carry_out(log, actor, editing.edition(CHARACTER, character, {"avatar": address}), key)


async def _prepared(content: bytes, side: int) -> Picture:
    return await asyncio.get_running_loop().run_in_executor(_DECODERS, pictures.prepared, content, side)


def subject(owner_id: int | None) -> str:
    """Whose property the files of an owner's characters are."""
    return user_subject(owner_id) if owner_id is not None else SYSTEM_SUBJECT
