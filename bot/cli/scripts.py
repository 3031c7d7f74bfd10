"""`tzurot script`: regex scripts of a character or a server (I14)."""

from pathlib import Path
from typing import Annotated

import typer

from bot import editing, scripts
from bot.cli.acting import OPERATOR, carry
from bot.cli.cards import content_of
from bot.cli.editing import with_options
from bot.cli.naming import number
from bot.cli.output import listed
from engine import ids
from engine.decide.craft.script import RemoveScript
from engine.execute import execute
from engine.resources.craft.kinds import SCRIPT
from engine.resources.craft.script import ScriptScope
from engine.resources.kinds import CHARACTER
from engine.store import Log
from engine.terminal import Json, say, table
from projections.terminal import NotFound

Which = Annotated[str, typer.Argument(metavar="WHICH", help="A character's name, or a server's id.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(no_args_is_help=True, help="Regex scripts: find and replace in what a model reads and in what is shown.")
    group.command("list")(_list)
    group.command("set")(with_options(_set, SCRIPT, "Add a script, or change the one of this --name.", which=True))
    group.command("remove")(_remove)
    group.command("import")(_import)
    group.command("test")(_test)
    app.add_typer(group, name="script")


def _list(which: Which, json: Json = False) -> None:
    """List the scripts of a character or a server, in the order in which they run."""

    async def work(log: Log) -> None:
        rows = [sheet.model_dump(mode="json") for sheet in await scripts.sheets_of(log, *await _target(log, which))]
        shown = ("name", "find", "replace", "user", "replies", "lore", "holds", "disabled")
        listed(rows, "There are no scripts.", json=json, columns=shown)

    carry(work)


def _set(which: str, json: bool = False, **options: str | None) -> None:
    async def work(log: Log) -> None:
        scope, target = await _target(log, which)
        texts = {spec.key: text for spec in SCRIPT.fields if (text := options.get(f"{spec.key}_option")) is not None}
        texts = {key: "" if text == "null" else text for key, text in texts.items()}
        name = texts.pop("name", "")
        if not name:
            raise NotFound("Say which with --name.")
        done = await scripts.put(log, OPERATOR, scope, target, name, texts, ids.random_id())
        say({"script": name, "changed": bool(done.events)}, json=json, words=f"{name} holds from the next reply on.")

    carry(work)


def _remove(which: Which, name: Annotated[str, typer.Argument(help="The script's name.")], json: Json = False) -> None:
    """Remove a script. `tzurot undo` brings it back."""

    async def work(log: Log) -> None:
        scope, target = await _target(log, which)
        await execute(log, OPERATOR, RemoveScript(scope, target, name), ids.random_id(), see=["scripts"])
        say({"removed": name}, json=json, words=f"Removed {name}.")

    carry(work)


def _import(
    which: Which,
    file: Annotated[Path, typer.Argument(help="Scripts of SillyTavern's: one, a list, or a card; - is standard input.")],
    json: Json = False,
) -> None:
    """Bring scripts in from a file, behind those there are."""
    raw = content_of(file)

    async def work(log: Log) -> None:
        scope, target = await _target(log, which)
        found = await scripts.read_file(raw)
        await scripts.add(log, OPERATOR, scope, target, found, ids.random_id())
        names = [sheet.name for sheet in found.sheets]
        say({"scripts": names, "notes": list(found.notes)}, json=json, words="\n".join([f"{len(names)} scripts came in.", *found.notes]))

    carry(work)


def _test(which: Which, text: Annotated[str, typer.Argument(help="What somebody might say.")], json: Json = False) -> None:
    """Show what the scripts make of a text, without saying it."""

    async def work(log: Log) -> None:
        rows = scripts.trial(await scripts.sheets_of(log, *await _target(log, which)), text)
        say(dict(rows), json=json)
        if not json:
            table(("as", "becomes"), rows)

    carry(work)


async def _target(log: Log, which: str) -> tuple[ScriptScope, str]:
    """What is meant. Raises NotFound, Rejected."""
    if which.isascii() and which.isdigit():
        return "guild", str(number(which, "server"))
    return "character", str((await editing.find(log, CHARACTER, OPERATOR, which)).id)


__all__ = ["register"]
