"""Consolidates memories once a day: hides notes that say the same as another, at most a share of a person's (D13, D15).

Nothing is removed: what was hidden is there again when the dream is undone, and its sources are met all along.
"""

from collections import defaultdict

from engine import clock, ids
from engine.decide.remembering.dreaming import Dream, most
from engine.execute import execute
from projections.models.memories import noted
from projections.models.memories.noted import Note
from worker.jobs.running import SYSTEM, Handler, Result, RunningJob, hours

NAME = "dream"
MOST_NOTES = 100_000
PAIRS = 100
"""So many are decided together: each reads two streams."""


async def run(job: RunningJob) -> Result:
    """Go through the people of whom enough is noted. A second attempt at the same job dreams nothing twice."""
    from worker.memory import dreams  # its words are stemmed: only this job needs the library

    work, hidden = job.work, 0
    if work.settings.memory_dreams == "off":
        return {"hidden": 0}
    async with work.log.pool.connection() as connection:
        found = await noted.of_person(connection, work.log.vault, None, limit=MOST_NOTES)
    people = defaultdict[int, list[Note]](list)
    for note in found:
        people[note.person].append(note)
    for done, (person, notes) in enumerate(sorted(people.items()), start=1):
        pairs = dreams.same(notes)[: most(len(notes))]
        for first in range(0, len(pairs), PAIRS):
            dream = ids.derived("dream", job.id, person, first)
            command = Dream(dream, person, tuple(pairs[first : first + PAIRS]), len(notes))
            executed = await execute(work.log, SYSTEM, command, dream)
            hidden += sum(len(getattr(event, "hidden", ())) for event in executed.events)
        await job.progress(done, len(people), now=done == len(people))
    return {"hidden": hidden, "people": len(people), "until": clock.now().isoformat(timespec="seconds")}


HANDLER = Handler(NAME, run, every=hours(24), at_once=1)
