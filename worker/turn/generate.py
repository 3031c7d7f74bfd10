"""One turn, read from top to bottom: from the request to its one end."""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from engine import clock, ids, log
from engine.decide.spending.quota import of_milliseconds, reset_of, to_milliseconds
from engine.decide.spending.spend import Refusal
from engine.decide.spending.turn_model import Model
from engine.decide.spending.turn_request import Effective
from engine.errors import KeyDestroyed, PartialRepeat, StoreError
from engine.events import user_subject
from engine.events.build import Cause, new
from engine.events.quota import NoticeGiven, UpgradeHinted
from engine.events.turn import GenerationStarted, Timing
from engine.failpoints import failpoint
from engine.fault import QUOTA, Category, Fault
from engine.store import NewEvent, connect
from projections.follow import runner
from projections.models import quota
from projections.models.turns import Turn
from projections.prompt import assemble, tokens
from projections.prompt.assemble import DoesNotFit, Ingredients, Prompt
from projections.prompt.sections import pictures as prompt_pictures
from projections.prompt.sections import silence
from worker import spend
from worker.providers.failure import ProviderFailed
from worker.spend import Payer
from worker.tools import kit
from worker.tools.kit import Kit
from worker.turn import context, pictures, speech, turn_events
from worker.turn.answer import Answer, Attempt, Brief, Candidate, Ledger, Refused
from worker.turn.context import Context, Missing
from worker.turn.steps import Taken, ToolLoop
from worker.turn.streaming import Drafts
from worker.work import Work

MOST_CALLS = 24
"""Calls that may be begun for one turn, over the lives of all workers that died over it."""
CATCH_UP_SECONDS = 10.0
NOTICE_EVERY = timedelta(minutes=1)
"""A limit that is over sooner is still told of once in this time only."""
_log = log.get("generate")


class Behind(StoreError):
    """The read models have not reached the turn yet, or another worker has it now."""


@dataclass(frozen=True, slots=True)
class Clock:
    """Milliseconds since the worker took the turn up."""

    started: float

    def ms(self, moment: float | None = None) -> float:
        return round(((clock.monotonic() if moment is None else moment) - self.started) * 1000, 2)


async def generate(work: Work, turn: Turn, lost: asyncio.Event, past: turn_events.Past | None = None) -> int:
    """Bring a turn to its end; returns the end's position. The caller holds the conversation's lease; `lost` says it does no more.

    `past`: what became of it so far, read since the lease was taken. Raises a StoreError or psycopg's errors when Postgres is away,
    Behind when the read models are late: then nothing has ended.
    """
    watch = Clock(clock.monotonic())
    past = past or await turn_events.past(work, turn.turn)
    if past.ended is not None:
        return past.ended
    turn = await turn_events.pinned(work, turn)
    with work.deletions.of(turn.message_id, turn.turn) as deleted:
        return await Run(work, turn, past, watch, deleted, lost).to_its_end()


@dataclass(slots=True)
class Run:
    """One worker's go at one turn. `past` is what became of it until now; `deleted` and `lost` are set when the message is
    deleted, or the lease is another's. Each method that ends the turn returns the end's position."""

    work: Work
    turn: Turn
    past: turn_events.Past
    watch: Clock
    deleted: asyncio.Event
    lost: asyncio.Event
    ledger: Ledger = field(default_factory=Ledger)

    async def to_its_end(self) -> int:
        """Answer, or end the turn as what stood in the way says."""
        try:
            return await self._answered()
        except KeyDestroyed:
            return await self._cancelled("user erased")
        except Missing as missing:
            return await self._missing(missing)
        except Refused as refused:
            return await self._refused(refused.refusal)
        except ProviderFailed as failure:
            return await self._failed(failure.fault)

    async def _answered(self) -> int:
        if self.past.number > MOST_CALLS:
            details = f"{self.past.number - 1} calls without an end: workers died over this turn"
            raise ProviderFailed(Fault(Category.INTERNAL, technical_details=details))
        decided = await self._one_by_one()
        try:
            return await self._begun(decided)
        finally:
            decided()

    async def _one_by_one(self) -> Callable[[], None]:
        """People who were too fast lately come in one after the other, each when it is clear what became of the one before.

        Else a flood would read as many conversations and make as many prompts as there are hands, each time there is room for one call.
        """
        user = self.turn.user_id
        if spend.trusted(self.work, self.turn) or not self.work.breaker.was_too_fast(user, clock.now()):
            return lambda: None
        return await self.work.queues.ticket(f"fast:{user}")

    async def _begun(self, decided: Callable[[], None]) -> int:
        work, turn = self.work, self.turn
        if (refusal := work.breaker.too_fast(turn.user_id, turn.guild, clock.now())) is not None and not spend.trusted(work, turn):
            raise Refused(refusal)
        found = await self._context()
        who = spend.payer(work, turn, found.own_key, decided, found.today)
        drafts = Drafts(work, turn, await work.log.vault.key(turn.subject or user_subject(turn.user_id)))
        try:
            self.ledger.sent = self.watch.ms()
            loop = self._loop(found, who, drafts, await kit.of(work, found.character))
            given = await self._while_wanted(loop.answered(self.past.tools))
            if given is None or await _is_deleted(work, turn):
                return await self._cancelled("message deleted")
            first = self.watch.ms(drafts.first_at) if drafts.first_at else None
            return await self._completed(given, found, Timing(request_sent=self.ledger.sent, first_token=first, finished=self.watch.ms()))
        finally:
            await drafts.end()

    async def _context(self) -> Context:
        await context.expect(self.work, self.turn)
        kept = await pictures.fetched(self.work, self.turn, self.deleted)
        with suppress(context.ModelsLate):  # most often they are there by now
            return await context.read(self.work, self.turn, kept)
        if not await runner.wait_for(self.work.log.pool, context.READ, self.turn.position, seconds=CATCH_UP_SECONDS):
            raise Behind("the read models have not reached this turn yet; is `tzurot projections` running?")
        return await context.read(self.work, self.turn, kept)

    def _loop(self, found: Context, who: Payer, drafts: Drafts, tools: Kit) -> ToolLoop:
        def brief(taken: Taken, ingredients: Ingredients) -> Brief:
            return self._brief(found, who, drafts, tools, taken, ingredients)

        return ToolLoop(self.work, self.turn, self.ledger, tools, brief, found.ingredients(self.turn), found.as_of)

    def _brief(self, found: Context, who: Payer, drafts: Drafts, tools: Kit, taken: Taken, ingredients: Ingredients) -> Brief:
        unseen = ingredients.without(prompt_pictures.NAME, prompt_pictures.unseen(ingredients.chosen[prompt_pictures.NAME]))

        def prompt(chosen: Effective, model: Model, thin: bool) -> Prompt:
            window = min(found.preset.window.context_tokens, model.context_tokens) - tokens.of_tools(chosen.body)
            seen = ingredients if model.sees else unseen
            try:
                return assemble.assemble(replace(seen, forms=model.forms), max(window - min(chosen.reserve, window // 2), 0), thin=thin)
            except DoesNotFit as error:
                raise ProviderFailed(Fault(Category.CONTEXT_LENGTH, technical_details=f"{model.id}: {error}")) from None

        return Brief(
            turn=self.turn.turn,
            name=found.character.name,
            others=found.others,
            candidates=self._candidates(who, found),
            payer=who,
            earlier=found.earlier,
            first_number=self.past.number,
            prompt=prompt,
            record=lambda attempt: self._started(found, attempt, taken.step, tools.missing),
            drafts=drafts,
            seconds=self.work.seconds,
            may_decline=bool(found.chosen[silence.NAME].refs),
            tools=tools.offered,
            last=taken.last,
        )

    def _candidates(self, who: Payer, found: Context) -> list[Candidate]:
        """The preset's own models; for somebody without a key those of the free preset as well."""
        without_key = (who.own_key is None or not who.own_key.usable) and not who.trusted and self.work.endpoint.api_key is not None
        return [candidate for candidate in found.candidates if without_key or candidate.preset is found.preset]

    def _started(self, found: Context, attempt: Attempt, step: int, missing: tuple[str, ...]) -> NewEvent:
        event = GenerationStarted(
            turn_id=self.turn.turn,
            user_id=self.turn.user_id,
            attempt=attempt.number,
            step=step,
            character_id=self.turn.character,
            preset_id=attempt.candidate.preset.id,
            preset_tier=found.tier_of(attempt.candidate.preset),
            model=attempt.candidate.model.id,
            provider=self.work.endpoint.name,
            parameters=attempt.effective.body,
            left_out=(*attempt.left_out, *missing),
            message_forms=attempt.candidate.model.forms,
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
            keeps=len(attempt.prompt.variables),
            variables=dict(attempt.prompt.variables),
        )
        return turn_events.new(self.turn, event, ids.derived("generation", self.turn.turn, attempt.number))

    async def _while_wanted(self, asking: Coroutine[Any, Any, Answer]) -> Answer | None:
        """The answer; None when the message was deleted, Behind when the lease was lost first: nobody pays for what nobody will read."""
        call = asyncio.create_task(asking)
        watches = [asyncio.create_task(event.wait()) for event in (self.deleted, self.lost)]
        everything: list[asyncio.Task[Any]] = [call, *watches]
        try:
            await asyncio.wait(everything, return_when=asyncio.FIRST_COMPLETED)
            if call.done():
                return call.result()
            if self.lost.is_set():
                raise Behind("another worker took this turn over")
            return None
        finally:
            for task in everything:
                task.cancel()
            await asyncio.gather(*everything, return_exceptions=True)

    async def _cancelled(self, why: turn_events.Why) -> int:
        return (await turn_events.cancel(self.work, self.turn, why, *self.ledger.settled)).positions[0]

    async def _completed(self, given: Answer, found: Context, timing: Timing) -> int:
        work, turn, settled = self.work, self.turn, self.ledger.settled
        if given.declined:
            return await self._declined(given, timing)
        hint = await self._upgrade_hint() if given.guest else None
        failpoint("turn.before_append")
        event = turn_events.completed(
            turn, given, self.ledger.every, provider=work.endpoint.name, timing=timing, upgrade_hint=hint is not None
        )
        started = ids.derived("generation", turn.turn, given.attempt.number)
        settled = [*settled, *speech.asked(work.settings, event, found.character.sheet, found.entries)]
        try:
            appended = await turn_events.end(work, turn, event, *settled, *([hint] if hint else []), causation=started)
        except PartialRepeat:  # another of the person's turns gave the day's hint meanwhile
            appended = await turn_events.end(work, turn, event.model_copy(update={"upgrade_hint": False}), *settled, causation=started)
        failpoint("turn.after_append")
        _log.info("completed", turn=str(turn.turn), model=event.model, ms=timing.finished, repeated=appended.repeated)
        return appended.positions[0]

    async def _declined(self, given: Answer, timing: Timing) -> int:
        event = turn_events.declined(self.turn, given, self.ledger.every, provider=self.work.endpoint.name, timing=timing)
        started = ids.derived("generation", self.turn.turn, given.attempt.number)
        return (await turn_events.end(self.work, self.turn, event, *self.ledger.settled, causation=started)).positions[0]

    async def _upgrade_hint(self) -> NewEvent | None:
        turn, now = self.turn, clock.now()
        try:
            async with self.work.log.pool.connection() as connection:
                today = await quota.today(connection, now, turn.user_id, turn.guild, ())
        except connect.AWAY:
            return None  # with a paid answer in hand: the next one brings the hint
        if today.hinted:
            return None
        day = now.strftime("%Y-%m-%d")
        event = UpgradeHinted(user_id=turn.user_id, day=day)
        return new(event, ids.derived("upgrade-hint", turn.user_id, day), cause=Cause(turn.turn, tags=turn_events.tags(turn)))

    async def _missing(self, missing: Missing) -> int:
        if str(missing) == "message":
            return await self._cancelled("message deleted")
        event = turn_events.failed(self.turn, Fault(Category.CHARACTER_GONE), attempt=self.past.number)
        return (await turn_events.end(self.work, self.turn, event)).positions[0]

    async def _refused(self, refusal: Refusal) -> int:
        """A limit stands in the way. The person is told once, and then not again before it ends."""
        notice = await self._notice(refusal)
        if notice == "given":
            return await self._cancelled("already told")
        return await self._failed(Fault(refusal.category, technical_details=refusal.why, sentence=refusal.said), notice)

    async def _notice(self, refusal: Refusal) -> NewEvent | str | None:
        """The notice to store with the failure; "given" when the person has it already; None for what has no end."""
        if refusal.until is None:
            return None
        turn, now = self.turn, clock.now()
        async with self.work.log.pool.connection() as connection:
            told = await quota.told_until(connection, turn.user_id, refusal.subject)
        if told is not None and told > now:
            return "given"
        # Whoever found the person untold since the same notice makes the same id, so only one of them tells.
        until = max(refusal.until, now + NOTICE_EVERY)
        event = NoticeGiven(user_id=turn.user_id, subject=refusal.subject, until_ms=to_milliseconds(until))
        event_id = ids.derived("notice", turn.user_id, refusal.subject, to_milliseconds(told) if told else 0)
        return new(event, event_id, cause=Cause(turn.turn, tags=turn_events.tags(turn)))

    async def _failed(self, fault: Fault, notice: NewEvent | str | None = None) -> int:
        work, turn, ledger = self.work, self.turn, self.ledger
        if notice is None and fault.category in QUOTA and ledger.calls:
            notice = await self._notice(_as_refusal(fault, ledger))
            if notice == "given":
                return await self._cancelled("already told")
        attempt = self.past.number + max(len(ledger.calls) - 1, 0)
        timing = Timing(request_sent=ledger.sent, finished=self.watch.ms())
        event = turn_events.failed(turn, fault, attempt=attempt, calls=ledger.every, provider=work.endpoint.name, timing=timing)
        _log.warning("failed", turn=str(turn.turn), category=event.category, status=event.status, reference=event.reference)
        also = [notice] if isinstance(notice, NewEvent) else []
        try:
            return (await turn_events.end(work, turn, event, *also, *ledger.settled)).positions[0]
        except PartialRepeat:  # another turn told the person meanwhile
            return await self._cancelled("already told")


async def _is_deleted(work: Work, turn: Turn) -> bool:
    """Asked with a paid answer in hand: an outage of Postgres is sat out, not paid for again.

    Also when the lease ran out meanwhile: should another worker have ended the turn, our end is a repeat.
    """
    while True:
        try:
            return await work.log.find(ids.message_event(turn.message_id, "deleted")) is not None
        except connect.TROUBLE:
            await asyncio.sleep(0.2)


def _as_refusal(fault: Fault, ledger: Ledger) -> Refusal:
    call = ledger.calls[-1]
    until = reset_of(fault, clock.now()) or clock.now() + NOTICE_EVERY
    return Refusal(fault.category, "the provider said so", f"block:{call.scope}:{call.model}", of_milliseconds(to_milliseconds(until)))
