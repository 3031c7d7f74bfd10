"""One turn, read from top to bottom: from the request to its one end."""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from engine import clock, ids, log
from engine.errors import KeyDestroyed, StoreError
from engine.events import user_subject
from engine.events.turn import GenerationStarted, Timing
from engine.failpoints import failpoint
from engine.fault import Category, Fault
from engine.store import Query
from projections import history, runner
from projections.turns import Turn
from worker import context, ends
from worker.answer import ask
from worker.context import Context, Missing
from worker.prompt import assemble
from worker.prompt.assemble import Ingredients, Prompt
from worker.prompt.situation import Situation
from worker.providers.chat import Completion
from worker.providers.failure import ProviderFailed
from worker.streaming import Drafts
from worker.work import Work

MAX_ATTEMPTS = 5
"""Workers that may die over one turn before it is given up."""
CATCH_UP_SECONDS = 10.0
_log = log.get("generate")


class Behind(StoreError):
    """The read models have not reached the turn yet."""


@dataclass(slots=True)
class Clock:
    """Milliseconds since the worker took the turn up."""

    started: float

    def ms(self, moment: float | None = None) -> float:
        return round(((clock.monotonic() if moment is None else moment) - self.started) * 1000, 2)


async def generate(work: Work, turn: Turn, lost: asyncio.Event) -> int:
    """Bring a turn to its end; returns the end's position. The caller holds the conversation's lease; `lost` says it does no more.

    Raises a StoreError or psycopg's errors when Postgres is away, Behind when the read models are late: then nothing has ended.
    """
    watch = Clock(clock.monotonic())
    ended, attempt = await _past(work, turn)
    if ended:
        return ended
    with work.deletions.of(turn.message_id) as deleted:
        try:
            return await _attempt(work, turn, attempt, watch, deleted, lost)
        except KeyDestroyed:
            return (await ends.cancel(work, turn, "user erased")).positions[0]
        except Missing as missing:
            return await _missing(work, turn, attempt, missing, watch)
        except ProviderFailed as failure:
            return await _fail(work, turn, attempt, failure.fault, watch)


async def _past(work: Work, turn: Turn) -> tuple[int | None, int]:
    """(position of the end if there is one, number of the attempt that comes now)."""
    attempt = 1
    async for row in work.log.rows(Query(stream=ends.stream(turn.turn))):
        if row.id == ids.terminal(turn.turn):
            return row.position, attempt
        attempt += row.type == "turn.generation_started"
    return None, attempt


async def _attempt(work: Work, turn: Turn, attempt: int, watch: Clock, deleted: asyncio.Event, lost: asyncio.Event) -> int:
    if attempt > MAX_ATTEMPTS:
        raise ProviderFailed(Fault(Category.INTERNAL, technical_details=f"{attempt - 1} workers died over this turn"))
    found = await _context(work, turn)
    prompt = assemble.assemble(_ingredients(turn, found))
    started = await _start(work, turn, attempt, found, prompt)
    drafts = Drafts(work, turn, await work.log.vault.key(user_subject(turn.user_id)))
    try:
        sent = watch.ms()
        completion = await _while_wanted(ask(work, found.preset, prompt, drafts.grow, str(turn.turn)), deleted, lost)
        if completion is None or await _is_deleted(work, turn):
            return (await ends.cancel(work, turn, "message deleted")).positions[0]
        timing = Timing(request_sent=sent, first_token=watch.ms(drafts.first_at) if drafts.first_at else None, finished=watch.ms())
        failpoint("turn.before_append")
        event = ends.completed(
            turn, completion, attempt=attempt, model=completion.model or found.preset.model, provider=work.endpoint.name, timing=timing
        )
        appended = await ends.end(work, turn, event, causation=started)
        failpoint("turn.after_append")
        _log.info("completed", turn=str(turn.turn), model=event.model, ms=timing.finished, repeated=appended.repeated)
        return appended.positions[0]
    finally:
        await drafts.end()


async def _context(work: Work, turn: Turn) -> Context:
    if not await runner.wait_for(work.log.pool, ("history", "catalog"), turn.position, seconds=CATCH_UP_SECONDS):
        raise Behind("the read models have not reached this turn yet; is `tzurot projections` running?")
    async with work.log.pool.connection() as connection:
        standing = {entry.name: entry.position for entry in await runner.progress(connection) if entry.role == "live"}
        if await history.is_gone(connection, turn.message_id):
            raise Missing("message")
    return await context.read(work, turn, standing["history"])


def _ingredients(turn: Turn, found: Context) -> Ingredients:
    window = found.preset.window
    trigger = found.entries[-1]
    present = sorted({entry.author_name for entry in found.entries if entry.kind == "message" and not entry.erased})
    reserve = found.preset.parameters.max_tokens or 4096
    return Ingredients(
        character=turn.character,
        description=found.character.description,
        entries=found.entries[-window.max_messages - 1 :],
        names=found.names,
        situation=Situation(now=trigger.sent_at, venue=turn.venue, present=present),
        budget=max(window.context_tokens - reserve, 1000),
    )


async def _start(work: Work, turn: Turn, attempt: int, found: Context, prompt: Prompt) -> UUID:
    event = GenerationStarted(
        turn_id=turn.turn,
        attempt=attempt,
        character_id=turn.character,
        preset_id=found.preset.id,
        model=found.preset.model,
        provider=work.endpoint.name,
        parameters=found.preset.parameters.model_dump(mode="json", exclude_defaults=True),
        as_of=found.as_of,
        prompt_version=assemble.VERSION,
        prompt_sha256=prompt.sha256,
        prompt_tokens=prompt.tokens,
        history_ids=prompt.history_ids,
        dropped=prompt.dropped,
    )
    event_id = ids.derived("generation", turn.turn, attempt)
    await work.log.append(ends.new(turn, event, event_id))
    return event_id


async def _while_wanted(asking: Coroutine[Any, Any, Completion], deleted: asyncio.Event, lost: asyncio.Event) -> Completion | None:
    """The completion; None when the message was deleted or the lease lost first: nobody pays for what nobody will read."""
    call = asyncio.create_task(asking)
    watches = [asyncio.create_task(event.wait()) for event in (deleted, lost)]
    everything: list[asyncio.Task[Any]] = [call, *watches]
    try:
        await asyncio.wait(everything, return_when=asyncio.FIRST_COMPLETED)
        if call.done():
            return call.result()
        if lost.is_set():
            raise Behind("another worker took this turn over")
        return None
    finally:
        for task in everything:
            task.cancel()
        await asyncio.gather(*everything, return_exceptions=True)


async def _is_deleted(work: Work, turn: Turn) -> bool:
    return await work.log.find(ids.message_event(turn.message_id, "deleted")) is not None


async def _missing(work: Work, turn: Turn, attempt: int, missing: Missing, watch: Clock) -> int:
    if str(missing) == "message":
        return (await ends.cancel(work, turn, "message deleted")).positions[0]
    return await _fail(work, turn, attempt, Fault(Category.CHARACTER_GONE), watch)


async def _fail(work: Work, turn: Turn, attempt: int, fault: Fault, watch: Clock) -> int:
    timing = Timing(finished=watch.ms())
    event = ends.failed(turn, fault, attempt=attempt, model=None, provider=work.endpoint.name, attempts=attempt, timing=timing)
    _log.warning("failed", turn=str(turn.turn), category=event.category, status=event.status, reference=event.reference)
    return (await ends.end(work, turn, event)).positions[0]
