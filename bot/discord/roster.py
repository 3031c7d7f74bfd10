"""The characters as triggers see them, kept in memory for as long as none of them changes."""

import asyncio
from collections.abc import Sequence
from uuid import UUID

from bot.triggers import Candidate, State
from engine import clock
from engine.events.message import MessageReceived
from engine.store import Log
from projections.models import catalog, channels, history
from projections.models.catalog import Character

FRESH_S = 15.0
"""A cached description is read again after this, so that an erased one is not known for longer (limit: 60 s)."""


class Roster:
    """Reads what `bot.triggers` needs. One per process."""

    def __init__(self, log: Log, mention_char: str) -> None:
        self._log, self._mention_char = log, mention_char
        self._revision, self._read_at = -1, 0.0
        self._characters: list[Character] = []
        self._candidates: list[Candidate] = []
        self._active: dict[int, Sequence[UUID]] = {}
        self._lock = asyncio.Lock()

    async def characters(self) -> list[Character]:
        """All characters, by slug."""
        async with self._lock, self._log.pool.connection() as connection:
            revision = await catalog.revision(connection)
            if revision != self._revision or clock.monotonic() - self._read_at > FRESH_S:
                found = await catalog.characters(connection, self._log.vault)
                self._characters = [c for c in found if not c.erased]
                self._candidates = [candidate(c) for c in sorted(self._characters, key=lambda c: c.position)]
                self._revision, self._read_at = revision, clock.monotonic()
        return self._characters

    async def usable_by(self, user_id: int) -> list[Character]:
        """The characters this person may talk with, by name."""
        return sorted((c for c in await self.characters() if c.usable_by(user_id)), key=lambda c: c.name.casefold())

    async def state(self, message: MessageReceived) -> State:
        """What holds for this message now. Most talk in a server concerns nobody here: that costs one statement."""
        async with self._log.pool.connection() as connection:
            active = await channels.active_in(connection, message.channel_id)
            if not active and message.parent_channel_id is not None:
                active = await channels.active_in(connection, message.parent_channel_id)
            self._remember(message.channel_id, active)
            replied_to = await history.speaker_of(connection, message.reply_to) if message.reply_to is not None else None
            session = await channels.session(connection, message.channel_id) if message.channel_kind == "dm" else None
        if not (active or replied_to or session or message.mentions_bot or self._mention_char in message.text):
            return State(characters=())
        await self.characters()
        return State(
            characters=self._candidates,
            active=active,
            replied_to=replied_to,
            session=session.character if session else None,
            default=default(self._candidates),
            mention_char=self._mention_char,
        )

    def remembered(self, message: MessageReceived) -> State:
        """What held when Postgres was last asked, for when it cannot be: enough to tell whether a message is meant for us."""
        active = self._active.get(message.channel_id, ())
        return State(self._candidates, active, default=default(self._candidates), mention_char=self._mention_char)

    def _remember(self, channel: int, active: Sequence[UUID]) -> None:
        if active:
            self._active[channel] = active
        else:
            self._active.pop(channel, None)


def candidate(character: Character) -> Candidate:
    """A character as triggers see it."""
    names = (character.name, character.slug, *character.description.aliases)
    return Candidate(character.id, names, character.owner_id, character.users is not None, character.users or frozenset())


def default(candidates: Sequence[Candidate]) -> UUID | None:
    """Who answers for the bot itself: the oldest public character that came with the program, else the oldest public one."""
    public = [c for c in candidates if not c.private]
    return next((c.id for c in public if c.owner_id is None), public[0].id if public else None)
