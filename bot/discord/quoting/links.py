"""Which messages a message points to: by links in its text, as a reply, as what it forwards. Pure."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from bot.discord.parts import SNAPSHOTS
from bot.discord.payload import Json, Reader
from engine.events.message import MessageReceived

MOST = 20
"""So many messages are read for one that is answered, whatever points where."""
_LINK = re.compile(r"https?://(?:ptb\.|canary\.)?discord(?:app)?\.com/channels/(@me|\d{1,19})/(\d{1,19})/(\d{1,19})(?!\d)", re.IGNORECASE)
FORWARD = 1


@dataclass(frozen=True, slots=True)
class Pointer:
    """A message, and how it is pointed to. `guild_id` None: in a private talk."""

    how: Literal["link", "reply", "forward"]
    guild_id: int | None
    channel_id: int
    message_id: int


def linked(text: str) -> list[Pointer]:
    """The messages that a text links to, in its order, each once."""
    return list(dict.fromkeys(_links(text)))


def _links(text: str) -> Iterator[Pointer]:
    for found in _LINK.finditer(text) if "/channels/" in text.lower() else ():
        guild, channel, message = (int(part) if part.isdigit() else 0 for part in found.groups())
        if channel and message and max(guild, channel, message) < 1 << 63:
            yield Pointer("link", None if found[1] == "@me" else guild, channel, message)


def origin(payload: Json) -> Pointer | None:
    """Where the message that is forwarded stands, as Discord says; None when it says nothing of that."""
    reader = Reader(payload)
    reference = reader.one("message_reference")
    channel, message = reference.number("channel_id"), reference.number("message_id")
    if reference.number("type") != FORWARD or not channel or not message:
        return None
    return Pointer("forward", reference.number("guild_id"), channel, message)


def of_message(message: MessageReceived, forwarded: Pointer | None, *, reply: bool) -> list[Pointer]:
    """What a message points to; `reply`: what it replies to as well."""
    found = [Pointer("reply", message.guild_id, message.channel_id, message.reply_to)] if reply and message.reply_to is not None else []
    found += [forwarded] if forwarded is not None else []
    return [*found, *(target for text in (message.text, *(forward.text for forward in message.forwards)) for target in linked(text))]


def of_payload(payload: Json, guild_id: int | None) -> list[Pointer]:
    """What a message that was read points to on its part."""
    reader = Reader(payload)
    reference = reader.one("message_reference")
    replied = reference.number("message_id") if (reference.number("type") or 0) == 0 else None
    found = [Pointer("reply", guild_id, reference.number("channel_id") or reader.number("channel_id") or 0, replied)] if replied else []
    texts = [reader.text("content"), *(inner.one("message").text("content") for inner in reader.many("message_snapshots", SNAPSHOTS))]
    return [*found, *(target for text in texts for target in linked(text))]
