"""Characters that speak first (A19): where a channel allows it, after some time without a word, as engine.decide.speaking.initiative says.

Any number of workers may look: the moment, and with it the ids, follow from the log alone, so that it happens once.
"""

import asyncio
from collections.abc import Sequence
from typing import NoReturn
from uuid import UUID

from engine import clock, ids
from engine import log as engine_log
from engine.decide.channel import Where
from engine.decide.speaking import denial, initiative
from engine.decide.speaking.draft import Rolls
from engine.events.base import Event
from engine.events.build import Cause, new
from engine.events.channel import ChannelEdited
from engine.events.message import MessageCued, MessageReceived
from engine.events.turn import TurnRequested
from engine.resources.channel import ChannelSheet
from engine.store import Log, NewEvent, Recorded, connect
from projections.models import access, catalog, channels, history, turns
from projections.models.catalog import Character
from projections.models.places import chat_marks
from worker.work import Work

EVERY_SECONDS = 30.0
_log = engine_log.get("initiative")


async def keep(work: Work) -> NoReturn:
    """Look every EVERY_SECONDS, for ever."""
    while True:
        await asyncio.sleep(EVERY_SECONDS)
        try:
            await look(work.log)
        except Exception as error:  # whatever it was, the next round looks again
            _log.warning("cannot look for quiet channels", error=type(error).__name__)


async def look(log: Log) -> int:
    """Let a character speak first wherever it is time; returns in how many channels."""
    async with log.pool.connection() as connection:
        where = await channels.beginning(connection)
        gone = await chat_marks.deleted(connection, where) if where else frozenset()
    return sum([await _tried(log, place, sheet) for channel, (place, sheet) in where.items() if channel not in gone])


async def _tried(log: Log, place: Where, sheet: ChannelSheet) -> bool:
    try:
        return await _begun(log, place, sheet)
    except connect.TROUBLE:
        raise
    except Exception as error:  # one channel with something odd in it must not keep all others silent
        _log.error("a quiet channel could not be looked at", channel=place.channel_id, exc_info=error)
        return False


async def _begun(log: Log, place: Where, sheet: ChannelSheet) -> bool:
    channel = place.channel_id
    async with log.pool.connection() as connection:
        heard = await history.newest_human(connection, channel)
        spoken = await turns.began(connection, channel, limit=sheet.first_a_day)
    due = initiative.due_at(sheet, ids.snowflake_time(heard) if heard is not None else None, spoken)
    if due is None or not initiative.is_due(clock.now(), due):
        return False  # most often: nobody's description is opened for that
    async with log.pool.connection() as connection:
        able = await _able(connection, log, await channels.active_in(connection, channel))
    if not able or (opener := await _opener(log, channel)) is None:
        return False
    async with log.pool.connection() as connection:
        denials = await access.of_person(connection, opener)
    if denial.here(denials, place.guild_id, (channel,)) is not None:
        return False
    message = initiative.message_id(channel, due)
    chosen, roll = Rolls(ids.message_event(message, "received")).one(able)
    said = await log.find(ids.message_event(heard or 0, "received"))
    appended = await log.append(*_events(_cue(place, message, opener, said), chosen, roll))
    return not appended.repeated


async def _able(connection: connect.Connection, log: Log, active: Sequence[UUID]) -> list[Character]:
    """Who may begin. Characters for adults never do: whether the channel is age-restricted is known to Discord alone."""
    found = []
    for one in active:
        character = await catalog.character(connection, log.vault, one)
        if character is not None and not character.sheet.adult and character.sheet.talkativeness > 0:
            found.append(character)
    return found


async def _opener(log: Log, channel: int) -> int | None:
    """Who switched it on, and so answers for what it costs; None when it is off."""
    opener: int | None = None
    for recorded in await log.stream(f"channel:{channel}"):
        if isinstance(event := recorded.event, ChannelEdited):
            opener = None if event.idle_h is None else event.by_user_id if opener is None else opener
    return opener


def _cue(place: Where, message: int, opener: int, said: Recorded[Event] | None) -> MessageCued:
    """What stands in the place of a message: where people spoke last, which may be a thread."""
    last = said.event if said is not None and isinstance(said.event, MessageReceived) else None
    return MessageCued(
        message_id=message,
        channel_id=place.channel_id,
        guild_id=place.guild_id,
        parent_channel_id=last.parent_channel_id if last else None,
        author_id=opener,
        channel_kind=last.channel_kind if last else "guild",
        venue=place.venue,
        why="initiative",
    )


def _events(cue: MessageCued, character: Character, roll: float) -> tuple[NewEvent, ...]:
    turn = TurnRequested(
        turn_id=ids.turn(cue.message_id, character.id),
        message_id=cue.message_id,
        channel_id=cue.channel_id,
        guild_id=cue.guild_id,
        user_id=cue.author_id,
        character_id=character.id,
        venue=cue.venue,
        trigger="initiative",
        reason=f"nobody had spoken for a while, and it was drawn to begin: {roll:.2f}",
    )
    root = ids.message_event(cue.message_id, "received")
    said = new(cue, root, cause=Cause(root), occurred_at=ids.snowflake_time(cue.message_id))
    return said, new(turn, ids.derived("turn-requested", turn.turn_id), cause=Cause(root, root))
