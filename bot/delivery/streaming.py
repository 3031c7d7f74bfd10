"""Streaming by edit (A7): what a character is writing stands in the channel while it is written, changed at most once a second.

It is a comfort only. The final delivery reconciles whatever stands there with the finished text, so that it equals the unstreamed one;
whenever something is not clear here, streaming of that answer ends and the delivery does the rest.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from uuid import UUID

from bot.delivery import reply
from bot.delivery.adopt import chunk_of
from bot.delivery.deliverer import digest_for, place_of, speaker_of
from bot.delivery.errors import Busy, Refused, Unsure
from bot.delivery.queue import lease_of
from bot.delivery.records import Job
from bot.delivery.reply import Shown
from bot.delivery.venue import Speaker, Venue
from engine import clock, ids, log
from engine.store import Log
from projections.live import drafts, leases
from projections.live.leases import Lease
from projections.models import catalog, deliveries, history, turns
from projections.models.catalog import Character, Preset
from projections.models.turns import Turn

EVERY_S = 1.0
"""Between two changes in a channel."""
FIRST_AFTER_S = 1.0
"""From an answer's first words; one that is finished sooner is never streamed, whatever else grows in its channel."""
_log = log.get("streaming")


@dataclass(slots=True)
class Awaited:
    """An answer somebody writes. It is not shown before `due` (monotonic seconds): by then most are finished."""

    due: float
    growing: "Growing | None" = None


@dataclass(slots=True)
class Growing:
    """An answer that is being shown while it is made. `said` is what we made its messages say."""

    job: Job
    speaker: Speaker
    said: dict[int, str]


def _grows(character: Character, preset: Preset | None) -> bool:
    """Whether a character's replies are shown while they are written: as it says itself, else as its preset does. Pure."""
    if character.sheet.streaming != "preset":
        return character.sheet.streaming == "always"
    return preset is None or preset.stream


class Streams:
    """Shows growing answers of one venue. `on_cancelled` is called with the channel of one that came to nothing."""

    def __init__(self, log: Log, venue: Venue, on_cancelled: Callable[[int], None]) -> None:
        self._log, self._venue, self._on_cancelled = log, venue, on_cancelled
        self._waiting: dict[int, dict[UUID, Awaited]] = {}
        self._over: dict[UUID, None] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}

    async def on_draft(self, channel: int, turn: UUID) -> None:
        """A draft has grown; there are some ten such hints a second."""
        if turn in self._over:
            return
        self._waiting.setdefault(channel, {}).setdefault(turn, Awaited(clock.monotonic() + FIRST_AFTER_S))
        if channel not in self._tasks:
            self._tasks[channel] = asyncio.create_task(self._run(channel), name=f"streaming {channel}")

    def ended(self, turn: UUID) -> None:
        """An answer is delivered: nothing of it is to be shown before that any more. Most are so soon that nobody looked for them."""
        for channel in list(self._waiting):
            self._forget(channel, turn)

    async def close(self) -> None:
        """Stop; what stands there is finished by the delivery."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _run(self, channel: int) -> None:
        try:
            await asyncio.sleep(FIRST_AFTER_S)
            if not self._waiting.get(channel):
                return
            # One process streams in a channel, or two would change it twice a second.
            name = f"streaming:{self._venue.name}:{channel}"
            async with leases.held(self._log.pool, name, ids.random_id(), leases.POSTING_SECONDS) as lease:
                while lease is not None and not lease.lost.is_set() and self._waiting.get(channel):
                    await self._tick(channel)
                    await asyncio.sleep(EVERY_S)
        except Exception as error:  # a comfort that fails must not take anything with it
            _log.warning("streaming ended", channel=channel, error=type(error).__name__)
        finally:
            self._waiting.pop(channel, None)
            self._tasks.pop(channel, None)

    async def _tick(self, channel: int) -> None:
        """Change one message at most: that of the answer that waited longest."""
        for turn, awaited in list(self._waiting[channel].items()):
            if clock.monotonic() < awaited.due:
                continue
            outcome = await self._step(turn, awaited)
            if outcome == "over":
                self._forget(channel, turn)
            elif outcome == "changed":
                if turn in self._waiting[channel]:  # it was not delivered meanwhile
                    self._waiting[channel][turn] = self._waiting[channel].pop(turn)
                return

    def _forget(self, channel: int, turn: UUID) -> None:
        self._waiting[channel].pop(turn, None)
        self._over[turn] = None
        if len(self._over) > 1000:
            del self._over[next(iter(self._over))]

    async def _step(self, turn_id: UUID, awaited: Awaited) -> str:
        async with self._log.pool.connection() as connection:
            turn = await turns.get(connection, turn_id)
            draft = await drafts.get(connection, self._log.vault, turn_id)
        if turn is None:
            return "waits"
        if turn.status != "pending":
            if turn.status == "cancelled":
                self._on_cancelled(turn.channel)
            return "over"
        growing = awaited.growing = awaited.growing or await self._begun(turn)
        if growing is None:
            return "over"
        texts = self._venue.cut(draft.text, growing.speaker, growing.job.place) if draft is not None else ()
        try:
            async with leases.held(self._log.pool, lease_of(self._venue.name, turn.channel), turn_id, leases.POSTING_SECONDS) as lease:
                return "waits" if lease is None else await self._shown(turn, growing, texts, lease)
        except (Refused, Unsure, Busy):
            return "over"

    async def _begun(self, turn: Turn) -> Growing | None:
        """None for what is not streamed: regenerations and second answers, which stand below others, and characters that do not."""
        if turn.epoch or turn.slot:
            return None
        async with self._log.pool.connection() as connection:
            character = await catalog.character(connection, self._log.vault, turn.character)
            presets = await catalog.answering(connection, self._log.vault, [character.preset] if character else ())
        chosen = next((p for p in presets if character and p.id == character.preset), None)
        chosen = chosen or next((p for p in reversed(presets) if p.is_global and p.is_default), None)
        if character is None or not _grows(character, chosen):
            return None
        said = await self._log.find(ids.message_event(turn.message_id, "received"))
        place = place_of(said, turn.channel, turn.guild)
        job = Job(turn.turn, turn.turn, turn.message_id, turn.user_id, turn.character, self._venue.name, "reply", place)
        return Growing(job, speaker_of(character), {})

    async def _shown(self, turn: Turn, growing: Growing, texts: Sequence[str], lease: Lease) -> str:
        async with self._log.pool.connection() as connection:
            due = await deliveries.due_in(connection, self._venue.name, turn.channel)
        if any(row.character == turn.character for row in due):
            return "waits"  # its earlier answers come first
        seen = await reply.shown(self._log, (), turn.turn, turn.turn)
        if seen.done or seen.intended is not None or seen.streaming:
            return "over"
        messages = sorted(seen.messages)
        for message, text in zip(messages, texts, strict=False):
            if growing.said.get(message) != text:
                await self._venue.edit(growing.job.place, message, text, seen.webhook_id)
                growing.said[message] = text
                return "changed"
        if len(texts) > len(messages) and lease.is_ours():
            await self._begin(growing, len(messages), texts[len(messages)], seen)
            return "changed"
        return "waits"

    async def _begin(self, growing: Growing, index: int, text: str, seen: Shown) -> None:
        """Post the beginning of a message: intended first, so that it is found after a crash."""
        job = growing.job
        async with self._log.pool.connection() as connection:
            newest = await history.newest_message(connection, job.place.channel_id)
        chunk = chunk_of(text, await digest_for(self._log, job.user_id))
        await self._log.append(job.stream_intended(index, chunk, max(newest or 0, job.message_id), seen.webhook_id))
        message, webhook_id = await self._venue.send(job.place, growing.speaker, text, ids.derived("stream", job.turn), index)
        growing.said[message] = text
        await self._log.append(job.stream_shown(index, message, webhook_id))
