"""Makes summaries and facts of everything that was said anew, by another model, beside those that are met: a generation (D2).

Each group is looked for before its call, so a killed job goes on and asks nobody twice. Nothing of it is met until it is chosen.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from engine import clock
from engine.decide.job import RetryPolicy
from engine.decide.remembering.memory import ChooseGeneration
from engine.execute import execute
from engine.ids import derived
from engine.store import Log
from projections.models import channels, provider_models
from projections.models.channels import Seen
from projections.models.memories import groups
from projections.models.memories.groups import Grouping
from projections.prompt import tokens
from worker.jobs import extract, facts, relate, summarize, summarize_notes
from worker.jobs.extract import TurnsReading
from worker.jobs.facts import HeldFact
from worker.jobs.reading import told
from worker.jobs.relate import BondReading
from worker.jobs.running import SYSTEM, GiveUp, Handler, Result, RunningJob
from worker.jobs.summarize import ASKED, ASKED_BOTH, Group, NoSummary
from worker.jobs.summarize_notes import NoteGroup

NAME = "resummarize"
SAMPLE = 20
"""Groups that are read to estimate the others."""
SECONDS = 3.0
"""Guess of a call's time."""
ANSWER_TOKENS = {"summary": 300, "facts": 150}


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a generation would take. `made` of the groups are there already; `cost` in US dollars, None where no price is known."""

    generation: str
    groups: int
    made: int
    prompt_tokens: int
    completion_tokens: int
    cost: float | None
    seconds: float


async def all_groups(log: Log, generation: str, grouping: str, every: int = 0) -> list[Group]:
    """Every complete group of every channel, in a fixed order. `every`: see all_turns."""
    chosen = summarize.GROUPINGS[grouping]
    async with log.pool.connection() as connection:
        seen = [one for venue in ("discord", "playground") for one in await channels.seen(connection, venue=venue)]
        return [
            Group(one, chosen, number, generation, facts=not every)
            for one in seen
            for number in await groups.closed(connection, one.channel, chosen, clock.now())
        ]


async def all_turns(log: Log, generation: str, every: int) -> list[TurnsReading]:
    """Every so many turns of every channel, to be read for facts, in a fixed order; none where facts come with summaries."""
    if not every:
        return []
    async with log.pool.connection() as connection:
        seen = [one for venue in ("discord", "playground") for one in await channels.seen(connection, venue=venue)]
        closed = [(one, await groups.closed(connection, one.channel, Grouping(size=every), clock.now())) for one in seen]
    return [TurnsReading(one, every, number, generation) for one, numbers in closed for number in numbers]


async def all_readings(job: RunningJob, generation: str) -> list[BondReading]:
    """How each two stand to each other, the newest of each, in a fixed order."""
    async with job.work.log.pool.connection() as connection:
        seen = [one for venue in ("discord", "playground") for one in await channels.seen(connection, venue=venue)]
    return [found for one in seen for found in await relate.latest(job.work.log, one, job.work.settings.memory_relationships, generation)]


async def estimate(log: Log, generation: str, grouping: str, every: int = 0) -> Estimate:
    """What it would take, from some of the groups, and of the turns that are read for facts. Asks no model."""
    summaries, turns = await all_groups(log, generation, grouping, every), await all_turns(log, generation, every)
    left = [one for one in summaries if await log.find(one.memory()) is None]
    unread = [one for one in turns if await log.find(one.extraction) is None]
    prompt = await _tokens(log, [(one.seen, one.grouping, one.number) for one in left], ASKED_BOTH if not every else ASKED)
    prompt += await _tokens(log, [(one.seen, one.grouping, one.number) for one in unread], extract.ASKED)
    answers = ANSWER_TOKENS["summary"] * len(left) + ANSWER_TOKENS["facts"] * len(unread)
    async with log.pool.connection() as connection:
        model = (await provider_models.known(connection, [generation]))[generation]
    old = await summarize_notes.estimate(log, generation, generation)
    prompt, answers = prompt + old.prompt_tokens, answers + old.completion_tokens
    every_one, calls = len(summaries) + len(turns) + old.groups, len(left) + len(unread) + old.groups - old.made
    return Estimate(generation, every_one, every_one - calls, prompt, answers, model.cost(prompt, answers), SECONDS * calls)


async def _tokens(log: Log, parts: Sequence[tuple[Seen, Grouping, int]], asked: str) -> int:
    """The prompt tokens of calls about parts of channels, from some of them."""
    some = parts[:: max(len(parts) // SAMPLE, 1)][:SAMPLE]
    counted = [tokens.count(told(await summarize.lines_of(log, *part))) + tokens.count(asked) for part in some]
    return round(sum(counted) / max(len(counted), 1) * len(parts))


@dataclass(slots=True)
class GenerationMaking:
    """What makes one part of a generation after another. `lately`: facts that the read models may not have yet."""

    job: RunningJob
    lately: list[HeldFact] = field(default_factory=list)

    async def make(self, part: Group | TurnsReading | BondReading | NoteGroup) -> int:
        """Make a part, unless it is made; how many memories are new."""
        if isinstance(part, NoteGroup):
            return await summarize_notes.make(self.job, part)
        if isinstance(part, Group):
            return await summarize.make(self.job, part)
        if isinstance(part, BondReading):
            return await relate.make(self.job, part)
        made = await extract.make(self.job, part, known=self.lately)
        self.lately = [*self.lately, *facts.as_held(made)][-facts.MOST_HELD :]
        return len(made)


async def run(job: RunningJob) -> Result:
    """Go through all groups, from where an earlier attempt was; choose the generation in the end if `switch` says so.

    With `preview` it only says what that would take.
    """
    generation, grouping = str(job.parameters.get("model", "")), str(job.parameters.get("grouping") or job.work.settings.memory_summaries)
    if not generation:
        raise GiveUp("No model is named.")
    if grouping not in summarize.GROUPINGS:
        raise GiveUp("MEMORY_SUMMARIES is off.")
    facts_every = int(str(job.parameters.get("every", job.work.settings.memory_facts_every)))
    if job.parameters.get("preview"):
        takes = await estimate(job.work.log, generation, grouping, facts_every)
        cost = "unknown" if takes.cost is None else f"${takes.cost:.2f}"
        return {"calls": takes.groups - takes.made, "groups": takes.groups, "cost": cost, "seconds": round(takes.seconds)}
    log, making = job.work.log, GenerationMaking(job)
    every: list[Group | TurnsReading | BondReading | NoteGroup] = [*await all_groups(log, generation, grouping, facts_every)]
    every += [*await all_turns(log, generation, facts_every), *await all_readings(job, generation)]
    every += await summarize_notes.all_groups(log, generation)
    noted, refused = int(str(job.cursor.get("noted", 0))), int(str(job.cursor.get("refused", 0)))
    for done, group in enumerate(every[job.done :], start=job.done + 1):
        try:
            noted += await making.make(group)
        except NoSummary:
            refused += 1
            if refused >= SAMPLE and not noted:
                raise GiveUp(f"{generation} made no summary of the first {SAMPLE} groups.") from None
        await job.progress(done, len(every), {"noted": noted, "refused": refused})
    if job.parameters.get("switch"):
        await execute(job.work.log, SYSTEM, ChooseGeneration("summary", generation), derived("resummarized", job.id))
    return {"groups": len(every), "noted": noted, "refused": refused, "switched": bool(job.parameters.get("switch"))}


HANDLER = Handler(NAME, run, RetryPolicy(attempts=10, first=30.0, longest=3600.0), at_once=1)
