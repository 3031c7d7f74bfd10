"""One turn, read from top to bottom: from the request to its one end."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from engine import clock, ids, log
from engine.decide.quota import of_milliseconds, reset_of, to_milliseconds
from engine.decide.spend import Refusal
from engine.decide.turn_model import Model
from engine.decide.turn_request import Effective
from engine.errors import KeyDestroyed, PartialRepeat, StoreError
from engine.events import user_subject
from engine.events.build import Cause, new
from engine.events.quota import NoticeGiven, UpgradeHinted
from engine.events.turn import GenerationStarted, Timing
from engine.failpoints import failpoint
from engine.fault import QUOTA, Category, Fault
from engine.store import NewEvent, Query, connect
from projections.follow import runner
from projections.models import quota
from projections.models.turns import Turn
from projections.prompt import assemble
from projections.prompt.assemble import DoesNotFit, Prompt
from worker import spend
from worker.providers.failure import ProviderFailed
from worker.spend import Payer
from worker.turn import context, turn_events
from worker.turn.answer import Answer, Attempt, Brief, Candidate, Ledger, Refused, answer
from worker.turn.context import Context, Missing
from worker.turn.streaming import Drafts
from worker.work import Work

MOST_CALLS = 24
"""Calls that may be begun for one turn, over the lives of all workers that died over it."""
CATCH_UP_SECONDS = 10.0
NOTICE_EVERY = timedelta(minutes=1)
"""A limit that is over sooner is still told of once in this time only."""
READ = ("history", "catalog", "quota", "models", "keys", "windows")
"""Read models a turn looks at; they must have reached its request."""
_log = log.get("generate")


class Behind(StoreError):
    """The read models have not reached the turn yet, or another worker has it now."""


@dataclass(frozen=True, slots=True)
class Clock:
    """Milliseconds since the worker took the turn up."""

    started: float

    def ms(self, moment: float | None = None) -> float:
        return round(((clock.monotonic() if moment is None else moment) - self.started) * 1000, 2)


async def generate(work: Work, turn: Turn, lost: asyncio.Event) -> int:
    """Bring a turn to its end; returns the end's position. The caller holds the conversation's lease; `lost` says it does no more.

    Raises a StoreError or psycopg's errors when Postgres is away, Behind when the read models are late: then nothing has ended.
    """
    watch, ledger = Clock(clock.monotonic()), Ledger()
    ended, number = await _past(work, turn)
    if ended:
        return ended
    turn = await turn_events.pinned(work, turn)
    with work.deletions.of(turn.message_id) as deleted:
        try:
            return await _answered(work, turn, number, watch, ledger, deleted, lost)
        except KeyDestroyed:
            return (await turn_events.cancel(work, turn, "user erased", *ledger.settled)).positions[0]
        except Missing as missing:
            return await _missing(work, turn, number, missing)
        except Refused as refused:
            return await _refused(work, turn, number, refused.refusal, watch, ledger)
        except ProviderFailed as failure:
            return await _failed(work, turn, number, failure.fault, watch, ledger)


async def _past(work: Work, turn: Turn) -> tuple[int | None, int]:
    """(position of the end if there is one, number of the call that comes now)."""
    number = 1
    async for row in work.log.rows(Query(stream=turn_events.stream(turn.turn))):
        if row.id == ids.terminal(turn.turn):
            return row.position, number
        number += row.type == "turn.generation_started"
    return None, number


async def _answered(work: Work, turn: Turn, number: int, watch: Clock, ledger: Ledger, deleted: asyncio.Event, lost: asyncio.Event) -> int:
    if number > MOST_CALLS:
        raise ProviderFailed(Fault(Category.INTERNAL, technical_details=f"{number - 1} calls without an end: workers died over this turn"))
    decided = await _one_by_one(work, turn)
    try:
        return await _begun(work, turn, number, watch, ledger, deleted, lost, decided)
    finally:
        decided()


async def _one_by_one(work: Work, turn: Turn) -> Callable[[], None]:
    """People who were too fast lately come in one after the other, each when it is clear what became of the one before.

    Else a flood would read as many conversations and make as many prompts as there are hands, each time there is room for one call.
    """
    if spend.trusted(work, turn) or not work.breaker.was_too_fast(turn.user_id, clock.now()):
        return lambda: None
    return await work.queues.ticket(f"fast:{turn.user_id}")


async def _begun(
    work: Work,
    turn: Turn,
    number: int,
    watch: Clock,
    ledger: Ledger,
    deleted: asyncio.Event,
    lost: asyncio.Event,
    decided: Callable[[], None],
) -> int:
    if (refusal := work.breaker.too_fast(turn.user_id, turn.guild, clock.now())) is not None and not spend.trusted(work, turn):
        raise Refused(refusal)
    found = await _context(work, turn)
    who = spend.payer(work, turn, found.own_key, decided)
    drafts = Drafts(work, turn, await work.log.vault.key(turn.subject or user_subject(turn.user_id)))
    try:
        ledger.sent = watch.ms()
        given = await _while_wanted(answer(work, _brief(work, turn, number, found, who, drafts), ledger), deleted, lost)
        if given is None or await _is_deleted(work, turn):
            return (await turn_events.cancel(work, turn, "message deleted", *ledger.settled)).positions[0]
        timing = Timing(request_sent=ledger.sent, first_token=watch.ms(drafts.first_at) if drafts.first_at else None, finished=watch.ms())
        return await _complete(work, turn, given, timing, ledger)
    finally:
        await drafts.end()


async def _context(work: Work, turn: Turn) -> Context:
    if not await runner.wait_for(work.log.pool, READ, turn.position, seconds=CATCH_UP_SECONDS):
        raise Behind("the read models have not reached this turn yet; is `tzurot projections` running?")
    return await context.read(work, turn)


def _brief(work: Work, turn: Turn, number: int, found: Context, who: Payer, drafts: Drafts) -> Brief:
    ingredients = found.ingredients(turn)

    def prompt(chosen: Effective, model: Model, thin: bool) -> Prompt:
        window = min(found.preset.window.context_tokens, model.context_tokens)
        try:
            return assemble.assemble(ingredients, max(window - min(chosen.reserve, window // 2), 0), thin=thin)
        except DoesNotFit as error:
            raise ProviderFailed(Fault(Category.CONTEXT_LENGTH, technical_details=f"{model.id}: {error}")) from None

    def record(attempt: Attempt) -> NewEvent:
        return _started(work, turn, found, attempt)

    return Brief(
        turn=turn.turn,
        name=found.character.name,
        candidates=_candidates(work, who, found),
        payer=who,
        earlier=found.earlier,
        first_number=number,
        prompt=prompt,
        record=record,
        drafts=drafts,
        seconds=work.seconds,
    )


def _candidates(work: Work, who: Payer, found: Context) -> list[Candidate]:
    """The preset's own models; for somebody without a key those of the free preset as well."""
    without_key = (who.own_key is None or not who.own_key.usable) and not who.trusted and work.endpoint.api_key is not None
    return [candidate for candidate in found.candidates if without_key or candidate.preset is found.preset]


def _started(work: Work, turn: Turn, found: Context, attempt: Attempt) -> NewEvent:
    event = GenerationStarted(
        turn_id=turn.turn,
        user_id=turn.user_id,
        attempt=attempt.number,
        character_id=turn.character,
        preset_id=attempt.candidate.preset.id,
        model=attempt.candidate.model.id,
        provider=work.endpoint.name,
        parameters=attempt.effective.body,
        left_out=tuple(map(str, attempt.effective.left_out)),
        as_of=found.as_of,
        catalog_as_of=found.catalog_as_of,
        why=attempt.why,
        prompt_version=assemble.VERSION,
        prompt_sha256=attempt.prompt.sha256,
        prompt_tokens=attempt.prompt.tokens,
        fallback_from=attempt.fallback_from,
        # Another model's window, like that of a third try, is a makeshift: the next turn begins where this one wanted to.
        begins=None if attempt.fallback_from else attempt.prompt.begins,
        sections=attempt.prompt.sections,
    )
    return turn_events.new(turn, event, ids.derived("generation", turn.turn, attempt.number))


async def _while_wanted(asking: Coroutine[Any, Any, Answer], deleted: asyncio.Event, lost: asyncio.Event) -> Answer | None:
    """The answer; None when the message was deleted, Behind when the lease was lost first: nobody pays for what nobody will read."""
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
    """Asked with a paid answer in hand: an outage of Postgres is sat out, not paid for again.

    Also when the lease ran out meanwhile: should another worker have ended the turn, our end is a repeat.
    """
    while True:
        try:
            return await work.log.find(ids.message_event(turn.message_id, "deleted")) is not None
        except connect.TROUBLE:
            await asyncio.sleep(0.2)


async def _complete(work: Work, turn: Turn, given: Answer, timing: Timing, ledger: Ledger) -> int:
    hint = await _upgrade_hint(work, turn) if given.guest else None
    failpoint("turn.before_append")
    event = turn_events.completed(turn, given, ledger.calls, provider=work.endpoint.name, timing=timing, upgrade_hint=hint is not None)
    started = ids.derived("generation", turn.turn, given.attempt.number)
    try:
        appended = await turn_events.end(work, turn, event, *ledger.settled, *([hint] if hint else []), causation=started)
    except PartialRepeat:  # another of the person's turns gave the day's hint meanwhile
        appended = await turn_events.end(work, turn, event.model_copy(update={"upgrade_hint": False}), *ledger.settled, causation=started)
    failpoint("turn.after_append")
    _log.info("completed", turn=str(turn.turn), model=event.model, ms=timing.finished, repeated=appended.repeated)
    return appended.positions[0]


async def _upgrade_hint(work: Work, turn: Turn) -> NewEvent | None:
    now = clock.now()
    try:
        async with work.log.pool.connection() as connection:
            today = await quota.today(connection, now, turn.user_id, turn.guild, ())
    except connect.AWAY:
        return None  # with a paid answer in hand: the next one brings the hint
    if today.hinted:
        return None
    day = now.strftime("%Y-%m-%d")
    event = UpgradeHinted(user_id=turn.user_id, day=day)
    return new(event, ids.derived("upgrade-hint", turn.user_id, day), cause=Cause(turn.turn, tags=turn_events.tags(turn)))


async def _missing(work: Work, turn: Turn, number: int, missing: Missing) -> int:
    if str(missing) == "message":
        return (await turn_events.cancel(work, turn, "message deleted")).positions[0]
    return (await turn_events.end(work, turn, turn_events.failed(turn, Fault(Category.CHARACTER_GONE), attempt=number))).positions[0]


async def _refused(work: Work, turn: Turn, number: int, refusal: Refusal, watch: Clock, ledger: Ledger) -> int:
    """A limit stands in the way. The person is told once, and then not again before it ends."""
    fault = Fault(refusal.category, technical_details=refusal.why, sentence=refusal.said)
    notice = await _notice(work, turn, refusal)
    if notice == "given":
        return (await turn_events.cancel(work, turn, "already told", *ledger.settled)).positions[0]
    return await _failed(work, turn, number, fault, watch, ledger, notice)


async def _notice(work: Work, turn: Turn, refusal: Refusal) -> NewEvent | str | None:
    """The notice to store with the failure; "given" when the person has it already; None for what has no end."""
    if refusal.until is None:
        return None
    now = clock.now()
    async with work.log.pool.connection() as connection:
        told = await quota.told_until(connection, turn.user_id, refusal.subject)
    if told is not None and told > now:
        return "given"
    # Whoever found the person untold since the same notice makes the same id, so only one of them tells.
    until = max(refusal.until, now + NOTICE_EVERY)
    event = NoticeGiven(user_id=turn.user_id, subject=refusal.subject, until_ms=to_milliseconds(until))
    event_id = ids.derived("notice", turn.user_id, refusal.subject, to_milliseconds(told) if told else 0)
    return new(event, event_id, cause=Cause(turn.turn, tags=turn_events.tags(turn)))


async def _failed(
    work: Work, turn: Turn, number: int, fault: Fault, watch: Clock, ledger: Ledger, notice: NewEvent | str | None = None
) -> int:
    if notice is None and fault.category in QUOTA and ledger.calls:
        notice = await _notice(work, turn, _as_refusal(fault, ledger))
        if notice == "given":
            return (await turn_events.cancel(work, turn, "already told", *ledger.settled)).positions[0]
    attempt = number + max(len(ledger.calls) - 1, 0)
    timing = Timing(request_sent=ledger.sent, finished=watch.ms())
    event = turn_events.failed(turn, fault, attempt=attempt, calls=ledger.calls, provider=work.endpoint.name, timing=timing)
    _log.warning("failed", turn=str(turn.turn), category=event.category, status=event.status, reference=event.reference)
    also = [notice] if isinstance(notice, NewEvent) else []
    try:
        return (await turn_events.end(work, turn, event, *also, *ledger.settled)).positions[0]
    except PartialRepeat:  # another turn told the person meanwhile
        return (await turn_events.cancel(work, turn, "already told", *ledger.settled)).positions[0]


def _as_refusal(fault: Fault, ledger: Ledger) -> Refusal:
    call = ledger.calls[-1]
    until = reset_of(fault, clock.now()) or clock.now() + NOTICE_EVERY
    return Refusal(fault.category, "the provider said so", f"block:{call.scope}:{call.model}", of_milliseconds(to_milliseconds(until)))
