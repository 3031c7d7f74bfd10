"""`tzurot note`: the author's note and ready-made rules of a character or a channel (I4, I5)."""

from typing import Annotated, Any

import typer

from bot import editing
from bot.cli.acting import OPERATOR, carry
from bot.cli.editing import Edited, edit, with_options
from bot.cli.naming import number
from bot.notes import sheet_of
from engine import ids
from engine.decide.craft.note import SetNote
from engine.execute import execute
from engine.resources.craft.kinds import CRAFT
from engine.resources.craft.note import NoteScope
from engine.resources.field import values
from engine.resources.kinds import CHARACTER
from engine.store import Log
from engine.terminal import Json, say, table

Which = Annotated[str, typer.Argument(metavar="WHICH", help="A character's name, or a channel's id.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(no_args_is_help=True, help="The author's note and ready-made rules of a character or a channel.")
    group.command("show")(_show)
    group.command("set")(with_options(_set, CRAFT, "Set the note or the rules; what is not named stays as it is.", which=True))
    app.add_typer(group, name="note")


def _show(which: Which, json: Json = False) -> None:
    """Show what is set for a character or a channel."""

    async def work(log: Log) -> None:
        scope, target = await _target(log, which)
        found = values(await sheet_of(log, scope, target))
        say({"scope": scope, "target": target, **found}, json=json)
        if not json:
            table(("field", "value"), [(spec.shown.label, found[spec.key]) for spec in CRAFT.fields])

    carry(work)


def _set(which: str, json: bool = False, **options: str | None) -> None:
    async def work(log: Log) -> None:
        scope, target = await _target(log, which)
        before = values(await sheet_of(log, scope, target))

        async def save(changed: dict[str, Any]) -> None:
            await execute(log, OPERATOR, SetNote(scope, target, changed), ids.random_id(), see=["notes"])

        await edit(Edited(CRAFT, before, which), options, save, json=json)

    carry(work)


async def _target(log: Log, which: str) -> tuple[NoteScope, str]:
    """What is meant. Raises NotFound, Rejected."""
    if which.isascii() and which.isdigit():
        return "channel", str(number(which, "channel"))
    return "character", str((await editing.find(log, CHARACTER, OPERATOR, which)).id)


__all__ = ["register"]
