"""Shows the answers of the playground: appends the same events as a delivery to Discord, for messages that only exist here.

Idempotent and ordered: the answers to one message appear in the order of its triggers, each of them once.
"""

import asyncio
import hashlib
from typing import Literal, assert_never

from bot.console.state import VENUE, Console
from bot.notices import error_notice
from engine import ids, log
from engine.bus import consumer, subjects
from engine.bus.consumer import TRANSIENT, Retry
from engine.bus.reference import Reference
from engine.events import Event, Tags
from engine.events.reply import Chunk, ChunkDelivered, DeliveryIntended, ReplyDelivered
from engine.events.turn import TurnCompleted, TurnFailed
from engine.failpoints import failpoint
from engine.store import NewEvent, Recorded
from projections.follow import runner
from projections.models import catalog, deliveries, turns

SWEEP_SECONDS = 5.0
_log = log.get("console")
Outcome = TurnCompleted | TurnFailed


async def run(console: Console) -> None:
    """Deliver as the bus says so, and look for what it did not say. For ever."""
    sweeping = asyncio.create_task(sweep(console), name="playground sweep")
    try:
        await _listen(console)
    finally:
        sweeping.cancel()
        await asyncio.gather(sweeping, return_exceptions=True)


async def _listen(console: Console) -> None:
    url = console.settings.nats_url
    if url is None:
        _log.warning("no NATS_URL: replies in the playground appear by looking for them")
        await asyncio.Event().wait()
        return

    async def handle(reference: Reference) -> None:
        await on_ended(console, reference)

    async with consumer.consume(url, console.log, subjects.PLAYGROUND, handle, concurrency=4, drain_seconds=3.0):
        await asyncio.Event().wait()


async def sweep(console: Console) -> None:
    """Deliver what is due, now and every few seconds. For ever."""
    while True:
        try:
            async with console.log.pool.connection() as connection:
                due = await deliveries.unfinished(connection, venue=VENUE)
            for message_id in dict.fromkeys(delivery.message_id for delivery in due):
                await deliver(console, message_id)
        except TRANSIENT as error:
            _log.warning("could not look for undelivered replies", error=type(error).__name__)
        await asyncio.sleep(SWEEP_SECONDS)


async def on_ended(console: Console, reference: Reference) -> None:
    """A turn of the playground has ended. Raises Retry while the read models are behind."""
    if not await runner.wait_for(console.log.pool, ("turns", "deliveries"), reference.position, seconds=2.0):
        raise Retry(0.5)
    recorded = await console.log.at([reference.position])
    if recorded and isinstance(outcome := recorded[0].event, TurnCompleted | TurnFailed):
        await deliver(console, outcome.message_id)


async def deliver(console: Console, message_id: int) -> int:
    """Show the answers to a message that are ready, up to the first that is not; returns how many were shown now."""
    shown = 0
    async with console.log.pool.connection() as connection:
        siblings = await turns.by_message(connection, message_id)
    for turn in siblings:
        if turn.status == "pending":
            break
        if turn.status == "cancelled" or turn.venue != VENUE:
            continue
        recorded = await console.log.find(ids.terminal(turn.turn))
        if recorded is not None and isinstance(recorded.event, TurnCompleted | TurnFailed):
            shown += await _show(console, recorded, recorded.event)
    return shown


async def _show(console: Console, recorded: Recorded[Event], outcome: Outcome) -> bool:
    failpoint("deliver.before_append")
    events = shown_by(outcome, await _text(console, outcome), console.snowflakes.next())
    tags = Tags(outcome.guild_id, outcome.channel_id, outcome.user_id, outcome.character_id, outcome.turn_id)
    news = [
        NewEvent(
            event,
            stream=f"delivery:{outcome.turn_id}",
            id=ids.derived(event.TYPE, outcome.turn_id),
            tags=tags,
            correlation=recorded.row.correlation,
            causation=recorded.id,
        )
        for event in events
    ]
    return not (await console.log.append(*news)).repeated


def shown_by(outcome: Outcome, text: str, message_id: int) -> tuple[DeliveryIntended, ChunkDelivered, ReplyDelivered]:
    """The events that say: this text is visible as one message. Nothing is sent, so they are stored together."""
    kind: Literal["reply", "error"]
    match outcome:
        case TurnCompleted():
            kind = "reply"
        case TurnFailed():
            kind = "error"
        case _:
            assert_never(outcome)
    turn, channel = outcome.turn_id, outcome.channel_id
    chunk = Chunk(sha256=hashlib.sha256(text.encode("utf-8", "replace")).hexdigest(), length=len(text))
    return (
        DeliveryIntended(turn_id=turn, channel_id=channel, venue=VENUE, kind=kind, after_message_id=outcome.message_id, chunks=(chunk,)),
        ChunkDelivered(turn_id=turn, channel_id=channel, venue=VENUE, index=0, total=1, message_id=message_id),
        ReplyDelivered(
            turn_id=turn,
            channel_id=channel,
            user_id=outcome.user_id,
            character_id=outcome.character_id,
            venue=VENUE,
            kind=kind,
            message_ids=(message_id,),
        ),
    )


async def _text(console: Console, outcome: Outcome) -> str:
    if isinstance(outcome, TurnCompleted):
        return outcome.text
    async with console.log.pool.connection() as connection:
        character = await catalog.character(connection, console.log.vault, outcome.character_id)
    return error_notice(outcome, character.description.error_message if character else "")
