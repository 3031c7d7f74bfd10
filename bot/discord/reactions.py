"""Discord's reactions enter the log and do what they are for: on any message that is in the log, from before the start as well."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Protocol
from weakref import WeakValueDictionary

from bot.discord.payload import Json, Reader
from bot.discord.translate import ChannelFacts, Us
from bot.reacting import react
from engine import ids, log
from engine.actor import person
from engine.bus.consumer import TRANSIENT
from engine.decide.reacting.toggles import Reaction
from engine.decide.speaking.denial import by_characters, here
from engine.errors import KeyDestroyed
from engine.events.reaction import ReactionAdded, ReactionRemoved, ReactionsCleared
from engine.resources.reacting.sheet import Act
from engine.store import Log
from projections import replies
from projections.models import access

BUFFER = 1000
"""Reactions on their way while Postgres is away: more are not kept, and counted."""
LOOKS, LOOK_S = 5, 0.2
"""Somebody may react before our own record of what they react to."""
_log = log.get("discord.reactions")


class OnInspect(Protocol):
    """Shows a person what is behind a reply."""

    async def __call__(self, message_id: int, user_id: int, shown: replies.Shown) -> None: ...


def added(payload: Json, us: Us) -> ReactionAdded | None:
    """MESSAGE_REACTION_ADD; None for our own and for what names nobody. Pure."""
    given = _given(payload, us)
    return None if given is None else ReactionAdded(**given, burst=bool(payload.get("burst")))


def removed(payload: Json, us: Us) -> ReactionRemoved | None:
    """MESSAGE_REACTION_REMOVE. Pure."""
    given = _given(payload, us)
    return None if given is None else ReactionRemoved(**given)


def cleared(payload: Json) -> ReactionsCleared | None:
    """MESSAGE_REACTION_REMOVE_ALL and MESSAGE_REACTION_REMOVE_EMOJI. Pure."""
    reader = Reader(payload)
    message, channel = reader.number("message_id"), reader.number("channel_id")
    if not message or not channel:
        return None
    emoji = emoji_of(reader) if reader.has("emoji") else None
    return ReactionsCleared(message_id=message, channel_id=channel, guild_id=reader.number("guild_id"), venue="discord", emoji=emoji)


def _given(payload: Json, us: Us) -> dict[str, Any] | None:
    reader = Reader(payload)
    message, channel, user, emoji = reader.number("message_id"), reader.number("channel_id"), reader.number("user_id"), emoji_of(reader)
    if not message or not channel or not user or not emoji or user == us.user_id:
        return None
    return {
        "message_id": message,
        "channel_id": channel,
        "guild_id": reader.number("guild_id"),
        "venue": "discord",
        "user_id": user,
        "emoji": emoji,
    }


def emoji_of(reader: Reader) -> str:
    """The field `emoji`: one of Unicode, or `name:id`; empty when there is none. Pure."""
    emoji = reader.one("emoji")
    name, number = emoji.text("name")[:64], emoji.number("id")
    return f"{name or '_'}:{number}" if number else name


class Reactions:
    """Takes raw payloads; one person's reactions to one message are taken one after another. One per process.

    `refused` counts what was for something that was not allowed or not possible, `lost` what found no room. `on_inspect` shows a
    person what is behind a reply.
    """

    def __init__(self, log: Log, us: Us, place_of: Callable[[int], ChannelFacts], owners: Iterable[int], on_inspect: OnInspect) -> None:
        self._log, self._us, self._place, self._owners = log, us, place_of, frozenset(owners)
        self._on_inspect = on_inspect
        self._running: set[asyncio.Task[None]] = set()
        self._locks: WeakValueDictionary[tuple[int, int], asyncio.Lock] = WeakValueDictionary()
        self.stored = self.refused = self.lost = 0

    @property
    def counts(self) -> dict[str, float]:
        """What became of reactions since the start, by name."""
        return {"reactions_stored": self.stored, "reactions_refused": self.refused, "reactions_lost": self.lost}

    def add(self, payload: Json) -> None:
        """MESSAGE_REACTION_ADD."""
        self._accept(added(payload, self._us))

    def remove(self, payload: Json) -> None:
        """MESSAGE_REACTION_REMOVE."""
        self._accept(removed(payload, self._us))

    def clear(self, payload: Json) -> None:
        """MESSAGE_REACTION_REMOVE_ALL and MESSAGE_REACTION_REMOVE_EMOJI."""
        self._accept(cleared(payload))

    async def drain(self, seconds: float) -> None:
        """Let what was accepted finish, at most so long."""
        if self._running:
            await asyncio.wait(self._running, timeout=seconds)
        for task in self._running:
            task.cancel()

    def _accept(self, event: Reaction | None) -> None:
        if event is None:
            return
        if len(self._running) >= BUFFER:
            self.lost += 1
            return
        task = asyncio.create_task(self._take(event), name="reaction")
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def missed(self, event: Reaction, without: frozenset[Act]) -> None:
        """Take one that was given or taken back while nobody listened, without doing the acts named."""
        await self._take(event, without)

    async def _take(self, event: Reaction, without: frozenset[Act] = frozenset()) -> None:
        lock = self._locks.setdefault((event.message_id, getattr(event, "user_id", 0)), asyncio.Lock())
        async with lock:
            await _until_done(lambda: self._one(event, without))

    async def _one(self, event: Reaction, without: frozenset[Act]) -> None:
        if not await self._known(event):
            return
        denied = await self._denied(event)
        if denied == "block":
            return
        user = 0 if isinstance(event, ReactionsCleared) else event.user_id
        try:
            found = await react(self._log, person(user, owner=user in self._owners), event, acts=denied is None, without=without)
        except KeyDestroyed:  # nothing of an erased person is kept under a key that was destroyed
            return
        self.stored += found.stored
        self.refused += bool(found.refused)
        if found.stored and found.act == "inspect" and found.on is not None and isinstance(event, ReactionAdded):
            await self._on_inspect(event.message_id, user, found.on)

    async def _known(self, event: Reaction) -> bool:
        """Whether the message is in the log, as somebody's words or as a character's."""
        for look in range(LOOKS):
            if look:
                await asyncio.sleep(LOOK_S)
            if await self._log.row(ids.message_event(event.message_id, "received")) is not None:
                return True
            async with self._log.pool.connection() as connection:
                if await replies.of_message(connection, event.message_id) is not None:
                    return True
            if isinstance(event, ReactionsCleared):
                return False
        return False

    async def _denied(self, event: Reaction) -> str | None:
        if isinstance(event, ReactionsCleared):
            return None
        async with self._log.pool.connection() as connection:
            denials = await access.of_person(connection, event.user_id)
            shown = await replies.of_message(connection, event.message_id) if denials else None
        where = here(denials, event.guild_id, (event.channel_id, self._place(event.channel_id).parent_id))
        return where or ("mute" if shown is not None and shown.character in by_characters(denials) else None)


async def _until_done(work: Callable[[], Awaitable[None]]) -> None:
    """Try for as long as the trouble is around us and not in the event."""
    delay = 0.1
    while True:
        try:
            return await work()
        except TRANSIENT as error:
            _log.warning("cannot store yet", error=type(error).__name__)
        except Exception as error:  # one reaction that cannot be digested must not stop the others
            _log.error("a reaction was dropped", exc_info=error)
            return None
        await asyncio.sleep(delay)
        delay = min(delay * 2, 2.0)
