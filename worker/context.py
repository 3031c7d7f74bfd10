"""What a turn needs from the read models, read together, from one moment."""

import asyncio
from dataclasses import dataclass
from uuid import UUID

from engine.events.preset import Parameters, Window
from projections import catalog, history
from projections.catalog import Character, Preset
from projections.history import Entry
from projections.turns import Turn
from worker.work import Work

SPARE_ENTRIES = 20
"""Entries read beyond the window: those said after the turn's message do not count."""


@dataclass(frozen=True, slots=True)
class Context:
    """`entries` oldest first, the message to answer last. `as_of` is the position the history was read at."""

    character: Character
    preset: Preset
    entries: tuple[Entry, ...]
    names: dict[UUID, str]
    as_of: int


class Missing(Exception):
    """What the turn is about is not there any more: `character` or `message`."""


async def read(work: Work, turn: Turn, as_of: int) -> Context:
    """Raises Missing."""
    character, entries = await asyncio.gather(_character(work, turn), _entries(work, turn, as_of))
    preset, names = await asyncio.gather(_preset(work, character), _names(work, entries, character))
    return Context(character, preset, entries, names, as_of)


async def _character(work: Work, turn: Turn) -> Character:
    async with work.log.pool.connection() as connection:
        found = await catalog.character(connection, work.log.vault, turn.character)
    if found is None or found.erased:
        raise Missing("character")
    return found


async def _preset(work: Work, character: Character) -> Preset:
    async with work.log.pool.connection() as connection:
        chosen = await catalog.preset(connection, work.log.vault, character.preset) if character.preset else None
        return chosen or await catalog.default_preset(connection, work.log.vault) or _fixed(work.settings.default_model)


def _fixed(model: str) -> Preset:
    return Preset(
        id=UUID(int=0),
        owner_id=None,
        name="Built in",
        model=model,
        fallback_models=(),
        is_global=True,
        is_default=True,
        is_free_default=False,
        parameters=Parameters(temperature=0.7),
        window=Window(),
        show_thinking=False,
        stream=True,
        position=0,
    )


async def _entries(work: Work, turn: Turn, as_of: int) -> tuple[Entry, ...]:
    async with work.log.pool.connection() as connection:
        found = await history.recent(
            connection, work.log.vault, turn.channel, until=as_of, limit=Window().max_messages + SPARE_ENTRIES, character=turn.character
        )
    trigger = next((entry for entry in found if entry.message_id == turn.message_id), None)
    if trigger is None:
        raise Missing("message")
    return (*relevant(found, trigger), trigger)


def relevant(entries: list[Entry], trigger: Entry) -> list[Entry]:
    """What belongs before a message: what was there when it came, and answers to earlier messages that came later."""
    asked = {entry.message_id: entry.position for entry in entries if entry.kind == "message"}

    def counts(entry: Entry) -> bool:
        answered = asked.get(entry.reply_to, entry.position) if entry.kind == "reply" else entry.position
        return answered < trigger.position

    return [entry for entry in entries if counts(entry)]


async def _names(work: Work, entries: tuple[Entry, ...], character: Character) -> dict[UUID, str]:
    others = {entry.character for entry in entries if entry.character is not None} - {character.id}
    names = {character.id: character.name}
    async with work.log.pool.connection() as connection:
        for other in others:
            found = await catalog.character(connection, work.log.vault, other)
            names[other] = found.name if found else "a former character"
    return names
