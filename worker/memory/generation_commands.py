"""`tzurot memory rebuild`, `generations`, `compare` and `switch`: what is computed of memories, made anew beside what is met."""

from dataclasses import asdict
from statistics import fmean
from typing import Annotated

import typer
from pydantic import JsonValue

from engine import clock, config
from engine.actor import operator
from engine.decide.job import Ask, job_id
from engine.decide.remembering.memory import ChooseGeneration
from engine.execute import execute
from engine.store import Log
from engine.terminal import Json, Yes, echo, say, table
from projections.follow import rebuild as rebuilding
from projections.follow import verify
from projections.models.memories import generations
from projections.registry import named
from worker.terminal import NotFound, carry_out, with_log

KINDS = ("summary", "vectors")
COUNTED = ("summaries", "facts", "vectors", "cost")
TABLES = ("memory", "history")
"""Read models that memories are read from."""


def rebuild(
    summarizer: Annotated[str, typer.Option(metavar="MODEL", help="Make summaries and facts anew by this model.")] = "",
    embedder: Annotated[str, typer.Option(metavar="NAME", help="Make the vectors anew by this embedder.")] = "",
    switch: Annotated[bool, typer.Option("--switch", help="Meet the new ones as soon as they are all there.")] = False,
    preview: Annotated[bool, typer.Option("--preview", help="Only say what it would take.")] = False,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Fold what is remembered anew from the log: the same tables, no call. With an option: a generation beside it, by a job."""
    if summarizer and embedder:
        raise NotFound("One at a time: --summarizer or --embedder.")
    if not summarizer and not embedder:
        _fold_again(json=json)
        return
    takes = with_log(lambda log: _summarizing(log, summarizer) if summarizer else _embedding(log, embedder))
    echo(str(takes["sentence"]), err=True)
    if preview:
        say(takes, json=json)
        return
    if not yes:
        typer.confirm("Begin?", abort=True)
    name = "resummarize" if summarizer else "embed_memories"
    settings = config.settings()
    making: dict[str, JsonValue] = {"model": summarizer, "grouping": settings.memory_summaries, "every": settings.memory_facts_every}
    parameters: dict[str, JsonValue] = making if summarizer else {"vectors": embedder}
    about = f"{summarizer or embedder}:{clock.now():%Y-%m-%dT%H:%M:%S}"
    job = job_id(name, about)
    with_log(lambda log: execute(log, operator(), Ask(job, name, about, parameters | {"switch": switch}), job, see=("jobs",)))
    after = "" if switch else f" Then: tzurot memory compare, and tzurot memory switch {'summary' if summarizer else 'vectors'} NAME."
    say({"job": str(job)} | takes, json=json, words=f"A worker does it: tzurot job show {str(job)[:8]}, or the console's page Jobs.{after}")


def summarize(
    preview: Annotated[bool, typer.Option("--preview", help="Only say what it would take.")] = False,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Have summaries made of memories that another program kept word for word, by the model of summaries. They stay, as its sources."""
    from worker.jobs import summarize_notes

    async def look(log: Log) -> tuple[str, summarize_notes.NotesEstimate]:
        async with log.pool.connection() as connection:
            generation = await generations.chosen(connection, "summary")
        model = generation or config.settings().memory_model
        if not model:
            raise NotFound("No model that summarizes is set. Set MEMORY_MODEL.")
        return model, await summarize_notes.estimate(log, generation, model)

    model, takes = with_log(look)
    if takes.groups == takes.made:
        raise NotFound("There is nothing to summarize. `tzurot memory import` brings in memories that were kept word for word.")
    cost = "an unknown price" if takes.cost is None else f"about ${takes.cost:.2f}"
    sentence = f"{takes.groups - takes.made:,} calls of {model}: {cost}, about {_time(takes.seconds)}."
    echo(sentence, err=True)
    if preview:
        say(asdict(takes) | {"sentence": sentence}, json=json)
        return
    if not yes:
        typer.confirm("Begin?", abort=True)
    name, about = summarize_notes.NAME, f"{model[:100]}:{clock.now():%Y-%m-%dT%H:%M:%S}"
    job = job_id(name, about)
    with_log(lambda log: execute(log, operator(), Ask(job, name, about), job, see=("jobs",)))
    say(
        {"job": str(job)} | asdict(takes), json=json, words=f"A worker does it: tzurot job show {str(job)[:8]}, or the console's page Jobs."
    )


def _fold_again(*, json: bool) -> None:
    async def work(log: Log) -> list[dict[str, object]]:
        before = {verdict.name: verdict for verdict in await verify.verify(log.dsn, [named(name) for name in TABLES])}
        await rebuilding.rebuild(log.dsn, [named(name) for name in TABLES])
        after = await verify.verify(log.dsn, [named(name) for name in TABLES])
        return [{"name": one.name, "position": one.position, "equal": one.equal and before[one.name].equal} for one in after]

    done = with_log(work)
    say(done, json=json)
    if not json:
        table(("read model", "position", "same bytes as before"), [(one["name"], one["position"], one["equal"]) for one in done])
    if not all(one["equal"] for one in done):
        raise typer.Exit(1)


async def _summarizing(log: Log, model: str) -> dict[str, object]:
    from worker.jobs import resummarize

    grouping = config.settings().memory_summaries
    if grouping == "off":
        raise NotFound("MEMORY_SUMMARIES is off.")
    takes = await resummarize.estimate(log, model, grouping, config.settings().memory_facts_every)
    if not takes.groups:
        raise NotFound("Nothing was said yet of which a summary could be made: no channel has a complete group of messages.")
    cost = "an unknown price" if takes.cost is None else f"about ${takes.cost:.2f}"
    left = takes.groups - takes.made
    sentence = f"{left:,} calls of {model} ({takes.made:,} of {takes.groups:,} groups are made): {cost}, about {_time(takes.seconds)}."
    return asdict(takes) | {"sentence": sentence}


async def _embedding(log: Log, vectors: str) -> dict[str, object]:
    from worker.jobs import embed_memories
    from worker.memory import embed

    if vectors not in embed.EMBEDDERS:
        raise NotFound(f"There is no embedder {vectors}. There are: {', '.join(embed.EMBEDDERS)}.")
    count, seconds = await embed_memories.estimate(log, vectors)
    megabytes = count * embed_memories.BYTES / 1e6
    sentence = f"{count:,} texts, no call of a model: about {_time(seconds)} of one processor, {megabytes:,.1f} MB."
    return {"generation": vectors, "texts": count, "seconds": seconds, "megabytes": megabytes, "sentence": sentence}


def _time(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def listed(json: Json = False) -> None:
    """List the generations of summaries and vectors; one of each is met."""
    from worker.memory import embed

    async def work(log: Log) -> list[dict[str, object]]:
        async with log.pool.connection() as connection:
            vectors = await generations.chosen(connection, "vectors") or next(iter(embed.EMBEDDERS))
            return [asdict(one) for one in await generations.listed(connection, vectors)]

    found = with_log(work)
    say(found, json=json, words="" if found else "Nothing was made of memories yet.")
    if found and not json:
        rows = [(one["kind"], one["name"] or '""', "met" if one["chosen"] else "", *(one[name] for name in COUNTED)) for one in found]
        table(("kind", "name", "", "summaries", "facts", "vectors", "cost $"), rows)


def compare(
    left: Annotated[str, typer.Argument(help='A generation; "" is the one that the settings make.')],
    right: Annotated[str, typer.Argument(help="Another.")],
    kind: Annotated[str, typer.Option(help="summary or vectors.")] = "summary",
    questions: Annotated[int, typer.Option(min=1, max=500, help="So many messages that were answered last.")] = 20,
    json: Json = False,
) -> None:
    """Ask two generations the same questions and show what each finds. No model is asked."""
    from worker.memory import compare as comparing

    _kind(kind)
    if kind == "summary":
        with_log(lambda log: _made(log, left, right))
    found = with_log(lambda log: comparing.compare(log, kind, left, right, questions=questions))
    made = [
        {kind: sum(one.kinds.count(kind) for one in side) for kind in ("fact", "summary", "note", "said", "reply")}
        for side in ([one.left for one in found], [one.right for one in found])
    ]
    shared = fmean([one.shared for one in found]) if found else 1.0
    total = {"questions": len(found), "shared": round(shared, 3), "left": made[0], "right": made[1]}
    say(total | {"each": [asdict(one) | {"shared": one.shared} for one in found]}, json=json)
    if not json and not found:
        echo("Nothing was answered yet, so there is nothing to ask.")
    elif not json:
        for one in found:
            echo(f"\n{' '.join(one.question.split())[:100]}  ({one.shared:.0%} the same)")
            for name, side in (("left", one.left), ("right", one.right)):
                for kind_, text in list(zip(side.kinds, side.texts, strict=True))[:3]:
                    echo(f"  {name:5} {kind_:8} {text}")
        echo(f"\n{len(found)} questions, {shared:.0%} of what is found is the same; found left: {made[0]}, right: {made[1]}")


async def _made(log: Log, *names: str) -> None:
    """Raises NotFound for a generation of summaries of which nothing was made."""
    async with log.pool.connection() as connection:
        there = {one.name for one in await generations.listed(connection, "") if one.kind == "summary"}
    for name in names:
        if name and name not in there:
            raise NotFound(f"Nothing was made by {name}. First: tzurot memory rebuild --summarizer {name}")


def switch(
    kind: Annotated[str, typer.Argument(help="summary or vectors.")],
    name: Annotated[str, typer.Argument(help='A generation; "" is the one that the settings make.')],
    json: Json = False,
) -> None:
    """Meet another generation from now on. The other stays, so that you can switch back."""
    from worker.memory import embed

    _kind(kind)
    if kind == "vectors" and name and name not in embed.EMBEDDERS:
        raise NotFound(f"There is no embedder {name}. There are: {', '.join(embed.EMBEDDERS)}.")

    async def work(log: Log) -> str:
        async with log.pool.connection() as connection:
            before = await generations.chosen(connection, kind)
        if kind == "summary":
            await _made(log, name)
        await carry_out(log, ChooseGeneration(kind, name), see=("memory",))  # type: ignore[arg-type]  # _kind saw to it
        return before

    before = with_log(work)
    back = f'tzurot memory switch {kind} "{before}"'
    say({"kind": kind, "generation": name, "before": before}, json=json, words=f"Done. Back again: {back}")


def _kind(kind: str) -> None:
    if kind not in KINDS:
        raise NotFound(f"The kind is one of {', '.join(KINDS)}.")


def register(app: typer.Typer) -> None:
    """Add these to a group of memory commands."""
    app.command("rebuild")(rebuild)
    app.command("summarize")(summarize)
    app.command("generations")(listed)
    app.command("compare")(compare)
    app.command("switch")(switch)
