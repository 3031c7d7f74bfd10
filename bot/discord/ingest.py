"""Discord's events enter the log: translate, decide who answers, one append.

What is kept: messages that address a character, everything in DMs with the bot, and everything in channels where a character is
activated (its context). What nobody here has any business with is translated, found to address nobody, and forgotten: it reaches
neither the log nor a log line. Edits and deletions are kept for messages that are in the log, and never lost: where there is no
room for them, their ids are noted.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from weakref import WeakValueDictionary

from bot import requests
from bot.discord import pluralkit, translate
from bot.discord.changes import Changes
from bot.discord.gaps import Gap, NotYet, Recent
from bot.discord.payload import Json
from bot.discord.quoting import links
from bot.discord.quoting.links import Pointer
from bot.discord.quoting.quotes import Quotes
from bot.discord.roster import Roster
from bot.discord.translate import ChannelFacts, Ignored, NameOf, Us
from bot.discord.typing import Typing
from bot.triggers import Decision, State, decided, denial
from engine import clock, ids, log
from engine.bus.consumer import TRANSIENT
from engine.decide.gate import STALE_S
from engine.errors import KeyDestroyed
from engine.events.message import MessageDeleted, MessageEdited, MessageQuoted, MessageReceived
from engine.events.turn import TurnRequested
from engine.failpoints import failpoint
from engine.outside import numbers
from engine.store import Appended, Log, NewEvent
from engine.watching import tracing
from projections.live import typing as typing_now
from projections.models import history

RECORD_S = 2.0
HELD_S = 4.0
"""A message that is not stored by then waits for Postgres: its author should be told. Shorter trouble passes unnoticed."""
BUFFER = 1000
"""Events held while Postgres is away (R09). What comes after that is fetched again later."""
_log = log.get("discord.ingest")

type CatchUp = Callable[[int, Gap], Awaitable[None]]
"""Called with a channel and what of it is missing. Raises NotYet when Discord does not let it be read."""
type Change = MessageReceived | MessageEdited | MessageDeleted


@dataclass(slots=True)
class Counts:
    """What went by, for health. Numbers only.

    `denied`: by people who are blocked there; `refused`: by people whose key was destroyed; `failed`: events that could not be
    digested; `deferred`: noted for later, for want of room or because the channel could not be read; `unreadable`: channels that
    Discord will not let us look back in.
    """

    stored: int = 0
    unaddressed: int = 0
    ignored: int = 0
    turns: int = 0
    denied: int = 0
    refused: int = 0
    failed: int = 0
    deferred: int = 0
    unreadable: int = 0


class Ingest:
    """Takes raw payloads in the order of the gateway and keeps that order within a channel.

    Nothing is taken while `gate` is closed. `behind` says of which channels what is missing: `catch_up` fetches that before anything
    new of theirs is taken, and notes in `spans` between which ids it has taken all there was. A channel that cannot be read now is
    in `unread`; what is new there is noted, too. `on_drop` is called when a channel falls behind. `on_turns` is called for a message
    that will be answered, `on_lost` for a DM that reaches nobody, `on_held` for one that is still not stored after HELD_S, and
    `on_stored` with its channel for each that is dealt with, `on_decided` for each new one with who answers.
    """

    def __init__(self, log: Log, roster: Roster, typing: Typing, us: Us, place_of: Callable[[int], ChannelFacts]) -> None:
        self._log, self._roster, self._typing = log, roster, typing
        self._us, self.place = us, place_of
        self.changes = Changes(log, typing)
        self._locks: WeakValueDictionary[int, asyncio.Lock] = WeakValueDictionary()
        self._running: set[asyncio.Task[None]] = set()
        self.pluralkit = pluralkit.PluralKit(log, "")
        self.quotes: Quotes | None = None
        self._origins: dict[int, Pointer] = {}
        self._answers: set[int] = set()
        self._copies: set[int] = set()
        self._roles: dict[int, tuple[int, ...]] = {}
        self._gone, self._touched = Recent(), Recent()  # noted ids: their messages may stand in the queue still
        self.gate = asyncio.Event()
        self.behind: dict[int, Gap] = {}
        self.unread: set[int] = set()
        self.spans: dict[int, tuple[int, int]] = {}
        self.name_of: NameOf = lambda key, guild: ""
        self.on_drop: Callable[[], None] = lambda: None
        self.catch_up: CatchUp | None = None
        self.on_turns: Callable[[MessageReceived], None] = lambda _: None
        self.on_lost: Callable[[MessageReceived], None] = lambda _: None
        self.on_held: Callable[[MessageReceived], None] = lambda _: None
        self.on_stored: Callable[[int], None] = lambda _: None
        self.on_decided: Callable[[MessageReceived, Decision], None] = lambda _, __: None
        self.counts = Counts()

    def message_create(self, payload: Json) -> None:
        """MESSAGE_CREATE."""
        event = translate.message(payload, self._place(payload), self._us, self.name_of)
        if isinstance(event, MessageReceived):
            self.pluralkit.heard(event)
            if translate.is_proxied(payload):
                self._copies.add(event.message_id)
        if isinstance(event, MessageReceived) and (roles := translate.roles_of(payload)):
            self._roles[event.message_id] = roles
        if isinstance(event, MessageReceived) and event.forwards and (forwarded := links.origin(payload)) is not None:
            self._origins[event.message_id] = forwarded
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

    def typing_start(self, payload: Json) -> None:
        """TYPING_START: noted where an answer is waited for, so that it waits for what is being typed (A16)."""
        found = translate.typed(payload, self._us)
        if found is not None and self._typing.is_on(found.channel_id) and len(self._running) < BUFFER:
            self._start(self._note_typing(found))

    async def _note_typing(self, found: translate.Typed) -> None:
        with suppress(*TRANSIENT):
            await typing_now.put(self._log.pool, found.channel_id, found.user_id, found.at)

    async def drain(self, seconds: float) -> None:
        """Let what was accepted finish, at most so long."""
        self.pluralkit.closing.set()
        if self._running:
            await asyncio.wait(self._running, timeout=seconds)
        for task in self._running:
            task.cancel()

    def away(self, channel_id: int) -> None:
        """Note that nobody listened to this channel for a while."""
        self.behind.setdefault(channel_id, Gap()).away = True

    async def catch(self, channel_id: int) -> None:
        """Bring one channel up to date, before anything new of it is taken. Raises NotYet."""
        async with self._lock(channel_id):
            await self._until_done(lambda: self._caught_up(channel_id))

    async def store(self, message: MessageReceived) -> bool:
        """Decide and append one message; True when it was kept. Repeats are no-ops. The caller holds the channel's lock."""
        if message.message_id in self._gone:
            self.counts.ignored += 1
            return False
        state = await self._roster.state(message, adult=self.place(message.channel_id).adult, roles=self._roles.get(message.message_id, ()))
        if denial(message, state) == "block":
            self.counts.denied += 1
            return False
        age_s = (clock.now() - ids.snowflake_time(message.message_id)).total_seconds()
        found = await self._roster.paced(message, state, decided(message, state, age_s), age_s)
        meant = found.verdict.because("stale") or found.verdict.because("rate")
        if not found.triggers and not meant and message.channel_kind != "dm" and not state.active:
            self.counts.unaddressed += 1
            return False
        quotes = await self._quoted(message, state) if found.triggers else []
        events = requests.received(message, found, quotes)
        failpoint("ingest.before_append")
        with tracing.arrival(message.message_id, venue="discord", turns=len(found.triggers)):
            appended = await self._append(message.channel_id, events)
        if appended is None:
            return False
        self.counts.stored += 1
        if not appended.repeated:
            wanted = [e.event.turn_id for e in events if isinstance(e.event, TurnRequested)]
            self.counts.turns += len(wanted)
            self._typing.begin(message.channel_id, wanted)
            if wanted:
                self.on_turns(message)
            self.on_decided(message, found)
            if message.channel_kind == "dm" and age_s <= STALE_S and found.verdict.because("unaddressed"):
                self.on_lost(message)
        return True

    async def _quoted(self, message: MessageReceived, state: State) -> list[MessageQuoted]:
        """What a message that will be answered points to, read as its author may; what it replies to only where that is not known here."""
        if self.quotes is None:
            return []
        replied = message.reply_to is not None and state.replied_to is None
        replied = replied and await self._log.find(ids.message_event(message.reply_to or 0, "received")) is None
        adult = self.place(message.channel_id).adult
        return await self.quotes.of(message, self._origins.get(message.message_id), reply=replied, adult=adult)

    async def _append(self, channel_id: int, events: Sequence[NewEvent]) -> Appended | None:
        """Append; None when the author's key is destroyed under our hands again and again.

        The author may have been erased between our look at their key and the append: what they say afterwards has a new one.
        """
        for _ in range(2):
            with suppress(KeyDestroyed):
                return await self._log.append(*events)
        self._refused(channel_id)
        return None

    def _place(self, payload: Json) -> ChannelFacts:
        channel = numbers.whole(str(payload.get("channel_id")))
        return ChannelFacts() if channel is None else self.place(channel)

    def _accept(self, event: Change | Ignored) -> None:
        if isinstance(event, Ignored):
            self.counts.ignored += 1
        elif ids.is_ahead(event.message_id):  # catching up goes by the newest message that is known
            self.counts.failed += 1
            _log.error("a message of a day to come was left out: is the clock right?", message=event.message_id)
        elif len(self._running) >= BUFFER or (event.channel_id in self.unread and not isinstance(event, MessageDeleted)):
            self._defer(event)
        else:
            self._start(self._take(event))

    def _defer(self, event: Change) -> None:
        """Note what there is no room for: a message is fetched from Discord when its turn comes, and so is an edit's text."""
        self._roles.pop(event.message_id, None)
        self._origins.pop(event.message_id, None)
        gap = self.behind.setdefault(event.channel_id, Gap())
        match event:
            case MessageReceived():
                gap.drop(event.message_id)
            case MessageEdited():
                gap.edit(event.message_id)
                self._touched.add(event.message_id)
            case MessageDeleted():
                gap.delete(event.message_id)
                self._gone.add(event.message_id)
        self.counts.deferred += 1
        self.on_drop()

    def _refused(self, channel_id: int) -> None:
        """Nothing of an erased person is kept under a key that was destroyed: it is counted, and said without a word of theirs."""
        self.counts.refused += 1
        _log.info("not kept", channel=channel_id, reason="the author's key was destroyed", count=self.counts.refused)

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _take(self, event: Change) -> None:
        watching = asyncio.get_running_loop().call_later(HELD_S, self._held, event)
        try:
            async with self._lock(event.channel_id):
                await self.gate.wait()
                await self._until_done(lambda: self._one(event))
            self._roles.pop(event.message_id, None)
            self._origins.pop(event.message_id, None)
            self.on_stored(event.channel_id)
        except NotYet:
            self._defer(event)
        finally:
            watching.cancel()

    def _held(self, event: Change) -> None:
        if isinstance(event, MessageReceived):
            self.on_held(event)

    async def _one(self, event: Change) -> None:
        if not isinstance(event, MessageReceived) and self.pluralkit.changed(event):
            return
        match event:
            case MessageDeleted():  # waits for nothing: what is fetched afterwards cannot contain it any more
                await self.changes.deleted(event)
            case MessageEdited():
                await self._before(event)
                await self._edited(event)
            case MessageReceived():
                await self._before(event)
                if not self._is_taken(event):  # after an outage most of what was held is: to store it again would make everybody wait
                    await self._known(event)
                    await self._said(event)
                if event.message_id in self._touched:
                    self.behind.setdefault(event.channel_id, Gap()).edit(event.message_id)
                    self.on_drop()

    async def _said(self, event: MessageReceived) -> None:
        copy = event.message_id in self._copies
        self._copies.discard(event.message_id)
        await self.said(event, copy=copy)

    async def said(self, event: MessageReceived, *, copy: bool) -> bool:
        """Store a message; a copy that PluralKit made of one is another text of that. True when it was kept. As for `store`."""
        if not copy:
            return await self.store(event)
        try:
            return await self._stands_for(await self.pluralkit.resolved(event))
        except pluralkit.Unclear:
            self._start(self._said_later(event))
            return False

    async def _stands_for(self, found: MessageReceived | MessageEdited) -> bool:
        if isinstance(found, MessageReceived):
            return await self.store(found)
        await self._edited(found)
        return True

    async def _said_later(self, copy: MessageReceived) -> None:
        if (found := await self.pluralkit.later(copy)) is not None:
            async with self._lock(copy.channel_id):
                await self._until_done(lambda: self._stood_for(found))

    async def _stood_for(self, found: MessageReceived | MessageEdited) -> None:
        await self._stands_for(found)

    async def _before(self, event: MessageReceived | MessageEdited) -> None:
        """Fill the gaps that lie before an event; what came before a gap is taken before it is filled."""
        gap = self.behind.get(event.channel_id)
        if gap is not None and (gap.away or (gap.dropped is not None and event.message_id >= gap.dropped)):
            await self._caught_up(event.channel_id)

    async def _edited(self, event: MessageEdited) -> None:
        try:
            await self.changes.edited(event)
        except KeyDestroyed:
            self._refused(event.channel_id)

    async def _caught_up(self, channel_id: int) -> None:
        if channel_id not in self.behind or self.catch_up is None:
            return
        gap = self.behind.pop(channel_id)  # before: what is dropped meanwhile counts anew
        try:
            await self.catch_up(channel_id, gap)
            self.unread.discard(channel_id)
        except (asyncio.CancelledError, *TRANSIENT):
            self._owe(channel_id, gap)
            raise
        except Exception as error:  # one channel's trouble is owed and noted; the other channels go on
            self._owe(channel_id, gap)
            self.unread.add(channel_id)
            if isinstance(error, NotYet):
                raise
            _log.error("catching up failed", channel=channel_id, exc_info=error)
            raise NotYet(channel_id, type(error).__name__) from error

    def _owe(self, channel_id: int, gap: Gap) -> None:
        self.behind.setdefault(channel_id, Gap()).add(gap)

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

    def _lock(self, channel_id: int) -> asyncio.Lock:
        return self._locks.setdefault(channel_id, asyncio.Lock())

    async def _until_done(self, work: Callable[[], Awaitable[None]]) -> None:
        """Try for as long as the trouble is around us and not in the event. Raises NotYet."""
        delay = 0.1
        while True:
            try:
                return await work()
            except NotYet:
                raise
            except TRANSIENT as error:
                _log.warning("cannot store yet", error=type(error).__name__)
            except Exception as error:  # one event that cannot be digested must not stop the others
                self.counts.failed += 1
                _log.error("an event was dropped", exc_info=error)
                return None
            await asyncio.sleep(delay)
            delay = min(delay * 2, 2.0)
