"""The prompt of a past turn, built again from the log: equal byte for byte, or it is said that it is not."""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from engine import ids
from engine.events import Event, Tags
from engine.events.character import CharacterCreated, CharacterDeleted, Description
from engine.events.message import MessageEdited, MessageReceived
from engine.events.turn import GenerationStarted, TurnCompleted, TurnRequested
from engine.store import Log, Query, Recorded
from engine.store.codec import ERASED
from projections.models.history import Entry
from projections.prompt import assemble
from projections.prompt.assemble import Ingredients, Prompt
from projections.prompt.situation import Situation


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """A prompt as it was sent. `equal`: its hash is the one noted when it was. `version` is that of the rules it was built by now."""

    prompt: Prompt
    equal: bool
    erased: bool
    version: int = assemble.VERSION


async def rebuild(log: Log, started: GenerationStarted, memories: str = "") -> Rebuilt:
    """The exact prompt of a call. Texts whose person was erased are blank, and then it is not equal. LookupError: its turn is not there.

    `memories` is the section as it was then; a prompt with memories cannot be rebuilt without it.
    """
    request = await _request(log, started.turn_id)
    entries = await _entries(log, started, request.channel_id)
    speakers = {entry.character for entry in entries if entry.character is not None}
    described = {who: await _description(log, who, started.catalog_as_of) for who in speakers | {started.character_id}}
    ingredients = Ingredients(
        character=started.character_id,
        description=described[started.character_id] or Description(name=ERASED),
        entries=entries,
        names=_names(described),
        situation=Situation(now=ids.snowflake_time(request.message_id), venue=request.venue, memories=memories),
        exact=True,
    )
    prompt = assemble.assemble(ingredients, budget=1_000_000_000)
    return Rebuilt(prompt, prompt.sha256 == started.prompt_sha256, any(entry.erased for entry in entries))


def _names(described: Mapping[UUID, Description | None]) -> dict[UUID, str]:
    return {who: found.name if found else "a former character" for who, found in described.items()}


async def _request(log: Log, turn: UUID) -> TurnRequested:
    for recorded in await log.stream(f"turn:{turn}"):
        if isinstance(recorded.event, TurnRequested):
            return recorded.event
    raise LookupError(f"turn {turn} is not in the log")


async def _description(log: Log, character: UUID, until: int) -> Description | None:
    """A character's description as it was at a position; None when it was deleted."""
    found, there = None, False
    async for recorded in log.read(Query(stream=f"character:{character}", until=until)):
        event = recorded.event
        found = event.description if isinstance(event, CharacterCreated) else found
        there = not isinstance(event, CharacterDeleted)
    return found if there else None


async def _entries(log: Log, started: GenerationStarted, channel: int) -> list[Entry]:
    """What was said, in the order in which the prompt had it."""
    found = {recorded.position: recorded for recorded in await log.at(started.history_ids)}
    edits = await _edits(log, channel, min(started.history_ids, default=0), started.as_of)
    return [_entry(found.get(position), position, edits) for position in started.history_ids]


def _entry(recorded: Recorded[Event] | None, position: int, edits: Mapping[int, MessageEdited]) -> Entry:
    if recorded is not None and isinstance(recorded.event, MessageReceived):
        return _said(recorded, recorded.event, edits.get(recorded.event.message_id))
    if recorded is not None and isinstance(recorded.event, TurnCompleted):
        return _replied(recorded, recorded.event)
    raise LookupError(f"position {position} of the log is nothing that was said")


async def _edits(log: Log, channel: int, after: int, until: int) -> dict[int, MessageEdited]:
    """The last edit of each message in between."""
    query = Query(after=after, until=until, types=frozenset({"message.edited"}), tags=Tags(channel=channel))
    events = [recorded.event async for recorded in log.read(query)]
    return {event.message_id: event for event in events if isinstance(event, MessageEdited)}


def _said(recorded: Recorded[Event], event: MessageReceived, edit: MessageEdited | None) -> Entry:
    return Entry(
        position=recorded.position,
        channel=event.channel_id,
        venue=event.venue,
        kind="message",
        message_id=event.message_id,
        turn=None,
        character=None,
        author_id=event.author_id,
        author_kind=event.author_kind,
        author_name=event.author_name,
        reply_to=event.reply_to,
        sent_at=ids.snowflake_time(event.message_id),
        text=edit.text if edit else event.text,
        edited=edit is not None,
        erased=recorded.erased,
        attachments=edit.attachments if edit else event.attachments,
        forwards=event.forwards,
    )


def _replied(recorded: Recorded[Event], event: TurnCompleted) -> Entry:
    return Entry(
        position=recorded.position,
        channel=event.channel_id,
        venue=event.venue,
        kind="reply",
        message_id=None,
        turn=event.turn_id,
        character=event.character_id,
        author_id=event.user_id,
        author_kind="character",
        author_name="",
        reply_to=event.message_id,
        sent_at=recorded.row.occurred_at,
        text=event.text,
        edited=False,
        erased=recorded.erased,
    )
