"""`tzurot notebook`: what characters noted for themselves of people with their tool `notes` (I6)."""

from typing import Annotated

import typer

from bot import editing, notebooks
from bot.cli.acting import OPERATOR, carry
from bot.cli.naming import number
from bot.notebooks import OneNotebook
from engine import ids
from engine.decide.craft.notebook import AddNote, StrikeNote
from engine.execute import execute
from engine.resources.kinds import CHARACTER
from engine.store import Log
from engine.terminal import Json, say, table

Which = Annotated[str, typer.Argument(metavar="CHARACTER", help="Whose notebook: its name or short name.")]
Channel = Annotated[str, typer.Argument(metavar="CHANNEL", help="Id of the channel.")]
Person = Annotated[str, typer.Argument(metavar="PERSON", help="Id of the person it is about.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(no_args_is_help=True, help="The notebooks that characters keep for people.")
    group.command("show")(_show)
    group.command("add")(_add)
    group.command("strike")(_strike)
    app.add_typer(group, name="notebook")


def _show(which: Which, json: Json = False) -> None:
    """Show all notes of a character that stand, by channel and person."""

    async def work(log: Log) -> None:
        character = (await editing.find(log, CHARACTER, OPERATOR, which)).id
        found = await notebooks.every(log, character)
        rows = [(str(one.channel), str(one.user), at, text) for one in found for at, text in one.notes]
        say([dict(zip(("channel", "person", "number", "note"), row, strict=True)) for row in rows], json=json)
        if not json:
            table(("channel", "person", "number", "note"), rows, empty="It has noted nothing.")

    carry(work)


def _add(
    which: Which, channel: Channel, person: Person, text: Annotated[str, typer.Argument(help="The note.")], json: Json = False
) -> None:
    """Write a note into a character's notebook. `tzurot undo` takes it back."""

    async def work(log: Log) -> None:
        one = await _one(log, which, channel, person)
        await execute(log, OPERATOR, AddNote(one.character, one.channel, one.user, one.guild, text), ids.random_id())
        say({"added": text}, json=json, words="Noted. The character reads it when it uses its tool notes.")

    carry(work)


def _strike(
    which: Which, channel: Channel, person: Person, note: Annotated[str, typer.Argument(help="The note's number.")], json: Json = False
) -> None:
    """Strike a note out. `tzurot undo` brings it back."""

    async def work(log: Log) -> None:
        one, at = await _one(log, which, channel, person), number(note, "note")
        await execute(log, OPERATOR, StrikeNote(one.character, one.channel, one.user, one.guild, at), ids.random_id())
        say({"struck": at}, json=json, words=f"Note {at} is struck out.")

    carry(work)


async def _one(log: Log, which: str, channel: str, person: str) -> OneNotebook:
    character = (await editing.find(log, CHARACTER, OPERATOR, which)).id
    return await notebooks.of(log, character, number(channel, "channel"), number(person, "person"))


__all__ = ["register"]
