"""What a turn needs from the read models, read in one transaction, so that it is all of one moment."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from engine import ids
from engine.events.preset import Parameters, PresetSheet, Window
from engine.store.connect import Connection
from projections.follow import runner
from projections.models import catalog, history, keys, provider_models, windows
from projections.models.catalog import Character, Preset
from projections.models.history import Entry
from projections.models.turns import Turn
from projections.snapshot import snapshot
from worker.turn.answer import Candidate
from worker.work import Work

BYTES_PER_TOKEN = 16
"""More than any script needs: what lies further back than this much text can be in no prompt, and is not read."""
SPARE_ENTRIES = 20
"""Entries read beyond the window: those said after the turn's message do not count."""
EARLIER_REPLIES = 25


@dataclass(frozen=True, slots=True)
class Context:
    """`entries` oldest first, the message to answer last; `older`: there are more before them.

    `as_of` are the positions history and catalog were read at.
    """

    character: Character
    candidates: tuple[Candidate, ...]
    entries: tuple[Entry, ...]
    names: dict[UUID, str]
    begin: int | None
    older: bool
    as_of: int
    catalog_as_of: int
    own_key: keys.Key | None

    @property
    def preset(self) -> Preset:
        return self.candidates[0].preset

    @property
    def earlier(self) -> list[str]:
        """What a new reply must not repeat: the character's last replies, and the message itself."""
        replies = [entry.text for entry in self.entries if entry.kind == "reply" and entry.character == self.character.id]
        return [*replies[-EARLIER_REPLIES:], self.entries[-1].text]


class Missing(Exception):
    """What the turn is about is not there any more: `character` or `message`."""


async def read(work: Work, turn: Turn) -> Context:
    """Raises Missing."""
    async with work.log.pool.connection() as connection, snapshot(connection):
        standing = {entry.name: entry.position for entry in await runner.progress(connection) if entry.role == "live"}
        if await history.is_gone(connection, turn.message_id):
            raise Missing("message")
        character = await catalog.character(connection, work.log.vault, turn.character)
        if character is None or character.erased:
            raise Missing("character")
        presets = await _presets(connection, work, character, turn.user_id)
        entries, older = await _entries(connection, work, turn, standing["history"], presets[0].window)
        return Context(
            character=character,
            candidates=await _candidates(connection, presets),
            entries=entries,
            names=await _names(connection, work, entries, character),
            begin=await windows.begins(connection, turn.channel, turn.character),
            older=older,
            as_of=standing["history"],
            catalog_as_of=standing["catalog"],
            own_key=await keys.of_user(connection, turn.user_id, work.endpoint.name),
        )


async def _presets(connection: Connection, work: Work, character: Character, user_id: int) -> list[Preset]:
    """The preset that answers, then the one for people without a key."""
    defaults = await catalog.defaults(connection, user_id)
    known = await catalog.answering(connection, work.log.vault, (character.preset, defaults.own, defaults.everybody))
    chosen = catalog.chosen(known, character.preset, defaults, user_id)
    free = [preset for preset in reversed(known) if preset.is_global and preset.is_free_default][:1]
    return [chosen or fixed(work.settings.default_model), *free]


def fixed(model: str) -> Preset:
    """What answers when nobody made a preset."""
    sheet = PresetSheet(name="Built in", model=model, is_global=True, is_default=True, parameters=Parameters(temperature=0.7))
    return Preset(id=UUID(int=0), owner_id=None, position=0, sheet=sheet)


async def _candidates(connection: Connection, presets: Sequence[Preset]) -> tuple[Candidate, ...]:
    wanted: dict[str, Preset] = {}
    for preset in presets:
        for model in (preset.model, *preset.fallback_models):
            wanted.setdefault(model, preset)
    known = await provider_models.known(connection, list(wanted))
    return tuple(Candidate(known[model], preset) for model, preset in wanted.items())


async def _entries(connection: Connection, work: Work, turn: Turn, until: int, window: Window) -> tuple[tuple[Entry, ...], bool]:
    limit = window.max_messages + SPARE_ENTRIES
    while True:
        found = await history.recent(
            connection,
            work.log.vault,
            turn.channel,
            until=until,
            limit=limit,
            since=ids.snowflake_time(turn.message_id) - timedelta(seconds=window.max_age_s) if window.max_age_s else None,
            character=turn.character,
            asked=turn.position,
            most_bytes=BYTES_PER_TOKEN * max(window.context_tokens, 65_536),
        )
        trigger = next((entry for entry in found if entry.message_id == turn.message_id), None)
        if trigger is not None:
            return (*relevant(found, trigger), trigger), len(found) >= limit
        if len(found) < limit:
            raise Missing("message")
        limit *= 2  # a backlog: more answers to earlier messages came after this one than was spared for


def relevant(entries: Sequence[Entry], trigger: Entry) -> list[Entry]:
    """What belongs before a message: what was there when it came, and answers to earlier messages that came later."""
    asked = {entry.message_id: entry.position for entry in entries if entry.kind == "message"}

    def counts(entry: Entry) -> bool:
        answered = asked.get(entry.reply_to, entry.position) if entry.kind == "reply" else entry.position
        return answered < trigger.position

    return [entry for entry in entries if counts(entry)]


async def _names(connection: Connection, work: Work, entries: tuple[Entry, ...], character: Character) -> dict[UUID, str]:
    names = {character.id: character.name}
    for other in {entry.character for entry in entries if entry.character is not None} - {character.id}:
        found = await catalog.character(connection, work.log.vault, other)
        names[other] = found.name if found else "a former character"
    return names
