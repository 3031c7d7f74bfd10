"""`tzurot memory import`: memories of a shapes.inc backup or of the predecessor, as memories of the people they are of."""

from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer

from bot import editing
from bot.cli.acting import OPERATOR, carry
from engine.events.base import user_subject
from engine.events.build import new
from engine.events.memory import MemoryNoted, Reach
from engine.oldmemories import reading
from engine.oldmemories.reading import OldMemory
from engine.outside import numbers
from engine.resources.kinds import CHARACTER
from engine.store import Log
from engine.terminal import Json, echo, say

AT_ONCE = 100


def command(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="NAME_memories.json of a backup, or a file of memories.")],
    character: Annotated[str, typer.Option(help="Whose memories: the character's name, short name or id.")],
    person: Annotated[
        int | None, typer.Option(min=0, max=numbers.MOST, help="Whose, where a sender is not named: a Discord id.", show_default=False)
    ] = None,
    sender: Annotated[list[str] | None, typer.Option(metavar="SENDER=ID", help="Which Discord id a sender is; may be repeated.")] = None,
    anywhere: Annotated[bool, typer.Option("--anywhere", help="Also those of no known place: met wherever their person is.")] = False,
    preview: Annotated[bool, typer.Option("--preview", help="Only say what would come of it.")] = False,
    json: Json = False,
) -> None:
    """Bring in memories of a shapes.inc backup or of the predecessor. A second time adds nothing; what was forgotten stays forgotten."""
    found = reading.read(file.read_bytes())
    if found.sentence:
        echo(found.sentence, err=True)
        raise typer.Exit(1)
    people = _people(sender or [])

    async def work(log: Log) -> None:
        whose = await editing.find(log, CHARACTER, OPERATOR, character)
        left_out = dict(found.left_out)
        rows = list[tuple[int, OldMemory]]()
        for one in found.memories:
            who = people.get(one.sender, person)
            why = "an unknown sender" if who is None else "no place is known" if one.channel is None and not anywhere else ""
            if who is None or why:
                left_out[why] = left_out.get(why, 0) + 1
            else:
                rows.append((who, one))
        made = 0 if preview else await _bring_in(log, whose.id, rows)
        told = [f"{count} left out: {why}" for why, count in sorted(left_out.items())]
        words = f"{len(rows)} would be brought in." if preview else f"{made} are brought in, {len(rows) - made} were known."
        say({"found": len(rows), "made": made, "left_out": left_out}, json=json, words="\n".join((words, *told)))

    carry(work)


def _people(named: list[str]) -> dict[str, int]:
    found = dict[str, int]()
    for one in named:
        sender, _, number = one.rpartition("=")
        if not sender or not numbers.is_id(number):
            raise typer.BadParameter(f"{one} is not SENDER=ID.")
        found[sender] = int(number)
    return found


async def _bring_in(log: Log, character: UUID, rows: list[tuple[int, OldMemory]]) -> int:
    """Append what is not there yet. The id comes from the words, by the person's key, so the same words are the same memory."""
    made = 0
    for first in range(0, len(rows), AT_ONCE):
        notes = dict[UUID, MemoryNoted]()
        for person, one in rows[first : first + AT_ONCE]:
            key = await log.vault.key(user_subject(person))
            memory = reading.memory_id(key, person, character, one.text)
            if await log.find(memory) is None:
                notes[memory] = _noted(person, character, one, memory)
        await log.append(*(new(note, note.memory_id) for note in notes.values()))
        made += len(notes)
    return made


def _noted(person: int, character: UUID, one: OldMemory, memory: UUID) -> MemoryNoted:
    reach: Reach = "everywhere" if one.channel is None else "channel"
    return MemoryNoted(
        memory_id=memory,
        user_id=person,
        by_user_id=OPERATOR.user_id,
        origin=one.origin,
        character_id=character,
        channel_id=one.channel,
        guild_id=one.guild,
        venue="discord",
        reach=reach,
        at_ms=max(int(one.at.timestamp() * 1000), 0) if one.at else 0,
        text=one.text,
    )
