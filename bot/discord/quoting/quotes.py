"""Reads the messages that a message points to, breadth first, as far as whoever points there may read them (A8).

The bot's own permission is never enough: each place is asked for with that of the person, and what cannot be found out is a no.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from bot.delivery.around import stripped
from bot.discord import parts
from bot.discord.payload import Json, Reader
from bot.discord.quoting.links import MOST, Pointer, of_message, of_payload
from bot.discord.quoting.rights import PRIVATE_THREAD, may_read
from bot.discord.rest import Busy, Refused, Rest, Unsure
from engine.events.message import MessageQuoted, MessageReceived
from engine.store import Log
from projections.models import history

PATIENCE_S = 4.0
"""An answer waits no longer for what its message points to; what was read by then counts."""
THREADS = (10, 11, 12)


@dataclass(slots=True)
class Quotes:
    """Reads what messages point to."""

    log: Log
    rest: Rest

    async def of(self, message: MessageReceived, forwarded: Pointer | None, *, reply: bool, adult: bool) -> list[MessageQuoted]:
        """What was read, in the order of its steps away; `reply`: what it replies to is not known here either. Never raises for Discord."""
        roots = of_message(message, forwarded, reply=reply)
        if not roots or message.author_kind != "human":
            return []
        reading = _Reading(self, message, adult)
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE_S):
                await reading.run(roots)
        return await reading.events()


@dataclass(slots=True)
class _Reading:
    """One message's. What Discord says of a server, channel or member is asked for once."""

    quotes: Quotes
    message: MessageReceived
    adult: bool
    known: dict[str, Json | None] = field(default_factory=dict)
    found: list[tuple[Pointer, int, Json, str]] = field(default_factory=list)

    async def run(self, roots: Sequence[Pointer]) -> None:
        """Breadth first, at most MOST, each message once."""
        waiting = deque((target, 0) for target in roots)
        met = {self.message.message_id}
        while waiting and len(met) <= MOST:
            target, depth = waiting.popleft()
            if target.message_id in met:
                continue
            met.add(target.message_id)
            if (place := await self._readable(target)) is None:
                continue
            payload = await self._get(f"/channels/{target.channel_id}/messages/{target.message_id}")
            if payload is not None:
                self.found.append((target, depth, payload, place))
                waiting.extend((further, depth + 1) for further in of_payload(payload, target.guild_id))

    async def _readable(self, target: Pointer) -> str | None:
        """The name of the place, for one that the person may read; None for every other."""
        message = self.message
        if target.channel_id == message.channel_id:
            return ""  # where the person speaks, and Discord shows it to them
        if target.guild_id is None:
            return None
        channel = await self._get(f"/channels/{target.channel_id}")
        if channel is None or channel.get("type") == PRIVATE_THREAD:
            return None
        home = await self._get(f"/channels/{channel.get('parent_id')}") if channel.get("type") in THREADS else channel
        guild = await self._get(f"/guilds/{target.guild_id}")
        member = await self._get(f"/guilds/{target.guild_id}/members/{message.author_id}")
        if home is None or guild is None or member is None or not may_read(guild, home, member):
            return None
        if home.get("nsfw") and not self.adult:
            return None
        return Reader(channel).text("name")

    async def _get(self, path: str) -> Json | None:
        if path not in self.known:
            self.known[path] = None
            with suppress(Refused, Unsure, Busy):
                answer: Any = await self.quotes.rest.call("GET", path)
                self.known[path] = answer if isinstance(answer, dict) else None
        return self.known[path]

    async def events(self) -> list[MessageQuoted]:
        """What was read as events; nothing that somebody said who was erased since, or that repeats their words."""
        if not self.found:
            return []
        log = self.quotes.log
        async with log.pool.connection() as connection:
            answers = await history.answered_by(connection, [target.message_id for target, _, _, _ in self.found])
        events = [self._event(number, *one, answers.get(one[0].message_id)) for number, one in enumerate(self.found)]
        erased = await log.vault.erased({subject for event in events for subject in event.subjects})
        return [event for event in events if not erased & set(event.subjects)]

    def _event(self, number: int, target: Pointer, depth: int, payload: Json, place: str, answers: int | None) -> MessageQuoted:
        reader, message = Reader(payload), self.message
        author = reader.one("author")
        inner = parts.forwards(reader)
        text = "\n".join(part for part in (stripped(reader.text("content")), *(forward.text for forward in inner)) if part)
        files = (*parts.attachments(reader), *(file for forward in inner for file in forward.attachments))
        said = target.how != "forward"  # what is forwarded stands in the message itself
        return MessageQuoted(
            message_id=message.message_id,
            channel_id=message.channel_id,
            guild_id=message.guild_id,
            author_id=message.author_id,
            venue="discord",
            number=number,
            depth=depth,
            how=target.how,
            quoted_id=target.message_id,
            quoted_channel_id=target.channel_id,
            quoted_author_id=author.number("id") or 0,
            answers_user_id=answers,
            place=place,
            name=author.text("global_name") or author.text("username"),
            text=text if said else "",
            attachments=files if said else (),
        )
