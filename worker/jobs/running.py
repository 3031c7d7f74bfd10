"""What a handler is, and what it has at hand while its job runs. It knows nothing of the bus, of leases or of retries."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from pydantic import JsonValue

from engine import clock, ids
from engine.actor import Actor
from engine.decide.due import Every
from engine.decide.job import Advance, RetryPolicy
from engine.decide.rejected import Rejected
from engine.decide.spending.spend import Refusal
from engine.decide.spending.turn_model import Model
from engine.decide.spending.turn_request import Effective, effective
from engine.errors import TzurotError
from engine.events.preset import Parameters
from engine.execute import execute
from projections.models import keys, provider_models
from projections.prompt import tokens
from projections.prompt.message import IMAGE_TOKENS
from worker import spend
from worker.providers.chat import Completion, complete
from worker.providers.failure import ProviderFailed
from worker.spend import Allowed, Payer
from worker.turn import mending
from worker.work import Work

CALLS = 1_000_000
"""More than one attempt makes."""
TOLD_EVERY_SECONDS = 1.0
SHARE_OF_TIME = 0.02
"""Progress is recorded once a second at first, then each time this share of the time so far has gone by: hours cost hundreds of events."""
SYSTEM = Actor("system", 0)
RETRIES = RetryPolicy()
Result = Mapping[str, JsonValue]


@dataclass(frozen=True, slots=True)
class JobResult:
    """What a handler returns when people's words are in its result: `personal` is sealed for all of `people`, ids and numbers are clear."""

    result: Result = field(default_factory=dict)
    people: tuple[int, ...] = ()
    personal: Result = field(default_factory=dict)


class Stopped(TzurotError):
    """The job was called off, or another worker has it now. A handler lets it pass."""


class GiveUp(TzurotError):
    """Raised by a handler: trying again cannot help. Its sentence is shown."""


class Later(TzurotError):
    """Raised by a handler or a call: not before `until`. Does not count as a failure."""

    def __init__(self, until: datetime, why: str) -> None:
        self.until = until
        super().__init__(why)


@dataclass(slots=True)
class RunningJob:
    """One attempt. `done`, `total` and `cursor` are at first what an earlier attempt said last: a handler goes on from there.

    `asked_by` is 0 where nobody asked.
    """

    work: Work
    id: UUID
    name: str
    about: str
    attempt: int
    asked_by: int = 0
    parameters: Result = field(default_factory=dict)
    personal: Result = field(default_factory=dict)
    done: int = 0
    total: int | None = None
    cursor: Result = field(default_factory=dict)
    _begun: float = field(default_factory=clock.monotonic)
    _told: float = 0.0
    _calls: int = 0

    async def progress(self, done: int, total: int | None = None, cursor: Result | None = None, *, now: bool = False) -> None:
        """So much is done. Call it as often as you like: it is recorded from time to time, and at once with `now`.

        Everything up to the last recorded cursor must be stored already; what comes after it is done again when this worker dies.
        Raises Stopped.
        """
        self.done, self.total = done, self.total if total is None else total
        self.cursor = self.cursor if cursor is None else cursor
        moment = clock.monotonic()
        if not now and moment - self._told < max(TOLD_EVERY_SECONDS, SHARE_OF_TIME * (moment - self._begun)):
            return
        self._told = moment
        try:
            command = Advance(self.id, self.attempt, self.done, self.total, self.cursor)
            await execute(self.work.log, SYSTEM, command, ids.random_id())
        except Rejected as stopped:
            raise Stopped(str(stopped)) from None

    async def call(
        self, model: str, messages: Sequence[Mapping[str, JsonValue]], *, purpose: str, parameters: Parameters | None = None
    ) -> Completion:
        """One call to a model, by the same permit as a reply's: paid for by whoever asked for the job, by the operator where nobody did.

        What the model refuses of the request is learned, and left out of another call.

        Raises Later when a limit is in the way for a while, GiveUp when nobody may pay for it, ProviderFailed.
        """
        log = self.work.log
        async with log.pool.connection() as connection:
            found = (await provider_models.known(connection, [model]))[model]
            own = await keys.of_user(connection, self.asked_by, self.work.endpoint.name) if self.asked_by else None
        payer = spend.payer_of_job(self.work, self.asked_by, own)
        said = [dict(message) for message in messages]
        for _ in range(1 + mending.MOST):
            chosen = effective(parameters or Parameters(), found)
            allowed = await self._permitted(payer, found, sum(tokens_of(message.get("content")) for message in said), chosen, purpose)
            request = dict(chosen.body) | {"model": found.id, "messages": said}
            try:
                return await self._complete(payer, allowed, request, found.cost)
            except ProviderFailed as failure:
                refused = failure
            treated = await mending.mended(self.work, found, request, refused.fault, self.id, CALLS * self.attempt + self._calls)
            if treated is None or effective(parameters or Parameters(), treated).body == chosen.body:
                break
            found = treated
        raise refused

    async def _permitted(self, payer: Payer, model: Model, count: int, chosen: Effective, purpose: str) -> Allowed:
        self._calls += 1
        call_id = ids.derived("call", self.id, self.attempt, self._calls)
        found = await spend.authorize(self.work, payer, model, call_id, estimate=model.cost(count, chosen.reserve), purpose=purpose)
        if isinstance(found, Refusal):
            raise GiveUp(f"No call: {found.why}.") if found.until is None else Later(found.until, f"No call yet: {found.why}.")
        return found

    async def _complete(
        self, payer: Payer, allowed: Allowed, request: dict[str, JsonValue], cost_of: Callable[[int, int], float | None]
    ) -> Completion:
        cost: float | None = None
        try:
            completion = await complete(
                self.work.http, allowed.endpoint, allowed.permit, request, seconds=self.work.seconds, on_text=_unheard, call=str(self.id)
            )
            used = completion.usage
            await spend.succeeded(self.work, allowed)
            cost = used.cost if used.cost is not None else cost_of(used.prompt_tokens, used.completion_tokens)
        except ProviderFailed as failure:
            await spend.failed(self.work, payer, allowed, failure.fault)
            cost = 0.0
            raise
        finally:
            await self.work.log.append(spend.settled(payer, allowed, cost))
        return completion


def tokens_of(content: JsonValue) -> int:
    """Tokens of a message's content by our count: a text, or a list of parts of which a picture counts as IMAGE_TOKENS."""
    if not isinstance(content, list):
        return tokens.count(str(content or ""))
    parts = [part for part in content if isinstance(part, dict)]
    return sum(tokens.count(str(part["text"])) if "text" in part else IMAGE_TOKENS for part in parts)


async def _unheard(_: str) -> None:
    """Nobody watches a job's text grow."""


@dataclass(frozen=True, slots=True)
class Handler:
    """A kind of job. `every` and `about`: it is due by itself, about this; `at_once` of them run in one worker."""

    name: str
    run: Callable[[RunningJob], Awaitable[Result | JobResult]]
    retry: RetryPolicy = RETRIES
    at_once: int = 2
    every: Every | None = None
    about: Callable[[Work], str] = lambda _: ""


def hours(count: float) -> Every:
    """Once in so many hours."""
    return Every(timedelta(hours=count))
