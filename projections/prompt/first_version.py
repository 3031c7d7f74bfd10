"""What prompts of version 1 did not record, found in the log again: the edits their texts had, and the descriptions they showed."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from engine.events import Tags
from engine.events.message import MessageEdited, MessageReceived
from engine.events.turn import GenerationStarted, TurnCompleted
from engine.store import Log, Query
from projections.prompt.section import Chosen
from projections.prompt.sections import character, history


async def completed(log: Log, started: GenerationStarted, channel: int, chosen: Mapping[str, Chosen]) -> dict[str, Chosen]:
    """The same choice with the references that sections record today."""
    positions = started.history_ids
    edits = await _edits(log, channel, min(positions, default=0), started.as_of)
    refs, speakers = [], set()
    found = {recorded.position: recorded.event for recorded in await log.at(positions)}
    for position in positions:
        event = found.get(position)
        edit = edits.get(event.message_id) if isinstance(event, MessageReceived) else None
        speakers |= {event.character_id} if isinstance(event, TurnCompleted) else set()
        refs.append(f"{position}~{edit}" if edit else str(position))
    until = started.catalog_as_of
    others = [f"c:{speaker}@{until}" for speaker in sorted(speakers - {started.character_id})]
    known = {
        history.NAME: Chosen((*others, *refs), dropped=started.dropped),
        character.NAME: Chosen((f"{started.character_id}@{until}",)),
    }
    return {name: known.get(name, before) for name, before in chosen.items()}


async def _edits(log: Log, channel: int, after: int, until: int) -> dict[int, int]:
    """Message id -> position of its last edit in between."""
    query = Query(after=after, until=until, types=frozenset({"message.edited"}), tags=Tags(channel=channel))
    return {recorded.event.message_id: recorded.position async for recorded in log.read(query) if isinstance(recorded.event, MessageEdited)}


def addressed(data: Mapping[str, Any]) -> dict[str, Any]:
    """The data with the name of who was answered in the description, where version 1 had it."""
    card, talk = data[character.NAME], data[history.NAME]
    return {**data, character.NAME: replace(card, user=talk.lines[-1].entry.author_name)}
