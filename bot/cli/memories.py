"""`tzurot memory …`: what is noted, of whom, from what; corrected, locked and forgotten."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from bot import remembering
from bot.cli import old_memories
from bot.cli.acting import OPERATOR, carry
from engine import clock, ids
from engine.decide.remembering import memory as rules
from engine.decide.remembering.dreaming import UndoDream
from engine.decide.remembering.memory import MemoryCommand, MemoryPlace
from engine.events.memory import Reach
from engine.execute import execute
from engine.outside import numbers
from engine.store import Log
from engine.terminal import Json, Yes, echo, say, table
from projections.models import catalog
from projections.models.memories.noted import Note
from projections.terminal import group as shared_group

Person = Annotated[
    int | None, typer.Option("--person", min=0, max=numbers.MOST, help="Only this person's (their Discord id).", show_default=False)
]
Which = Annotated[str, typer.Argument(metavar="MEMORY", help="Its name, as in the list, or its id.")]

NOTHING_YET = "It cannot be taken back. Nothing was done. Run again with --yes."


def register(app: typer.Typer) -> None:
    """Add the commands to those about the embedding model."""
    group = shared_group(app, "memory", "What characters remember.")
    group.command("list")(_list)
    group.command("search")(_search)
    group.command("show")(_show)
    group.command("remember")(_remember)
    group.command("correct")(_correct)
    group.command("lock")(_lock)
    group.command("lock-all")(_lock_all)
    group.command("forget")(_forget)
    group.command("purge")(_purge)
    group.command("stats")(_stats)
    group.command("status")(_status)
    group.command("dreams")(_dreams)
    group.command("import")(old_memories.command)
    group.command("undo-dream")(_undo_dream)


def _list(person: Person = None, json: Json = False) -> None:
    """List what is noted besides what was said, the latest first."""

    async def work(log: Log) -> None:
        _tell(await remembering.notes(log, person), json=json)

    carry(work)


def _search(words: Annotated[list[str], typer.Argument(help="All of these.")], person: Person = None, json: Json = False) -> None:
    """Find what is noted by its words."""

    async def work(log: Log) -> None:
        _tell(await remembering.notes(log, person, words=" ".join(words)), json=json)

    carry(work)


def _tell(found: list[Note], *, json: bool) -> None:
    say([_fields(note) for note in found], json=json)
    if not json and found:
        table(("name", "person", "origin", "noted", "text"), [_row(note) for note in found])
    elif not json:
        echo("Nothing is noted. What was said is remembered by itself; `tzurot memory remember` notes something besides.")


def _row(note: Note) -> tuple[object, ...]:
    return note.name, note.person, note.origin, f"{note.at:%Y-%m-%d %H:%M}", " ".join(note.text.split())[:80]


def _fields(note: Note) -> dict[str, object]:
    names: tuple[str, ...] = ("person", "origin", "character", "channel", "guild", "venue", "reach")
    names += ("model", "cost", "corrected", "locked", "archived", "hidden", "replaced", "ended", "entities")
    more = {name: getattr(note, name) for name in names}
    more["until"] = note.until.isoformat(timespec="seconds") if note.until else None
    return {"name": note.name, "id": str(note.memory), "at": note.at.isoformat(timespec="seconds"), "text": note.text} | more


def _show(which: Which, json: Json = False) -> None:
    """Show a memory with where it comes from."""

    async def work(log: Log) -> None:
        note = await remembering.find(log, None, which)
        say(_fields(note), json=json, words=await remembering.viewed(log, note))

    carry(work)


def _remember(
    person: Annotated[int, typer.Argument(min=0, max=numbers.MOST, help="Of whom: their Discord id.")],
    text: Annotated[str, typer.Argument(help="What to remember.")],
    channel: Annotated[
        int | None, typer.Option(min=0, max=numbers.MOST, help="Only in this channel; else wherever they are answered.", show_default=False)
    ] = None,
    guild: Annotated[int | None, typer.Option(min=0, max=numbers.MOST, help="The channel's server.", show_default=False)] = None,
    json: Json = False,
) -> None:
    """Have something remembered about a person."""

    async def work(log: Log) -> None:
        reach: Reach = "everywhere" if channel is None else "channel"
        command = rules.Remember(ids.random_id(), person, MemoryPlace("discord", channel, guild), text, reach)
        await _do(log, command)
        say({"id": str(command.memory)}, json=json, words=f"It is remembered as {command.memory.hex[-8:]}.")

    carry(work)


def _correct(which: Which, text: Annotated[str, typer.Argument(help="What is right.")], json: Json = False) -> None:
    """Correct a memory: what it said before, and what that came from, is never met again."""

    async def work(log: Log) -> None:
        note = await remembering.find(log, None, which)
        await _do(log, rules.Correct(note.memory, text))
        say({"id": str(note.memory)}, json=json, words=f"{note.name} is corrected.")

    carry(work)


def _lock(which: Which, off: Annotated[bool, typer.Option("--off", help="Unlock it.")] = False, json: Json = False) -> None:
    """Let nothing but a person change a memory, or end that."""

    async def work(log: Log) -> None:
        note = await remembering.find(log, None, which)
        await _do(log, rules.LockMemory(note.memory, not off))
        say({"id": str(note.memory), "locked": not off}, json=json, words=f"{note.name} is {'unlocked' if off else 'locked'}.")

    carry(work)


def _lock_all(
    words: Annotated[list[str] | None, typer.Argument(help="Only those with all of these words.", show_default=False)] = None,
    person: Person = None,
    off: Annotated[bool, typer.Option("--off", help="Unlock them.")] = False,
    json: Json = False,
) -> None:
    """Lock or unlock everything that is noted, of a person or with some words."""

    async def work(log: Log) -> None:
        found = await remembering.notes(log, person, words=" ".join(words or ()))
        told = await remembering.lock_all(log, OPERATOR, found, ids.random_id(), locked=not off)
        say({"found": len(found), "locked": not off}, json=json, words=told)

    carry(work)


def _forget(which: Which, yes: Yes = False, json: Json = False) -> None:
    """Forget a memory and everything made of it, for good."""

    async def work(log: Log) -> None:
        note = await remembering.find(log, None, which)
        if yes:
            await _do(log, rules.ForgetMemory(note.memory))
        words = f"{note.name} is forgotten, with everything made of it." if yes else f"This forgets {note.name}: {note.text}\n{NOTHING_YET}"
        say({"id": str(note.memory), "forgotten": yes}, json=json, words=words)

    carry(work)


def _purge(
    person: Annotated[int, typer.Argument(min=0, max=numbers.MOST, help="Whose: their Discord id.")],
    yes: Yes = False,
    last: Annotated[str, typer.Option(help="Only of the last 5m, 15m, 30m, 1h, 4h or 24h.", show_default=False)] = "",
    json: Json = False,
) -> None:
    """Forget what a person ever said and was answered, for good, but what they locked."""

    async def work(log: Log) -> None:
        since = clock.now() - remembering.span(last) if last else datetime(2015, 1, 1, tzinfo=UTC)
        if yes:
            await _do(log, rules.ForgetSpan(person, since, clock.now()))
        when = f"since {since:%Y-%m-%d %H:%M} UTC" if last else "ever"
        words = f"What {person} said is forgotten. The messages themselves stay in their channels."
        if not yes:
            words = f"This forgets what {person} {when} said and was answered, but what is locked.\n{NOTHING_YET}"
        say({"person": person, "forgotten": yes}, json=json, words=words)

    carry(work)


def _stats(person: Person = None, json: Json = False) -> None:
    """Count what is noted: of which kind, what became of it, from when."""

    async def work(log: Log) -> None:
        async with log.pool.connection() as connection:
            names = {one.id: one.name for one in await catalog.characters(connection, log.vault)}
        words = remembering.counted(await remembering.notes(log, person), names)
        say({"stats": words.splitlines()}, json=json, words=words)

    carry(work)


def _status(person: Annotated[int, typer.Argument(min=0, max=numbers.MOST, help="Whose: their Discord id.")], json: Json = False) -> None:
    """What a person chose, and whether they are incognito or answered without memories."""

    async def work(log: Log) -> None:
        words = await remembering.status(log, person, {})
        say({"status": words.splitlines()}, json=json, words=words)

    carry(work)


def _dreams(person: Person = None, json: Json = False) -> None:
    """List what was hidden because another memory says the same."""

    async def work(log: Log) -> None:
        found = await remembering.dreamed(log, person)
        say([{"name": one.name, "id": str(one.dream), "undone": one.undone, "hidden": pairs} for one, pairs in found], json=json)
        if not json:
            echo(remembering.told(found))

    carry(work)


def _undo_dream(which: Annotated[str, typer.Argument(metavar="DREAM", help="Its name, as in the list.")], json: Json = False) -> None:
    """Bring back what a dream hid."""

    async def work(log: Log) -> None:
        found = await remembering.find_dream(log, None, which)
        await _do(log, UndoDream(found.dream))
        say({"id": str(found.dream)}, json=json, words=f"{found.name} is taken back: what it hid is there again.")

    carry(work)


async def _do(log: Log, command: MemoryCommand | UndoDream) -> None:
    await execute(log, OPERATOR, command, ids.random_id(), see=["memory"])
