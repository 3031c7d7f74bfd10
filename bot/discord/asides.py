"""What the bot itself says beside the characters: an AI answers, who was left out, who writes too fast, where help is.

None of it is part of a conversation: it reaches neither a prompt nor history. What must be said once is noted in the log first.
"""

import asyncio
from collections.abc import Coroutine, Mapping
from contextlib import suppress
from uuid import UUID

from bot.discord.post import QUIET
from bot.discord.rest import Busy, Refused, Rest, Unsure
from bot.triggers import Decision
from engine import clock, ids
from engine.config import Settings
from engine.decide.places.care import HELP, concerns, disclosure_due
from engine.events.build import Cause, new
from engine.events.message import MessageReceived
from engine.events.server import HelpReferred, PersonDisclosed
from engine.store import Log
from projections.live import paces
from projections.models.places import servers

TOO_FAST = "-# Your own limit of answers a minute in this server is reached. Wait a moment and say it again. `/server show` tells it."
DISCLOSED = "-# An AI answers here: what characters say is made by a model, is no person's word, and may be wrong."
REMINDER = "-# A reminder: you are talking with an AI, not with a person. A break may do you good."


class Asides:
    """Says them. One per process."""

    def __init__(self, log: Log, rest: Rest, settings: Settings) -> None:
        self._log, self._rest, self._settings = log, rest, settings
        self._running: set[asyncio.Task[None]] = set()

    def decided(self, message: MessageReceived, found: Decision, names: Mapping[UUID, str]) -> None:
        """A message was stored for the first time, and it is known who answers."""
        if found.verdict.because("rate") and message.guild_id is not None:
            self._start(self._too_fast(message, message.guild_id))
        if left := left_out(found, names):
            self._start(self._say(message, left, "left out"))
        if found.triggers and message.guild_id is not None:
            self._start(self._disclose(message, message.guild_id))
        if message.author_kind == "human" and concerns(message.text):
            self._start(self._refer(message))

    def close(self) -> None:
        """Leave what stands."""
        for task in self._running:
            task.cancel()

    async def _too_fast(self, message: MessageReceived, guild: int) -> None:
        if await paces.tell(self._log.pool, guild, message.author_id, clock.now()):
            await self._say(message, TOO_FAST, "pace")

    async def _disclose(self, message: MessageReceived, guild: int) -> None:
        async with self._log.pool.connection() as connection:
            sheet = (await servers.server(connection, guild)).sheet
            last = await servers.disclosed_at(connection, guild, message.author_id)
        if not disclosure_due(sheet, last, clock.now(), wanted=self._settings.disclosure):
            return
        event = PersonDisclosed(guild_id=guild, channel_id=message.channel_id, user_id=message.author_id, reminder=last is not None)
        # One for each time it is due: who writes twice at once is told once.
        key = ids.derived("disclosed", guild, message.author_id, last.isoformat() if last is not None else "")
        done = await self._log.append(new(event, key, cause=Cause(ids.message_event(message.message_id, "received"))))
        if not done.repeated:
            await self._say(message, REMINDER if last is not None else DISCLOSED, "disclosed")

    async def _refer(self, message: MessageReceived) -> None:
        if message.guild_id is not None:
            async with self._log.pool.connection() as connection:
                if not (await servers.server(connection, message.guild_id)).sheet.referral:
                    return
        event = HelpReferred(guild_id=message.guild_id, channel_id=message.channel_id, user_id=message.author_id)
        key = ids.derived("referred", message.message_id)
        done = await self._log.append(new(event, key, cause=Cause(ids.message_event(message.message_id, "received"))))
        if not done.repeated:
            await self._say(message, self._settings.care_text or HELP, "referred")

    async def _say(self, message: MessageReceived, text: str, what: str) -> None:
        body = {
            "content": text,
            "allowed_mentions": QUIET,
            "enforce_nonce": True,
            "nonce": ids.derived("aside", what, message.message_id).hex[:24],
            "message_reference": {"message_id": str(message.message_id), "fail_if_not_exists": False},
        }
        with suppress(Refused, Unsure, Busy):
            await self._rest.call("POST", f"/channels/{message.channel_id}/messages", body)

    def _start(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.create_task(work, name="aside")
        self._running.add(task)
        task.add_done_callback(self._running.discard)


def left_out(found: Decision, names: Mapping[UUID, str]) -> str:
    """The sentence for those who were called but are more than answer one message (A3); empty when nobody was left out."""
    left = [names.get(one.character_id, "") for one in found.verdict.declined if one.gate == "many" and one.character_id is not None]
    if not left:
        return ""
    known = [name for name in left if name][:5]
    who = ", ".join(known) + (f" and {len(left) - len(known)} more" if known and len(left) > len(known) else "") or f"{len(left)} more"
    most = len(found.triggers)
    return f"-# Left out: {who}. At most {most} answer one message here; `/channel edit` changes that."
