"""A provider that says "no more" to a crowd."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from engine import clock, seed
from engine.config import Settings
from engine.decide.spending.quota import LONGEST, counts, to_milliseconds
from engine.events.message import Venue
from engine.events.quota import NoticeGiven, QuotaHit
from engine.events.turn import TurnCancelled, TurnCompleted, TurnFailed
from engine.store import Query
from projections.models import quota
from tests.chaos.calls.rig import GENEROUS, Rig, rig
from tests.chaos.run import Run
from tests.support.provider.room import End, Person
from tests.support.provider.server import Behaviour, FaultServer, ProviderRequest, Reply, Status

CHARACTER = seed.samples()[0].character_id
SYSTEM_KEY = "sk-system-canary-000000000000"
ALLOWED = 20
"""Calls the provider answers before it says no: OpenRouter's free calls a minute."""
AT_ONCE = 16
"""Turns a worker has in hand, as WORKER_CONCURRENCY is unless set."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One way to say no. With a `fallback` nobody should notice."""

    name: str
    no: Status
    venue: Venue = "playground"
    fallback: bool = False


KINDS: Sequence[Kind] = (
    Kind("429 with Retry-After", Status(429, "slow down", retry_after="120")),
    Kind("429 without", Status(429, "20 requests per minute")),
    Kind("429 for ever", Status(429, "slow down", retry_after="999999999")),
    Kind("402", Status(402, "Insufficient credits")),
    Kind("free day over", Status(429, "free-models-per-day"), venue="discord"),
    Kind("429 with a fallback", Status(429, "slow down", retry_after="120"), fallback=True),
)


@dataclass
class Storm:
    """One model that answers ALLOWED times and then refuses, and the crowd that asks for it."""

    number: int
    kind: Kind
    made: Rig
    answered: int = 0
    refused: int = 0
    others: int = 0
    ends: dict[UUID, End] = field(default_factory=dict)

    @property
    def model(self) -> str:
        return f"storm/{self.number}:free"

    @property
    def calm(self) -> str:
        return f"calm/{self.number}:free"

    def answer(self, asked: ProviderRequest) -> Behaviour:
        """Each refusal is counted here, where it is said."""
        words = f"Answer to {asked.call}, which is unlike any answer given before."
        if asked.model != self.model:
            self.others += 1
            return Reply(words)
        if self.answered < ALLOWED:
            self.answered += 1
            return Reply(words, before=0.05)
        self.refused += 1
        return self.kind.no


async def r22(run: Run, settings: Settings | None = None) -> None:
    """R22: 100 people (`--events`) at once, each in two channels, when the model runs out. A trial is one storm, on two workers."""
    crowd = run.events or 100
    worst = 0.0
    async with rig(settings) as made, FaultServer.running() as provider:
        await Person(made.log).tell(GENEROUS, "limits")
        async for number in run.each():
            storm = Storm(number, KINDS[number % len(KINDS)], made)
            provider.decide = storm.answer
            await Person(made.log).preset(storm.model, *([storm.calm] if storm.kind.fallback else []))
            await made.settled()
            await _blow(storm, provider, crowd)
            await _judge(run, storm)
            worst = max(worst, (storm.answered + storm.refused) / ALLOWED)
        run.figures |= {"people": crowd, "allowed": ALLOWED, "provider_calls_at_most_times_allowed": worst}
        await made.judge(run)


async def _blow(storm: Storm, provider: FaultServer, crowd: int) -> None:
    """Everybody at once in two channels, and once more afterwards, when a third worker starts that has seen nothing of it."""
    workers = [storm.made.work(provider.address, SYSTEM_KEY) for _ in range(3)]
    first = 1_000_000 * (storm.number + 1)
    people = [Person(storm.made.log, user=first + n % crowd, channel=first + n, guild=71, venue=storm.kind.venue) for n in range(2 * crowd)]
    gates = [asyncio.Semaphore(AT_ONCE) for _ in workers]

    async def turn(person: Person, which: int) -> None:
        asked = await storm.made.say(person, "Hello there, everybody", CHARACTER)
        async with gates[which]:
            storm.ends[asked] = await storm.made.answered(workers[which], asked)

    await asyncio.gather(*(turn(person, n % 2) for n, person in enumerate(people)))
    before = storm.answered + storm.refused
    await asyncio.gather(*(turn(person, 2) for person in people[:crowd]))
    assert storm.answered + storm.refused == before, "a worker that started later asked a model that is known to be used up"


async def _judge(run: Run, storm: Storm) -> None:
    name, made = f"storm {storm.number} ({storm.kind.name})", storm.made
    await made.settled()
    calls = storm.answered + storm.refused
    run.expect(calls <= 2 * ALLOWED, f"{name}: {calls} calls where {ALLOWED} were allowed")
    hits, notices = await _said(made, storm.model)
    run.expect(len(hits) == storm.refused, f"{name}: {len(hits)} hits in the log for {storm.refused} refusals")
    async with made.log.pool.connection() as connection:
        counted = counts(await quota.hits(connection), clock.now()).get(storm.model, {"1h": 0})
    run.expect(counted["1h"] == storm.refused, f"{name}: the counter says {counted['1h']} of {storm.refused}")
    latest = max((hit.reset_ms for hit in hits), default=0)
    run.expect(latest <= to_milliseconds(clock.now()) + LONGEST * 1000, f"{name}: blocked for more than a day")
    told = Counter(end.user_id for end in storm.ends.values() if isinstance(end, TurnFailed))
    given = Counter((notice.user_id, notice.subject) for notice in notices)
    run.expect(max(told.values(), default=1) == 1 and max(given.values(), default=1) == 1, f"{name}: a person was told more than once")
    answered = sum(isinstance(end, TurnCompleted) for end in storm.ends.values())
    quiet = sum(isinstance(end, TurnCancelled) for end in storm.ends.values())
    if storm.kind.fallback:
        run.expect(answered == len(storm.ends), f"{name}: {len(storm.ends) - answered} people noticed although there is a fallback")
    else:
        run.expect(storm.others == 0, f"{name}: {storm.others} calls of a model the preset does not name")
        run.expect(answered == storm.answered, f"{name}: {answered} replies for {storm.answered} answers")
    run.figures[name] = f"{storm.answered} answered, {storm.refused} refused, {len(told)} people told, {quiet} turns ended quietly"


async def _said(made: Rig, model: str) -> tuple[list[QuotaHit], list[NoticeGiven]]:
    """The log's hits of this model and the notices about it."""
    wanted = Query(types=frozenset({"quota.hit", "quota.notice_given"}))
    found = [recorded.event async for recorded in made.log.read(wanted)]
    hits = [event for event in found if isinstance(event, QuotaHit) and event.model == model]
    return hits, [event for event in found if isinstance(event, NoticeGiven) and event.subject.endswith(f":{model}")]
