"""Makes vectors of everything that may be met by another embedder, beside those that are used (D14). No model is asked."""

import asyncio
from typing import TYPE_CHECKING

from engine import clock
from engine.decide.job import RetryPolicy
from engine.decide.remembering.memory import ChooseGeneration
from engine.execute import execute
from engine.ids import derived
from engine.store import Log
from projections.models.memories import generations
from projections.prompt.sections import remembered
from worker.jobs.running import SYSTEM, GiveUp, Handler, Result, RunningJob

if TYPE_CHECKING:
    from worker.memory.engine import Engine

NAME = "embed_memories"
STEP = 64
SAMPLE = 40
BYTES = 3500
"""Of the vectors of one text, about: 384 bytes for the text and 132 for each of its tokens."""


async def estimate(log: Log, vectors: str) -> tuple[int, float]:
    """How many texts there are, and the seconds they would take, from some of them."""
    from worker.memory import embed

    async with log.pool.connection() as connection:
        count = await generations.size(connection)
        some = await generations.everything(connection, 0, SAMPLE)
    embedder = await asyncio.to_thread(lambda: embed.load(name=embed.EMBEDDERS[vectors]))
    texts = [one.text for one in await remembered.contents(log, [ref for _, ref in some]) if not one.erased]
    begun = clock.monotonic()
    await asyncio.to_thread(embedder.embed, texts)
    return count, (clock.monotonic() - begun) / max(len(texts), 1) * count


async def run(job: RunningJob) -> Result:
    """Go through all that stands, from where an earlier attempt was; what is made already is made no second time."""
    from worker.memory import embed, model  # loads onnxruntime, which other jobs do without
    from worker.memory.engine import Engine

    vectors = str(job.parameters.get("vectors", ""))
    if vectors not in embed.EMBEDDERS:
        raise GiveUp(f"There is no embedder {vectors}. There are: {', '.join(embed.EMBEDDERS)}.")
    if job.parameters.get("preview"):
        texts, seconds = await estimate(job.work.log, vectors)
        return {"texts": texts, "seconds": round(seconds), "megabytes": round(texts * BYTES / 1e6, 1)}
    try:
        engine = Engine(await asyncio.to_thread(lambda: embed.load(name=embed.EMBEDDERS[vectors])))
    except model.ModelUnavailable as error:
        raise GiveUp(str(error)) from None
    log, after, made = job.work.log, int(str(job.cursor.get("after", 0))), int(str(job.cursor.get("made", 0)))
    async with log.pool.connection() as connection:
        total = await generations.size(connection)
    done = job.done
    while True:
        async with log.pool.connection() as connection:
            some = await generations.everything(connection, after, STEP)
        if not some:
            break
        made += await _embed(log, engine, [ref for _, ref in some])
        after, done = some[-1][0], done + len(some)
        await job.progress(done, max(total, done), {"after": after, "made": made})
    if job.parameters.get("switch"):
        await execute(log, SYSTEM, ChooseGeneration("vectors", vectors), derived("embedded", job.id))
    return {"texts": done, "made": made, "switched": bool(job.parameters.get("switch"))}


async def _embed(log: Log, engine: "Engine", refs: list[str]) -> int:
    """Make and keep the vectors of these that have none; returns how many texts had none."""
    from worker.memory import vectors_kept

    contents = [one for one in await remembered.contents(log, refs) if not one.erased]
    keys = await log.vault.keys({one.subject for one in contents})
    memories = {one.ref: vectors_kept.memory_of(one) for one in contents if one.subject in keys}
    kept = await vectors_kept.load(log, engine, memories, contents, keys)
    missing = {ref: memory for ref, memory in memories.items() if ref not in kept}
    made = await asyncio.to_thread(lambda: {ref: engine.prepare(memory) for ref, memory in missing.items()})
    await vectors_kept.put(log, engine, made, contents, keys)
    return len(made)


HANDLER = Handler(NAME, run, RetryPolicy(attempts=10, first=30.0, longest=3600.0), at_once=1)
