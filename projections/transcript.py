"""A whole conversation with every version of its replies, as it is written to files. Reads the history, owns nothing."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from psycopg import AsyncConnection

from engine.vault import Vault
from projections.models import history
from projections.models.history import Entry


@dataclass(frozen=True, slots=True)
class SpokenEntry:
    """Something said with the versions it has; `chosen` is the index of the one that is shown."""

    entry: Entry
    texts: tuple[tuple[str, datetime], ...]
    chosen: int


async def transcript(connection: AsyncConnection, vault: Vault, channel: int) -> list[SpokenEntry]:
    """Everything that is visible in a channel, in order. [] for one that nobody knows."""
    found = []
    for entry in await history.recent(connection, vault, channel, until=2**62, limit=1_000_000):
        texts, chosen = [(entry.text, entry.sent_at)], 0
        if entry.kind == "reply" and entry.character is not None and entry.reply_to is not None:
            made = await history.versions_of(connection, vault, entry.reply_to, entry.character)
            turns: list[UUID | None] = [version.turn for version in made]
            if entry.turn in turns:
                texts, chosen = [(version.text, version.sent_at) for version in made], turns.index(entry.turn)
        found.append(SpokenEntry(entry, tuple(texts), chosen))
    return found
