"""The one append by which a message enters the log: what was said, and a turn for each character that is to answer."""

from collections.abc import Sequence
from uuid import UUID

from bot.triggers import Trigger
from engine import ids
from engine.events.base import Tags, user_subject
from engine.events.message import MessageDeleted, MessageReceived
from engine.events.turn import TurnCancelled, TurnRequested
from engine.store import NewEvent


def message_stream(message_id: int) -> str:
    """Stream of what happens to one message."""
    return f"message:{message_id}"


def turn_stream(turn_id: UUID) -> str:
    """Stream of one turn, from its request to its end."""
    return f"turn:{turn_id}"


def request_id(turn_id: UUID) -> UUID:
    """Id of the event that requested a turn."""
    return ids.derived("turn-requested", turn_id)


def received(message: MessageReceived, triggers: Sequence[Trigger]) -> tuple[NewEvent, ...]:
    """MessageReceived first, so that its id makes a repeat of the whole append a no-op; then one TurnRequested per trigger."""
    message_event = ids.message_event(message.message_id, "received")
    said = NewEvent(
        message,
        stream=message_stream(message.message_id),
        id=message_event,
        tags=Tags(guild=message.guild_id, channel=message.channel_id, user=message.author_id),
        subjects=(user_subject(message.author_id),),
        occurred_at=ids.snowflake_time(message.message_id),
        correlation=message_event,
    )
    return said, *(requested(message, trigger, slot) for slot, trigger in enumerate(triggers))


def requested(message: MessageReceived, trigger: Trigger, slot: int = 0, epoch: int = 0) -> NewEvent:
    """The turn in which one character answers."""
    turn_id = ids.turn(message.message_id, trigger.character, epoch)
    cause = ids.message_event(message.message_id, "received")
    event = TurnRequested(
        turn_id=turn_id,
        message_id=message.message_id,
        channel_id=message.channel_id,
        guild_id=message.guild_id,
        user_id=message.author_id,
        character_id=trigger.character,
        venue=message.venue,
        trigger=trigger.kind,
        reason=trigger.reason,
        slot=slot,
        epoch=epoch,
    )
    tags = Tags(message.guild_id, message.channel_id, message.author_id, trigger.character, turn_id)
    return NewEvent(event, stream=turn_stream(turn_id), id=request_id(turn_id), tags=tags, correlation=cause, causation=cause)


def deleted(message: MessageDeleted, user_id: int | None) -> NewEvent:
    """A message is gone."""
    return NewEvent(
        message,
        stream=message_stream(message.message_id),
        id=ids.message_event(message.message_id, "deleted"),
        tags=Tags(guild=message.guild_id, channel=message.channel_id, user=user_id),
        correlation=ids.message_event(message.message_id, "received"),
    )


def cancelled(event: TurnCancelled) -> NewEvent:
    """A turn ends without an answer; a no-op when it has ended already."""
    return NewEvent(
        event,
        stream=turn_stream(event.turn_id),
        id=ids.terminal(event.turn_id),
        tags=Tags(event.guild_id, event.channel_id, event.user_id, event.character_id, event.turn_id),
        correlation=ids.message_event(event.message_id, "received"),
    )
