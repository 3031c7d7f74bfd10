"""What a delivery needs to know of the log, looked up all at once; and, where it can, before the answer is due."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from uuid import UUID

from bot.delivery import reply
from bot.delivery.records import stream
from bot.delivery.reply import Versions
from bot.scripts import scripts_of
from engine import ids
from engine.events.base import Event
from engine.events.turn import TurnCompleted, TurnFailed
from engine.macros.scripts import Script
from engine.store import Log, Recorded
from engine.store.together import answers, together
from projections.models import catalog
from projections.models.catalog import Character
from projections.models.deliveries import Delivery


@dataclass(frozen=True, slots=True)
class Facts:
    """`cause` is the event by which something became due, `said` the message that is answered, `known` the versions of its reply.

    `deleted`: that message was taken away. `streams` are what the log tells of the delivery of some versions. All of it is of the
    moment it was looked up: good for one try by whoever has the right to post there since before that moment.
    """

    cause: Recorded[Event]
    known: Versions
    character: Character | None
    rules: Sequence[Script]
    said: Recorded[Event] | None
    deleted: bool
    streams: Mapping[UUID, Sequence[Recorded[Event]]]

    @property
    def position(self) -> int:
        return self.cause.position


@dataclass(frozen=True, slots=True)
class About:
    """Which delivery: `turn` answers the message as the character."""

    turn: UUID
    message_id: int
    character: UUID
    guild: int | None


async def cause_at(log: Log, position: int) -> Recorded[Event] | None:
    """The event at a position; None where it cannot be had now."""
    with suppress(Exception):  # whoever delivers the answer meets it again: it must not hold up its channel for ever
        return next(iter(await log.at([position])), None)
    return None


async def ahead(log: Log, cause: Recorded[Event]) -> Facts | None:
    """The facts about an answer that a turn's end made due, before the read models know it. None where they are looked up later."""
    with suppress(Exception):  # whoever delivers the answer meets it again, and knows what to do about it
        if isinstance(end := cause.event, TurnCompleted | TurnFailed):
            return await _facts(log, cause, About(end.turn_id, end.message_id, end.character_id, end.guild_id))
    return None


def became_due(cause: Recorded[Event]) -> Delivery | None:
    """The answer that a turn's end made due, as the read model will have it; None for any other event. Pure."""
    end, row = cause.event, cause.row
    if not isinstance(end, TurnCompleted | TurnFailed):
        return None
    return Delivery(
        turn=end.turn_id,
        venue=end.venue,
        channel=end.channel_id,
        guild=end.guild_id,
        character=end.character_id,
        user_id=end.user_id,
        message_id=end.message_id,
        kind="reply" if isinstance(end, TurnCompleted) else "error",
        status="due",
        position=row.position,
        due_at=row.occurred_at,
        webhook_id=None,
        chunks=(),
        sent={},
        done_position=None,
        done_at=None,
    )


async def facts(log: Log, position: int, about: About) -> Facts:
    """The facts about what became due by the event at this position."""
    cause = (await log.at([position]))[0]
    async with log.pool.connection() as connection:
        found: Facts = (await together(connection, _facts(log.upon(connection), cause, about)))[0]
    return found


async def _facts(log: Log, cause: Recorded[Event], about: About) -> Facts:
    known, character, rules, said, deleted, told = await answers(
        reply.versions(log, about.message_id, about.character, cause),
        _character(log, about.character),
        scripts_of(log, about.character, about.guild),
        log.find(ids.message_event(about.message_id, "received")),
        log.row(ids.message_event(about.message_id, "deleted")),
        log.stream(stream(about.turn)),
    )
    return Facts(cause, known, character, rules, said, deleted is not None, {about.turn: told})


async def _character(log: Log, character_id: UUID) -> Character | None:
    async with log.pool.connection() as connection:
        return await catalog.character(connection, log.vault, character_id)
