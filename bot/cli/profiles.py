"""`tzurot profile`: how people present themselves to characters, and how they want to be answered."""

from typing import Annotated
from uuid import UUID

import typer

from bot import editing, sheets
from bot.cli.acting import OPERATOR, carry
from bot.cli.editing import edit_sheet, with_options
from bot.cli.naming import number
from engine.resources.kinds import CHARACTER
from engine.resources.places.kinds import PROFILE
from engine.store import Log
from engine.terminal import Json, say, table

Which = Annotated[str, typer.Argument(metavar="PERSON", help="Their id; with one character: PERSON:CHARACTER.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(no_args_is_help=True, help="Profiles: who people are for characters, in general and with one of them.")
    group.command("show")(_show)
    about = "Change a person's profile (PERSON, or PERSON:CHARACTER for that with one character)."
    group.command("edit")(with_options(_edit, PROFILE, about, which=True))
    app.add_typer(group, name="profile")


def _show(which: Which, json: Json = False) -> None:
    """Show a person's profile, or that with one character."""

    async def work(log: Log) -> None:
        item = await _item(log, which)
        say({"profile": which, **item.values}, json=json)
        if not json:
            table(("field", "value"), [(spec.shown.label, text) for spec, text in editing.shown(item, everything=True)])

    carry(work)


def _edit(which: str, json: bool = False, **options: str | None) -> None:
    async def work(log: Log) -> None:
        item = await _item(log, which)
        await edit_sheet(log, PROFILE, item, which, options, json=json)

    carry(work)


async def _item(log: Log, which: str) -> editing.Item:
    person, _, named = which.partition(":")
    user = number(person, "person")
    about: UUID | None = (await editing.find(log, CHARACTER, OPERATOR, named)).id if named else None
    return await sheets.profile_item(log, OPERATOR, user, about)


__all__ = ["register"]
