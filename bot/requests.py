"""The one append by which a message enters the log: what was said, and a turn for each character that is to answer."""

from collections.abc import Sequence

from bot.triggers import Trigger
from engine import ids
from engine.events.base import Tags
from engine.events.build import Cause, new
from engine.events.message import MessageDeclined, MessageDeleted, MessageEdited, MessageReceived
from engine.events.turn import TurnCancelled, TurnRequested
from engine.store import NewEvent


def received(message: MessageReceived, triggers: Sequence[Trigger], declined: MessageDeclined | None = None) -> tuple[NewEvent, ...]:
    """MessageReceived first, so that its id makes a repeat of the whole append a no-op; then one TurnRequested per trigger.

    Last what the gate declined.
    """
    message_event = ids.message_event(message.message_id, "received")
    said = new(message, message_event, cause=Cause(message_event), occurred_at=ids.snowflake_time(message.message_id))
    turns = (requested(message, trigger, slot) for slot, trigger in enumerate(triggers))
    if declined is None:
        return said, *turns
    return said, *turns, new(declined, ids.message_event(message.message_id, "declined"), cause=Cause(message_event, message_event))


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
    return new(event, ids.derived("turn-requested", turn_id), cause=Cause(cause, cause))


def deleted(message: MessageDeleted, user_id: int | None) -> NewEvent:
    """A message is gone."""
    cause = Cause(ids.message_event(message.message_id, "received"), tags=Tags(user=user_id))
    return new(message, ids.message_event(message.message_id, "deleted"), cause=cause)


def edited(message: MessageEdited) -> NewEvent:
    """The text of a message is another one now."""
    cause = Cause(ids.message_event(message.message_id, "received"))
    return new(message, ids.message_event(message.message_id, f"edited {message.edited_ms}"), cause=cause)


def cancelled(event: TurnCancelled) -> NewEvent:
    """A turn ends without an answer; a no-op when it has ended already."""
    return new(event, ids.terminal(event.turn_id), cause=Cause(ids.message_event(event.message_id, "received")))
