"""Runs a turn again with something changed, as an experiment: an answer that no conversation holds (F3)."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from importlib import import_module
from uuid import UUID

from engine import ids
from engine.decide.job import RetryPolicy
from engine.events.build import new
from engine.events.experiment import ExperimentRun
from engine.events.preset import Parameters
from engine.events.turn import GenerationStarted, PromptSection, TurnRequested
from engine.resources.typed import tidy
from engine.store.connect import pool
from projections.models import catalog, provider_models
from projections.prompt.changes import BY_SETTINGS, PromptChanges
from projections.prompt.rebuild import rebuild
from projections.prompt.recall import Recall
from projections.prompt.section import Chosen, Snapshot
from projections.prompt.sections import history, memories
from worker.jobs.running import GiveUp, Handler, Result, RunningJob
from worker.memory.lazy import LazyRecall, knobs

NAME = "experiment"
LONGEST = 32_000
"""Characters of an answer that are kept."""


async def run(job: RunningJob) -> Result:
    """Build the turn's last prompt again from the log, have it answered, and keep the answer."""
    key = ids.derived("experiment run", job.id)
    if await job.work.log.row(key) is not None:
        return {"turn": str(job.parameters["turn"])}
    turn = UUID(str(job.parameters["turn"]))
    told = [one.event for one in await job.work.log.stream(f"turn:{turn}")]
    asked = next((one for one in told if isinstance(one, TurnRequested)), None)
    started = next((one for one in reversed(told) if isinstance(one, GenerationStarted)), None)
    if asked is None or started is None:
        raise GiveUp("Nothing was ever asked of a model in this turn.")
    try:
        wanted = changes(job.parameters, job.personal)
        if wanted.recalls:
            wanted = replace(wanted, recalled=await recalled(job, asked, started.sections, wanted.generation, wanted.vectors))
        again = await rebuild(job.work.log, started, changes=wanted)
    except LookupError as error:
        raise GiveUp(f"The prompt cannot be built again: {error}.") from None
    if again.erased:
        raise GiveUp("Something of this prompt was erased.")
    model, preset, parameters = await _chosen(job, started)
    async with job.work.log.pool.connection() as connection:
        sees = (await provider_models.known(connection, [model]))[model].sees
    messages = [(message if sees else message.without_pictures).as_json() for message in again.prompt.messages]
    completion = await job.call(model, messages, purpose=NAME, parameters=parameters)
    event = ExperimentRun(
        experiment_id=job.id,
        turn_id=turn,
        user_id=asked.user_id,
        by_user_id=job.asked_by,
        character_id=asked.character_id,
        model=model,
        preset_id=preset,
        equal=again.equal,
        usage=completion.usage,
        parameters=parameters.model_dump(mode="json", exclude_defaults=True),
        text=tidy(completion.text)[:LONGEST],
    )
    await job.work.log.append(new(event, key))
    return {"turn": str(turn)}


def changes(parameters: Result, personal: Result) -> PromptChanges:
    """What of the prompt is to be different. Pure. Raises GiveUp for what no program of ours asks."""
    edits, character = personal.get("edits"), parameters.get("character")
    try:
        return PromptChanges(
            character=None if character is None else int(str(character)),
            lore=parameters.get("lore") != "off",
            memory=parameters.get("memory") != "off",
            generation=_generation(parameters.get("generation")),
            vectors=str(parameters.get("vectors") or ""),
            edits={int(position): str(text) for position, text in edits.items()} if isinstance(edits, dict) else {},
        )
    except ValueError:
        raise GiveUp("It does not say what is to be different.") from None


def _generation(named: object) -> str | None:
    return None if named is None else "" if named == BY_SETTINGS else str(named)


async def recalled(
    job: RunningJob, asked: TurnRequested, made_of: Sequence[PromptSection], generation: str | None, vectors: str = ""
) -> Chosen:
    """What recall finds for the turn's message among the summaries and facts of a generation, by the vectors of an embedder.

    None and "" are those that are chosen.
    """
    history_then = next((Chosen(one.refs) for one in made_of if one.name == history.NAME), Chosen())

    async def other(_: str) -> Chosen:
        return history_then

    if job.work.recall is None:
        raise GiveUp("Nothing is recalled here: MEMORY_RECALL is off.")
    if not vectors:
        return await _looked_for(job, asked, generation, job.work.recall, other)
    embedders = (await asyncio.to_thread(import_module, "worker.memory.embed")).EMBEDDERS
    if vectors not in embedders:
        raise GiveUp(f"There is no embedder of that name. There are: {', '.join(embedders)}.")
    async with pool(job.work.log.dsn, size=2) as own:  # recall asks while the one who asks it holds a connection
        recall = LazyRecall(job.work.log.over(own), full=True, only=vectors, **knobs(job.work.settings))
        try:
            return await _looked_for(job, asked, generation, recall, other)
        finally:
            await recall.close()


async def _looked_for(
    job: RunningJob, asked: TurnRequested, generation: str | None, recall: Recall, other: Callable[[str], Awaitable[Chosen]]
) -> Chosen:
    async with job.work.log.pool.connection() as connection:
        snapshot = Snapshot(
            connection,
            asked.turn_id,
            asked.channel_id,
            asked.character_id,
            asked.message_id,
            {},
            0,
            guild=asked.guild_id,
            user=asked.user_id,
            venue=asked.venue,
            recall=recall,
            generation=generation,
            other=other,
        )
        return await memories.select(snapshot)


async def _chosen(job: RunningJob, started: GenerationStarted) -> tuple[str, UUID | None, Parameters]:
    """Model, preset and parameters: the preset that was named, or the turn's own; with the model that was named, if one was."""
    named = str(job.parameters.get("preset") or "") or (str(started.preset_id) if started.preset_id else "")
    async with job.work.log.pool.connection() as connection:
        found = next((one for one in await catalog.presets(connection, job.work.log.vault) if str(one.id) == named), None)
    model = str(job.parameters.get("model") or "") or (found.sheet.model if found is not None else started.model)
    return model, found.id if found is not None else None, found.sheet.parameters if found is not None else Parameters()


HANDLER = Handler(NAME, run, RetryPolicy(attempts=3, first=5.0, longest=60.0), at_once=2)
