"""The characters, opened once and read again as they change: what faces and triggers need of them, kept in memory."""

import asyncio
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from uuid import UUID

from bot.triggers import Candidate, Cast
from engine import clock
from engine.store import Log
from engine.store.codec import ERASED
from projections.models import catalog
from projections.models.catalog import Character

ERASED_S = 15.0
"""Keys are looked at again after this, so that an erased description is not known for longer (limit: 60 s)."""


class Characters:
    """Knows every character. One per process. What nobody changed costs one statement, whatever their number."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._revision, self._looked_at = -1, 0.0
        self._all: dict[UUID, Character] = {}
        self._names: dict[UUID, str] = {}
        self._sorted: list[Character] | None = None
        self._lock = asyncio.Lock()
        self.cast = Cast.of()

    async def refresh(self) -> Cast:
        """The cast as it is now."""
        async with self._lock:
            async with self._log.pool.connection() as connection:
                changed = await catalog.changed_since(connection, self._log.vault, self._revision)
            if changed is not None:
                self._take(changed.characters, changed.gone)
                self._revision = changed.revision
            if clock.monotonic() - self._looked_at > ERASED_S:
                await self._drop_erased()
                self._looked_at = clock.monotonic()
        return self.cast

    async def all(self) -> Sequence[Character]:
        """Every character, by name."""
        await self.refresh()
        if self._sorted is None:
            self._sorted = sorted(self._all.values(), key=lambda c: c.name.casefold())
        return self._sorted

    async def names(self) -> Mapping[UUID, str]:
        """What each is called."""
        await self.refresh()
        return MappingProxyType(self._names)

    @property
    def known_names(self) -> Mapping[UUID, str]:
        """What each was called at the last refresh."""
        return MappingProxyType(self._names)

    def get(self, character: UUID) -> Character | None:
        """One of them as it was at the last refresh."""
        return self._all.get(character)

    def _take(self, changed: Sequence[Character], gone: Sequence[UUID]) -> None:
        standing = [character for character in changed if not character.erased]
        self._forget(gone)
        self._forget([character.id for character in changed if character.erased], ERASED)
        self._all |= {character.id: character for character in standing}
        self._names |= {character.id: character.name for character in standing}
        self.cast = self.cast.changed([candidate(character) for character in standing])

    def _forget(self, lost: Sequence[UUID], called: str = "") -> None:
        for character in lost:
            self._all.pop(character, None)
            self._names.pop(character, None)
        self._names |= dict.fromkeys(lost, called) if called else {}
        self.cast = self.cast.changed((), lost)
        self._sorted = None

    async def _drop_erased(self) -> None:
        subjects = {character.subject for character in self._all.values()}
        if destroyed := await self._log.vault.destroyed(subjects):
            self._forget([character.id for character in self._all.values() if character.subject in destroyed], ERASED)


def candidate(character: Character) -> Candidate:
    """A character as triggers see it."""
    names = (character.name, character.slug, *character.description.aliases)
    shared = character.users or frozenset()
    return Candidate(
        character.id,
        names,
        character.owner_id,
        private=character.users is not None,
        shared_with=shared,
        since=character.made,
        talkativeness=character.sheet.talkativeness,
        adult=character.sheet.adult,
    )
