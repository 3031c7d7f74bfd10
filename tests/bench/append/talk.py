"""Whole turns as the processes write them, seven events each, in the same groups: what the log of a busy server looks like."""

import asyncio
import itertools
import random
from collections.abc import Iterator
from uuid import UUID

from engine import ids
from engine.events.base import Event, Tags, user_subject
from engine.events.message import MessageDeleted, MessageEdited, MessageReceived
from engine.events.reply import Chunk, ChunkDelivered, DeliveryIntended, ReplyDelivered
from engine.events.turn import GenerationStarted, PromptSection, Timing, TurnCompleted, TurnRequested, Usage
from engine.store import Log, NewEvent

FIRST_ID = 1_350_000_000_000_000_000
PEOPLE, CHANNELS, CHARACTERS = 500, 100, 20
_WORDS = "The tavern keeper wipes a mug, looks up and asks what brings you here on a night like this, stranger. "
Group = tuple[NewEvent, ...]


def turn(number: int, noise: random.Random) -> Iterator[Group]:
    """The groups of appends of one turn. About one message in a hundred is edited or deleted afterwards."""
    message, user = FIRST_ID + number * 8_192, FIRST_ID + number * 7 % PEOPLE
    channel, character = FIRST_ID + number * 13 % CHANNELS, ids.derived("bench character", number % CHARACTERS)
    turn_id = ids.turn(message, character)
    place = {"message_id": message, "channel_id": channel, "guild_id": FIRST_ID, "venue": "discord"}
    whose = place | {"turn_id": turn_id, "character_id": character, "user_id": user}
    tags = Tags(FIRST_ID, channel, user, character, turn_id)

    def about(event: Event, key: UUID) -> NewEvent:
        return NewEvent(event, f"turn:{turn_id}", key, tags, (user_subject(user),), correlation=turn_id)

    def said(event: Event, kind: str) -> NewEvent:
        return NewEvent(event, f"message:{message}", ids.message_event(message, kind), Tags(FIRST_ID, channel, user), (user_subject(user),))

    text, sent = _WORDS * noise.randint(1, 4), message + 4_096
    received = MessageReceived.model_validate(place | {"author_id": user, "text": text, "author_name": "Somebody"})
    requested = TurnRequested.model_validate(whose | {"trigger": "activation", "reason": "active here"})
    yield said(received, "received"), about(requested, ids.derived("requested", turn_id))
    started = GenerationStarted(
        turn_id=turn_id,
        attempt=1,
        character_id=character,
        model="some/model",
        provider="openrouter",
        as_of=number,
        prompt_version=1,
        prompt_sha256="0" * 64,
        prompt_tokens=900,
        user_id=user,
        begins=message,
        sections=(PromptSection(name="history", refs=tuple(map(str, range(message, message + 10)))),),
    )
    yield (about(started, ids.derived("started", turn_id)),)
    ended = {"attempt": 1, "model": "some/model", "provider": "openrouter", "finish_reason": "stop", "usage": Usage(prompt_tokens=900)}
    completed = TurnCompleted.model_validate(whose | ended | {"timing": Timing(finished=900.0), "text": _WORDS * noise.randint(1, 6)})
    yield (about(completed, ids.terminal(turn_id)),)
    venue = {name: whose[name] for name in ("turn_id", "channel_id", "venue")}
    intended = venue | {"kind": "reply", "after_message_id": message, "chunks": (Chunk(sha256="0" * 64, length=100),)}
    yield (about(DeliveryIntended.model_validate(intended), ids.derived("intended", turn_id)),)
    chunk = ChunkDelivered.model_validate(venue | {"index": 0, "total": 1, "message_id": sent})
    done = {name: whose[name] for name in ("turn_id", "channel_id", "guild_id", "user_id", "character_id", "venue")}
    delivered = ReplyDelivered.model_validate(done | {"kind": "reply", "message_ids": (sent,)})
    yield about(chunk, ids.derived("chunk", turn_id, 0)), about(delivered, ids.derived("delivered", turn_id))
    if noise.random() < 0.01:
        yield (said(MessageDeleted.model_validate(place), "deleted"),)
    elif noise.random() < 0.01:
        edited = MessageEdited.model_validate(place | {"author_id": user, "edited_ms": 1, "text": "never mind"})
        yield (said(edited, "edited"),)


async def fill(log: Log, events: int, *, start: int = 0, producers: int = 128, seed: int = 1) -> int:
    """Append turns until the log has at least so many events more; returns how many turns."""
    noise, numbers = random.Random(seed), itertools.count(start)
    wanted = await log.head() + events
    reached = 0

    async def produce() -> None:
        nonlocal reached
        while reached < wanted:
            for group in turn(next(numbers), noise):
                reached = max(reached, (await log.append(*group)).positions[-1])

    await asyncio.gather(*(produce() for _ in range(producers)))
    return next(numbers) - start
