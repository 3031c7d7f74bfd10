"""Edits and deletions enter the log: only of messages that are in it, each once, never an older text over a newer one."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta

from bot import requests
from bot.discord.typing import Typing
from engine import clock, ids
from engine.events.base import Event
from engine.events.message import MessageDeleted, MessageEdited, MessageReceived
from engine.store import Log, NewEvent, Recorded
from engine.store.contend import update
from projections.follow import runner
from projections.models import deliveries, history, turns
from projections.models.places import quotes

RECENT = timedelta(minutes=1)
"""How old a deleted message may be for it to be one that we are posting; clocks differ by less."""
POSTED_S, LOOK_S, LATE_S = 3.0, 0.1, 30.0
"""How long a deleted message may turn out to be one that we are posting, how often that is looked at, and how long read models that

were late then are not waited for again.
"""


class Changes:
    """Appends what became of messages. One per process."""

    def __init__(self, log: Log, typing: Typing) -> None:
        self._log, self._typing = log, typing
        self._late_until = 0.0

    async def edited(self, event: MessageEdited) -> bool:
        """Append an edit of what was heard, or what something heard points to; False for others, or when a later one is in the log.

        Raises KeyDestroyed.
        """

        async def news(told: Sequence[Recorded[Event]]) -> list[NewEvent]:
            earlier = [recorded.event for recorded in told]
            if not any(isinstance(one, MessageReceived) for one in earlier) and not await self._pointed_to(event.message_id):
                return []
            late = any(isinstance(one, MessageEdited) and one.edited_ms >= event.edited_ms for one in earlier)
            return [] if late else [requests.edited(event)]

        # Tied to what was read: the process that leads and the one that did before it may hold two edits of one message.
        return bool((await update(self._log, event.stream_name, news)).positions)

    async def deleted(self, event: MessageDeleted) -> bool:
        """Append a deletion and cancel the turns that wait on the message; False when the message is nobody's here.

        A message that was posted again by a program stands for as long as that copy does: whose deletion is that of the message.
        """
        copy = await self._log.find(ids.message_event(event.message_id, "proxied"))
        if copy is not None and isinstance(copy.event, MessageEdited):
            event = event.model_copy(update={"message_id": copy.event.message_id})
        elif await self._stands_elsewhere(event):
            return False
        said = await self._log.find(ids.message_event(event.message_id, "received"))
        if said is None and not await self._is_known(event):
            return False
        async with self._log.pool.connection() as connection:
            waiting = [t for t in await turns.by_message(connection, event.message_id) if t.status == "pending"]
        await self._log.append(requests.deleted(event, said.row.user if said else None))
        for turn in waiting:
            await self._log.append(requests.cancelled(turn, "message deleted"))
            self._typing.end(turn.turn)
        return True

    async def _is_known(self, event: MessageDeleted) -> bool:
        """Whether a message that nobody said is a reply of ours, or something heard points to it.

        One that was posted just now is perhaps not in the log yet, or not in the read models: as long as something is on its way in its
        channel, that is waited for.
        """
        recent = clock.now() - ids.snowflake_time(event.message_id) < RECENT  # an older one is not being posted now: nobody waits
        until = clock.monotonic() + (POSTED_S if recent else 0.0)
        while True:
            left = max(until - clock.monotonic(), 0.0)
            if left and clock.monotonic() >= self._late_until and not await self._caught_up(left):
                self._late_until = clock.monotonic() + LATE_S  # many are deleted at once: not each waits
            async with self._log.pool.connection() as connection:
                ours = await history.speaker_of(connection, event.message_id) is not None
                if ours or await quotes.is_quoted(connection, event.message_id):
                    return True
                if not left:
                    return False
                coming = await deliveries.due_in(connection, "discord", event.channel_id, limit=1)
            if not coming:
                return False
            await asyncio.sleep(LOOK_S)

    async def _caught_up(self, seconds: float) -> bool:
        return await runner.wait_for(self._log.pool, ("history", "deliveries"), await self._log.head(), seconds=seconds)

    async def _pointed_to(self, message_id: int) -> bool:
        async with self._log.pool.connection() as connection:
            return await quotes.is_quoted(connection, message_id)

    async def _stands_elsewhere(self, event: MessageDeleted) -> bool:
        told = [recorded.event for recorded in await self._log.stream(event.stream_name)]
        return any(isinstance(one, MessageEdited) and one.proxy_id is not None for one in told)
