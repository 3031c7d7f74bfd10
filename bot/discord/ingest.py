"""Discord's events enter the log: translate, decide who answers, one append.

What is kept: messages that address a character, everything in DMs with the bot, and everything in channels where a character is
activated (its context). What nobody here has any business with is translated, found to address nobody, and forgotten: it reaches
neither the log nor a log line. Edits and deletions are kept for messages that are in the log.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any
from weakref import WeakValueDictionary

from bot import requests
from bot.discord import translate
from bot.discord.payload import Json
from bot.discord.roster import Roster
from bot.discord.translate import Ignored, Place, Us
from bot.discord.typing import Typing
from bot.triggers import is_triggerable, resolve
from engine import clock, ids, log
from engine.bus.consumer import TRANSIENT
from engine.errors import KeyDestroyed
from engine.events.base import Tags, user_subject
from engine.events.message import MessageDeleted, MessageEdited, MessageReceived
from engine.events.turn import TurnCancelled, TurnRequested
from engine.failpoints import failpoint
from engine.store import Log, NewEvent
from projections.models import history, turns

STALE_S = 900.0
"""A message older than this is kept but no longer answered (R04)."""
RECORD_S = 2.0
HELD_S = 4.0
"""A message that is not stored by then waits for Postgres: its author should be told. Shorter trouble passes unnoticed."""
BUFFER = 1000
"""Events held while Postgres is away (R09). What comes after that is fetched again later."""
_log = log.get("discord.ingest")

type CatchUp = Callable[[int, int | None], Awaitable[None]]
"""Called with a channel and the first message that was dropped there; None for what was said while nobody listened."""


@dataclass(slots=True)
class Counts:
    """What went by, for health. Numbers only."""

    stored: int = 0
    unaddressed: int = 0
    ignored: int = 0
    turns: int = 0
    refused: int = 0


class Ingest:
    """Takes raw payloads in the order of the gateway and keeps that order within a channel.

    Nothing is taken while `gate` is closed. `behind` holds channels that must catch up before anything new of theirs is taken, and
    `dropped` the first message of a channel for which there was no room; `catch_up` fetches them, and notes in `spans` between which
    ids it has taken all there was. `on_drop` is called when a channel falls behind. `on_turns` is called for a message that will be
    answered, `on_lost` for a DM that reaches nobody, `on_held` for one that is still not stored after HELD_S, and `on_stored` with
    its channel for each that is dealt with.
    """

    def __init__(self, log: Log, roster: Roster, typing: Typing, us: Us, place_of: Callable[[int], Place]) -> None:
        self._log, self._roster, self._typing = log, roster, typing
        self._us, self.place = us, place_of
        self._locks: WeakValueDictionary[int, asyncio.Lock] = WeakValueDictionary()
        self._running: set[asyncio.Task[None]] = set()
        self._answers: set[int] = set()
        self.gate = asyncio.Event()
        self.behind: set[int] = set()
        self.dropped: dict[int, int] = {}
        self.spans: dict[int, tuple[int, int]] = {}
        self.on_drop: Callable[[], None] = lambda: None
        self.catch_up: CatchUp | None = None
        self.on_turns: Callable[[MessageReceived], None] = lambda _: None
        self.on_lost: Callable[[MessageReceived], None] = lambda _: None
        self.on_held: Callable[[MessageReceived], None] = lambda _: None
        self.on_stored: Callable[[int], None] = lambda _: None
        self.counts = Counts()

    def message_create(self, payload: Json) -> None:
        """MESSAGE_CREATE."""
        event = translate.message(payload, self._place(payload), self._us)
        if isinstance(event, MessageReceived) and translate.answers_us(payload, self._us):
            self._answers.add(event.message_id)
        self._accept(event)

    def message_update(self, payload: Json) -> None:
        """MESSAGE_UPDATE."""
        self._accept(translate.edit(payload, self._place(payload), self._us))

    def message_delete(self, payload: Json) -> None:
        """MESSAGE_DELETE and MESSAGE_DELETE_BULK."""
        for deletion in translate.deletions(payload):
            self._accept(deletion)

    async def drain(self, seconds: float) -> None:
        """Let what was accepted finish, at most so long."""
        if self._running:
            await asyncio.wait(self._running, timeout=seconds)
        for task in self._running:
            task.cancel()

    async def catch(self, channel_id: int) -> None:
        """Bring one channel up to date, before anything new of it is taken."""
        async with self._lock(channel_id):
            await until_done(lambda: self._caught_up(channel_id))

    async def store(self, message: MessageReceived) -> bool:
        """Decide and append one message; True when it was kept. Repeats are no-ops. The caller holds the channel's lock."""
        state = await self._roster.state(message)
        triggers = resolve(message, state)
        if not triggers and message.channel_kind != "dm" and not state.active:
            self.counts.unaddressed += 1
            return False
        fresh = (clock.now() - ids.snowflake_time(message.message_id)).total_seconds() <= STALE_S
        triggers = triggers if fresh else []
        events = requests.received(message, triggers)
        failpoint("ingest.before_append")
        try:
            appended = await self._log.append(*events)
        except KeyDestroyed:
            self.counts.refused += 1  # an erased person: nothing of theirs is kept any more
            return False
        self.counts.stored += 1
        if not appended.repeated:
            wanted = [e.event.turn_id for e in events if isinstance(e.event, TurnRequested)]
            self.counts.turns += len(wanted)
            self._typing.begin(message.channel_id, wanted)
            if wanted:
                self.on_turns(message)
            if not triggers and fresh and message.channel_kind == "dm" and is_triggerable(message):
                self.on_lost(message)
        return True

    def _place(self, payload: Json) -> Place:
        channel = str(payload.get("channel_id"))
        return self.place(int(channel)) if channel.isdigit() else Place()

    def _accept(self, event: MessageReceived | MessageEdited | MessageDeleted | Ignored) -> None:
        if isinstance(event, Ignored):
            self.counts.ignored += 1
        elif len(self._running) >= BUFFER:
            self._drop(event)
        else:
            self._start(self._take(event))

    def _drop(self, event: MessageReceived | MessageEdited | MessageDeleted) -> None:
        """No room: a message is fetched from Discord when its turn comes. An edit is part of what is fetched then."""
        if isinstance(event, MessageReceived):
            self.dropped.setdefault(event.channel_id, event.message_id)
            self.behind.add(event.channel_id)
            self.on_drop()

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _take(self, event: MessageReceived | MessageEdited | MessageDeleted) -> None:
        watching = asyncio.get_running_loop().call_later(HELD_S, self._held, event)
        try:
            async with self._lock(event.channel_id):
                await self.gate.wait()
                await until_done(lambda: self._one(event))
            self.on_stored(event.channel_id)
        finally:
            watching.cancel()

    def _held(self, event: MessageReceived | MessageEdited | MessageDeleted) -> None:
        if isinstance(event, MessageReceived):
            self.on_held(event)

    async def _one(self, event: MessageReceived | MessageEdited | MessageDeleted) -> None:
        if event.message_id >= self.dropped.get(event.channel_id, 0):  # what came before a gap is taken before the gap is filled
            await self._caught_up(event.channel_id)
        match event:
            case MessageReceived() if self._is_taken(event):
                return  # after an outage that is most of what was held: to store it again would make everybody wait
            case MessageReceived():
                await self._known(event)
                await self.store(event)
            case MessageEdited():
                await self._edited(event)
            case MessageDeleted():
                await self._deleted(event)

    async def _caught_up(self, channel_id: int) -> None:
        if channel_id not in self.behind or self.catch_up is None:
            return
        first = self.dropped.pop(channel_id, None)
        self.behind.discard(channel_id)  # before: what is dropped meanwhile counts anew
        try:
            await self.catch_up(channel_id, first)
        except (asyncio.CancelledError, *TRANSIENT):
            self.behind.add(channel_id)
            if first is not None:
                self.dropped[channel_id] = first
            raise

    def _is_taken(self, event: MessageReceived) -> bool:
        first, last = self.spans.get(event.channel_id, (1, 0))
        return first <= event.message_id <= last

    async def _known(self, event: MessageReceived) -> None:
        """A reply may be quicker than our own record of what it replies to: wait for that, briefly."""
        if event.message_id not in self._answers or event.reply_to is None:
            return
        self._answers.discard(event.message_id)
        deadline = clock.monotonic() + RECORD_S
        while clock.monotonic() < deadline:
            async with self._log.pool.connection() as connection:
                if await history.speaker_of(connection, event.reply_to) is not None:
                    return
            await asyncio.sleep(0.02)

    async def _edited(self, event: MessageEdited) -> None:
        if await self._log.find(ids.message_event(event.message_id, "received")) is None:
            return
        new = NewEvent(
            event,
            stream=requests.message_stream(event.message_id),
            id=ids.message_event(event.message_id, f"edited {event.edited_ms}"),
            tags=Tags(guild=event.guild_id, channel=event.channel_id, user=event.author_id),
            subject=user_subject(event.author_id),
            correlation=ids.message_event(event.message_id, "received"),
        )
        await self._log.append(new)

    async def _deleted(self, event: MessageDeleted) -> None:
        said = await self._log.find(ids.message_event(event.message_id, "received"))
        async with self._log.pool.connection() as connection:
            if said is None and await history.speaker_of(connection, event.message_id) is None:
                return
            waiting = [t for t in await turns.by_message(connection, event.message_id) if t.status == "pending"]
        await self._log.append(requests.deleted(event, said.row.user if said else None))
        for turn in waiting:
            cancelled = TurnCancelled(
                turn_id=turn.turn,
                message_id=turn.message_id,
                channel_id=turn.channel,
                guild_id=turn.guild,
                user_id=turn.user_id,
                character_id=turn.character,
                venue="discord",
                why="message deleted",
            )
            await self._log.append(requests.cancelled(cancelled))
            self._typing.end(turn.turn)

    def _lock(self, channel_id: int) -> asyncio.Lock:
        return self._locks.setdefault(channel_id, asyncio.Lock())


async def until_done(work: Callable[[], Awaitable[None]]) -> None:
    """Try for as long as the trouble is around us and not in the event."""
    delay = 0.1
    while True:
        try:
            return await work()
        except TRANSIENT as error:
            _log.warning("cannot store yet", error=type(error).__name__)
        except Exception as error:  # one event that cannot be digested must not stop the others
            _log.error("an event was dropped", exc_info=error)
            return None
        await asyncio.sleep(delay)
        delay = min(delay * 2, 2.0)
