"""Makes summaries and facts of everything that was said anew, by another model, beside those that are met: a generation (D2).

Each group is looked for before its call, so a killed job goes on and asks nobody twice. Nothing of it is met until it is chosen.
"""

from dataclasses import dataclass

from engine import clock
from engine.decide.job import RetryPolicy
from engine.decide.remembering.memory import ChooseGeneration
from engine.execute import execute
from engine.ids import derived
from engine.store import Log
from projections.models import channels, provider_models
from projections.models.memories import groups
from projections.prompt import tokens
from worker.jobs import relate, summarize
from worker.jobs.relate import BondReading
from worker.jobs.running import SYSTEM, GiveUp, Handler, Result, RunningJob
from worker.jobs.summarize import Group, NoSummary

NAME = "resummarize"
SAMPLE = 20
"""Groups that are read to estimate the others."""
SECONDS = 3.0
"""Guess of a call's time."""
ANSWER_TOKENS = 300


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


async def all_groups(log: Log, generation: str, grouping: str) -> list[Group]:
    """Every complete group of every channel, in a fixed order."""
    chosen = summarize.GROUPINGS[grouping]
    async with log.pool.connection() as connection:
        seen = [one for venue in ("discord", "playground") for one in await channels.seen(connection, venue=venue)]
        return [
            Group(one, chosen, number, generation)
            for one in seen
            for number in await groups.closed(connection, one.channel, chosen, clock.now())
        ]


async def all_readings(job: RunningJob, generation: str) -> list[BondReading]:
    """How each two stand to each other, the newest of each, in a fixed order."""
    async with job.work.log.pool.connection() as connection:
        seen = [one for venue in ("discord", "playground") for one in await channels.seen(connection, venue=venue)]
    return [found for one in seen for found in await relate.latest(job.work.log, one, job.work.settings.memory_relationships, generation)]


async def estimate(log: Log, generation: str, grouping: str) -> Estimate:
    """What it would take, from some of the groups. Asks no model."""
    every = await all_groups(log, generation, grouping)
    left = [group for group in every if await log.find(group.memory()) is None]
    some = left[:: max(len(left) // SAMPLE, 1)][:SAMPLE]
    counted = [tokens.count(summarize.told(await summarize.lines_of(log, group))) + tokens.count(summarize.ASKED) for group in some]
    prompt, answers = round(sum(counted) / max(len(counted), 1) * len(left)), ANSWER_TOKENS * len(left)
    async with log.pool.connection() as connection:
        model = (await provider_models.known(connection, [generation]))[generation]
    return Estimate(generation, len(every), len(every) - len(left), prompt, answers, model.cost(prompt, answers), SECONDS * len(left))


async def run(job: RunningJob) -> Result:
    """Go through all groups, from where an earlier attempt was; choose the generation in the end if `switch` says so.

    With `preview` it only says what that would take.
    """
    generation, grouping = str(job.parameters.get("model", "")), str(job.parameters.get("grouping") or job.work.settings.memory_summaries)
    if not generation:
        raise GiveUp("No model is named.")
    if grouping not in summarize.GROUPINGS:
        raise GiveUp("MEMORY_SUMMARIES is off.")
    if job.parameters.get("preview"):
        takes = await estimate(job.work.log, generation, grouping)
        cost = "unknown" if takes.cost is None else f"${takes.cost:.2f}"
        return {"calls": takes.groups - takes.made, "groups": takes.groups, "cost": cost, "seconds": round(takes.seconds)}
    every: list[Group | BondReading] = [*await all_groups(job.work.log, generation, grouping), *await all_readings(job, generation)]
    noted, refused = int(str(job.cursor.get("noted", 0))), int(str(job.cursor.get("refused", 0)))
    for done, group in enumerate(every[job.done :], start=job.done + 1):
        try:
            noted += await (summarize.make(job, group) if isinstance(group, Group) else relate.make(job, group))
        except NoSummary:
            refused += 1
            if refused >= SAMPLE and not noted:
                raise GiveUp(f"{generation} made no summary of the first {SAMPLE} groups.") from None
        await job.progress(done, len(every), {"noted": noted, "refused": refused})
    if job.parameters.get("switch"):
        await execute(job.work.log, SYSTEM, ChooseGeneration("summary", generation), derived("resummarized", job.id))
    return {"groups": len(every), "noted": noted, "refused": refused, "switched": bool(job.parameters.get("switch"))}


HANDLER = Handler(NAME, run, RetryPolicy(attempts=10, first=30.0, longest=3600.0), at_once=1)
