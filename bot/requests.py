"""The one append by which a message enters the log: what was said, and a turn for each character that is to answer."""

from collections.abc import Sequence
from typing import Literal
from uuid import UUID

from bot.triggers import Decision, Trigger
from engine import ids
from engine.decide.gate import record
from engine.events.base import Tags
from engine.events.build import Cause, new
from engine.events.message import MessageCued, MessageDeleted, MessageDrafted, MessageEdited, MessageQuoted, MessageReceived
from engine.events.scene import MessageWhispered
from engine.events.turn import TurnCancelled, TurnRequested
from engine.store import NewEvent
from projections.models.turns import Turn


def received(message: MessageReceived, found: Decision, quotes: Sequence[MessageQuoted] = ()) -> tuple[NewEvent, ...]:
    """MessageReceived first, so that its id makes a repeat of the whole append a no-op; then what it points to, and one TurnRequested

    per trigger. Last who was drawn by the strategy, and what the gate declined.
    """
    message_event = ids.message_event(message.message_id, "received")
    cause = Cause(message_event, message_event)
    said = new(message, message_event, cause=Cause(message_event), occurred_at=ids.snowflake_time(message.message_id))
    turns = (requested(message, trigger, slot) for slot, trigger in enumerate(found.triggers))
    records = {"drafted": _drafted(message, found), "declined": record(message, found.verdict)}
    kept = (new(event, ids.message_event(message.message_id, kind), cause=cause) for kind, event in records.items() if event is not None)
    pointed = (
        new(quote, ids.message_event(message.message_id, f"quoted {quote.number}"), cause=Cause(message_event, message_event))
        for quote in quotes
    )
    return said, *pointed, *turns, *kept


def whispered(message: MessageReceived, to: Sequence[UUID]) -> NewEvent:
    """A message is for these characters alone."""
    event = MessageWhispered(
        message_id=message.message_id,
        channel_id=message.channel_id,
        guild_id=message.guild_id,
        author_id=message.author_id,
        venue=message.venue,
        to=tuple(to),
    )
    said = ids.message_event(message.message_id, "received")
    return new(event, ids.message_event(message.message_id, "whispered"), cause=Cause(said, said))


def cued(cue: MessageCued, trigger: Trigger) -> tuple[NewEvent, ...]:
    """A character speaks without a message: what stands in its place, and the turn."""
    event_id = ids.message_event(cue.message_id, "received")
    return new(cue, event_id, cause=Cause(event_id), occurred_at=ids.snowflake_time(cue.message_id)), requested(cue, trigger)


def _drafted(message: MessageReceived, found: Decision) -> MessageDrafted | None:
    if not found.drawn:
        return None
    return MessageDrafted(
        message_id=message.message_id,
        channel_id=message.channel_id,
        guild_id=message.guild_id,
        author_id=message.author_id,
        venue=message.venue,
        strategy=found.strategy,
        drawn=tuple(found.drawn[:50]),
    )


def requested(message: MessageReceived | MessageCued, trigger: Trigger, slot: int = 0, epoch: int = 0) -> NewEvent:
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
        may_decline=trigger.may_decline,
    )
    return new(event, ids.derived("turn-requested", turn_id), cause=Cause(cause, cause))


def deleted(message: MessageDeleted, user_id: int | None) -> NewEvent:
    """A message is gone."""
    cause = Cause(ids.message_event(message.message_id, "received"), tags=Tags(user=user_id))
    return new(message, ids.message_event(message.message_id, "deleted"), cause=cause)


def edited(message: MessageEdited) -> NewEvent:
    """The text of a message is another one now."""
    cause = Cause(ids.message_event(message.message_id, "received"))
    if message.proxy_id is not None:
        return new(message, ids.message_event(message.proxy_id, "proxied"), cause=cause)
    return new(message, ids.message_event(message.message_id, f"edited {message.edited_ms}"), cause=cause)


def cancelled(turn: Turn, why: Literal["message deleted", "stopped"]) -> NewEvent:
    """A turn ends without an answer; a no-op when it has ended already."""
    event = TurnCancelled(
        turn_id=turn.turn,
        message_id=turn.message_id,
        channel_id=turn.channel,
        guild_id=turn.guild,
        user_id=turn.user_id,
        character_id=turn.character,
        venue=turn.venue,
        why=why,
    )
    return new(event, ids.terminal(turn.turn), cause=Cause(ids.message_event(turn.message_id, "received")))
