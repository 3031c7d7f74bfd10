"""From a context to an answer: which models are tried in which order, each call with its permit, and what a failure leads to."""

import asyncio
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal
from uuid import UUID

from engine import clock, ids
from engine.decide.speaking import silence
from engine.decide.spending.spend import Refusal
from engine.decide.spending.turn_model import Model, resolve
from engine.decide.spending.turn_request import Effective, effective, offering
from engine.events.preset import Parameters
from engine.events.turn import Call, Usage
from engine.fault import QUOTA, Category, Fault
from engine.store import NewEvent, connect, sqlstate
from projections.models.catalog import Preset
from projections.models.keys import NoSuchKey
from projections.prompt.assemble import Prompt
from worker import spend
from worker.providers.chat import Completion, complete
from worker.providers.failure import ProviderFailed
from worker.spend import Allowed, Payer
from worker.telemetry import describe
from worker.turn import mending, repetition
from worker.turn.streaming import MOST_AT_ONCE, Drafts
from worker.turn.text import frame, reading
from worker.turn.text.frame import PromptFrame
from worker.turn.text.reading import Reading
from worker.work import Work

CALLS_PER_MODEL = 3
HOPS = 2
FIRST_PAUSE = 1.0
LONGEST_PAUSE = 10.0
_SAMPLED_AGAIN = frozenset({Category.EMPTY_RESPONSE, Category.CENSORED})

Why = Literal["first", "retry", "empty", "repetition", "fallback"]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A model that may answer, with the preset whose parameters it gets."""

    model: Model
    preset: Preset


@dataclass(frozen=True, slots=True)
class Attempt:
    """One call about to be made: `number` counts the calls of the turn over all workers' lives."""

    number: int
    candidate: Candidate
    effective: Effective
    prompt: Prompt
    frame: PromptFrame
    why: Why
    fallback_from: str | None = None

    @property
    def request(self) -> dict[str, Any]:
        wanted: dict[str, Any] = {"stream": True, "stream_options": {"include_usage": True}} if self.candidate.preset.stream else {}
        options = {name: value for name, value in wanted.items() if name not in self._refused}
        return self.effective.body | {"model": self.candidate.model.id, "messages": self.prompt.as_json()} | options

    @property
    def left_out(self) -> tuple[str, ...]:
        """What of the preset is not sent, and why."""
        model = self.candidate.model
        options = (f"{name}: {model.id} rejects it ({model.source.get('forbidden', 'default')})" for name in self._refused)
        return (*map(str, self.effective.left_out), *options)

    @property
    def _refused(self) -> list[str]:
        forbidden = self.candidate.model.forbidden
        streams = ("stream", "stream_options") if "stream" in forbidden else ("stream_options",)
        return [name for name in streams if self.candidate.preset.stream and ("stream" in forbidden or name in forbidden)]


@dataclass(frozen=True, slots=True)
class Brief:
    """What one turn's answer is made from and checked against. `others` are the names of whoever else speaks;
    `prompt(effective, model, thin)` assembles; `record` makes the GenerationStarted that is stored together with a permit."""

    turn: UUID
    name: str
    others: frozenset[str]
    candidates: Sequence[Candidate]
    payer: Payer
    earlier: Sequence[str]
    first_number: int
    prompt: Callable[[Effective, Model, bool], Prompt]
    record: Callable[[Attempt], NewEvent]
    drafts: Drafts
    seconds: float
    may_decline: bool = False
    tools: Sequence[Mapping[str, Any]] = ()
    """Offered to models; with `last` they may use no more of them."""
    last: bool = False


@dataclass(slots=True)
class Ledger:
    """Every call of the turn so far, and what it did cost. `sent`: when the asking began, in milliseconds of the turn.

    `before` are those that led to tools in the lives of workers that died since.
    """

    calls: list[Call] = field(default_factory=list)
    settled: list[NewEvent] = field(default_factory=list)
    sent: float = 0.0
    before: list[Call] = field(default_factory=list)

    @property
    def every(self) -> list[Call]:
        """All that are known, whoever made them."""
        return [*self.before, *self.calls]


@dataclass(frozen=True, slots=True)
class Answer:
    """What will be delivered, and how it came about."""

    reading: Reading
    completion: Completion
    attempt: Attempt
    guest: bool
    fallback_from: str | None
    fallback_why: str | None
    repeated: bool
    declined: bool = False


class Refused(Exception):
    """No call may be made."""

    def __init__(self, refusal: Refusal) -> None:
        self.refusal = refusal
        super().__init__(refusal.why)


async def answer(work: Work, brief: Brief, ledger: Ledger) -> Answer:
    """The first model that answers well enough. Raises Refused when none may be asked, ProviderFailed when none did."""
    deadline = clock.monotonic() + brief.seconds
    failure: ProviderFailed | None = None
    refused: Refused | None = None
    hops = 0
    for candidate in brief.candidates:
        first = brief.candidates[0].model.id
        if hops > HOPS:
            break
        try:
            found = await _ask_model(work, brief, ledger, candidate, deadline, None if candidate.model.id == first else first)
            why = (failure.fault.category if failure else refused.refusal.category if refused else None) if found.fallback_from else None
            return replace(found, fallback_why=why.value if why else None)
        except Refused as error:
            refused = refused or error
            if error.refusal.subject.startswith(("rate:", "free-tier")):
                break
        except ProviderFailed as error:
            failure, hops = error, hops + 1
            if not error.fault.kind.fallback or clock.monotonic() >= deadline:
                break
    if failure is not None:
        raise failure
    raise refused or Refused(Refusal(Category.NOT_ALLOWED, "no model may be asked", "no-candidate"))


async def _ask_model(work: Work, brief: Brief, ledger: Ledger, candidate: Candidate, deadline: float, fallback_from: str | None) -> Answer:
    why: Why = "fallback" if fallback_from else "first"
    count, mends = 1, 0
    while True:
        attempt = _attempt(brief, ledger, candidate, why, count, fallback_from)
        try:
            completion, allowed = await _call(work, brief, ledger, attempt, deadline)
            found = await _judge(work, brief, attempt, completion, allowed, final=count == CALLS_PER_MODEL)
            if found is not None:
                return found
            why = "repetition"
        except ProviderFailed as failure:
            treated = await _mended(work, brief, attempt, failure.fault, deadline) if mends < mending.MOST else None
            if treated is not None:
                candidate, mends, why = treated, mends + 1, "retry"
                continue
            why = "empty" if failure.fault.category in _SAMPLED_AGAIN else "retry"
            if count == CALLS_PER_MODEL or not failure.fault.kind.retry or not await _pause(failure.fault, count, deadline):
                raise
        count += 1


async def _mended(work: Work, brief: Brief, attempt: Attempt, fault: Fault, deadline: float) -> Candidate | None:
    """The candidate, treated as its provider wants it; None when its refusal does not say how, or when there is no time left."""
    if clock.monotonic() >= deadline:
        return None
    model = await mending.mended(work, attempt.candidate.model, attempt.request, fault, brief.turn, attempt.number)
    return None if model is None else replace(attempt.candidate, model=model)


def _attempt(brief: Brief, ledger: Ledger, candidate: Candidate, why: Why, count: int, fallback_from: str | None) -> Attempt:
    number = brief.first_number + len(ledger.calls)
    changed = why in {"empty", "repetition"}
    parameters = vary(candidate.preset.parameters, random.Random(f"{brief.turn}:{number}")) if changed else candidate.preset.parameters
    chosen = offering(effective(parameters, candidate.model), brief.tools, candidate.model, last=brief.last)
    prompt = brief.prompt(chosen, candidate.model, changed and count == CALLS_PER_MODEL)
    return Attempt(number, candidate, chosen, prompt, frame.of_prompt(prompt, brief.name, brief.others), why, fallback_from)


def vary(parameters: Parameters, chance: random.Random) -> Parameters:
    """Sampling that leads away from what came before: warm, and with a price on repetition."""
    return parameters.model_copy(update={"temperature": round(chance.uniform(0.95, 1.0), 3), "frequency_penalty": 0.5})


async def _call(work: Work, brief: Brief, ledger: Ledger, attempt: Attempt, deadline: float) -> tuple[Completion, Allowed]:
    """One permitted call; its outcome goes into the ledger whatever it is."""
    model = attempt.candidate.model
    call_id = ids.derived("call", brief.turn, attempt.number)
    estimate = model.cost(attempt.prompt.tokens, attempt.effective.reserve)
    allowed = await _permitted(work, brief, model, call_id, estimate, brief.record(attempt), paid=bool(ledger.calls))
    started, said = clock.monotonic(), False
    brief.drafts.begin(model.id, attempt.frame, thinks=not model.may_repeat)

    async def on_text(text: str) -> None:
        nonlocal said
        said = True
        begun()
        await brief.drafts.grow(text)

    with work.calm.answering() as begun, work.telemetry.span(model.id, allowed.endpoint.name, attempt.effective.body) as span:
        try:
            seconds = max(deadline - started, 0.001)
            request, name = attempt.request, str(brief.turn)
            completion = await complete(work.http, allowed.endpoint, allowed.permit, request, seconds=seconds, on_text=on_text, call=name)
        except ProviderFailed as failure:
            line = _line(attempt, allowed, started, failure.fault)
            # An answer that broke off may have been billed; one that never began was not.
            _enter(work, brief, ledger, allowed, line, None if said else 0.0)
            describe(span, line)
            await spend.failed(work, brief.payer, allowed, failure.fault)
            raise
        except asyncio.CancelledError:
            ledger.settled.append(spend.settled(brief.payer, allowed, None))
            raise
        usage = completion.usage
        cost = usage.cost if usage.cost is not None else model.cost(usage.prompt_tokens, usage.completion_tokens)
        line = _line(attempt, allowed, started, None, usage.model_copy(update={"cost": cost}))
        _enter(work, brief, ledger, allowed, line, cost)
        await spend.succeeded(work, allowed)
        describe(span, line, answered_by=completion.model, finish_reason=completion.finish_reason)
    return completion, allowed


def _enter(work: Work, brief: Brief, ledger: Ledger, allowed: Allowed, line: Call, cost: float | None) -> None:
    ledger.calls.append(line)
    ledger.settled.append(spend.settled(brief.payer, allowed, cost))
    work.telemetry.metrics.call(line)


async def _permitted(
    work: Work, brief: Brief, model: Model, call_id: UUID, estimate: float | None, record: NewEvent, *, paid: bool
) -> Allowed:
    """With calls behind us an outage of Postgres is sat out: to give the turn back would be to pay for them again."""
    while True:
        try:
            who = replace(brief.payer, seen=None) if paid else brief.payer
            found = await spend.authorize(work, who, model, call_id, estimate=estimate, also=[record])
            break
        except NoSuchKey as error:
            raise Refused(Refusal(Category.AUTHENTICATION, str(error), "key-gone")) from None
        except connect.AWAY as error:
            if not paid or sqlstate.lasts(error):
                raise
            await asyncio.sleep(0.2)
    if isinstance(found, Refusal):
        raise Refused(found)
    return found


def _line(attempt: Attempt, allowed: Allowed, started: float, fault: Fault | None, usage: Usage | None = None) -> Call:
    return Call(
        call_id=allowed.call_id,
        model=attempt.candidate.model.id,
        provider=allowed.endpoint.name,
        scope=allowed.permit.scope,
        key_id=allowed.permit.key_id,
        why=attempt.why,
        category=fault.category.value if fault else None,
        status=fault.status if fault else None,
        ms=round((clock.monotonic() - started) * 1000, 2),
        usage=usage or Usage(),
    )


async def _judge(work: Work, brief: Brief, attempt: Attempt, completion: Completion, allowed: Allowed, *, final: bool) -> Answer | None:
    """The answer, if it may be delivered; None when it says again what was said and there is another try."""
    found, repeats = await _aside(len(completion.text) + len(completion.reasoning), lambda: _read(brief, attempt, completion))
    work.habits.learn(attempt.candidate.model.id, orphan=found.orphan)
    if completion.calls:
        return Answer(found, completion, attempt, allowed.permit.guest, attempt.fallback_from, None, False)
    if silence.chosen(found.text):
        if not brief.may_decline:
            raise ProviderFailed(Fault(Category.EMPTY_RESPONSE, 200, technical_details="silence, where an answer is due"))
        return Answer(found, completion, attempt, allowed.permit.guest, attempt.fallback_from, None, False, declined=True)
    if not found.text:
        details = f"nothing that could be delivered; removed: {', '.join(found.changed) or 'nothing'}"
        raise ProviderFailed(Fault(Category.EMPTY_RESPONSE, 200, technical_details=details))
    may_repeat = attempt.candidate.model.may_repeat or resolve(completion.model).may_repeat
    repeated = not may_repeat and repeats
    if repeated and not final:
        return None
    return Answer(found, completion, attempt, allowed.permit.guest, attempt.fallback_from, None, repeated)


def _read(brief: Brief, attempt: Attempt, completion: Completion) -> tuple[Reading, bool]:
    found = reading.read(completion.text, attempt.frame, completion.reasoning)
    return found, repetition.repeats(found.text, brief.earlier)


async def _aside[T](size: int, work: Callable[[], T]) -> T:
    """Work on so many characters: beside the event loop when they are many, because everybody's turns wait for it."""
    return await asyncio.to_thread(work) if size > MOST_AT_ONCE else work()


def pause_s(count: int, chance: random.Random) -> float:
    """Seconds before the next try after so many: twice as long each time, spread so that those who failed at once do not return at once."""
    return FIRST_PAUSE * 2.0 ** (count - 1) * chance.uniform(0.5, 1.5)


async def _pause(fault: Fault, count: int, deadline: float) -> bool:
    """Wait before the next try; False when there is no time left for one."""
    if fault.category in _SAMPLED_AGAIN | QUOTA:
        return clock.monotonic() < deadline
    seconds = fault.retry_after if fault.retry_after is not None else pause_s(count, random.Random())
    if seconds > LONGEST_PAUSE or clock.monotonic() + seconds >= deadline:
        return False
    await asyncio.sleep(seconds)
    return True
