"""`tzurot channel`: who speaks in a channel, and what is set for it."""

from typing import Annotated

import typer

from bot import editing, explain
from bot.cli.acting import OPERATOR, carry
from bot.cli.editing import Edited, edit, with_options
from bot.cli.naming import number
from engine import ids
from engine.decide.channel import Activate, ChannelCommand, Deactivate, Edit, Reset, Where
from engine.execute import execute
from engine.outside import numbers
from engine.resources.channel import AS_IT_COMES
from engine.resources.field import values
from engine.resources.kinds import CHANNEL, CHARACTER
from engine.store import Log
from engine.terminal import Json, echo, say, table
from projections.models import channels, turns
from projections.terminal import NotFound

Channel = Annotated[str, typer.Argument(metavar="CHANNEL", help="The channel's id: in Discord, Copy Channel ID.")]
Whom = Annotated[str, typer.Argument(metavar="CHARACTER", help="Its name, short name or id.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(no_args_is_help=True, help="Channels: who speaks there, and what is set for them.")
    group.command("show")(_show)
    group.command("edit")(with_options(_edit, CHANNEL, "Change what is set for a channel; what is not named stays as it is.", which=True))
    group.command("explain")(_explain)
    group.command("activate")(_activate)
    group.command("deactivate")(_deactivate)
    group.command("reset")(_reset)
    app.add_typer(group, name="channel")


def _show(channel: Channel, json: Json = False) -> None:
    """Show who is activated in a channel, how talkative each is and how often silent, and what is set."""

    async def work(log: Log) -> None:
        where = await where_of(log, channel)
        async with log.pool.connection() as connection:
            active = await channels.active_in(connection, where.channel_id)
            sheet = await channels.sheet_of(connection, where.channel_id)
            silent = await turns.silences(connection, where.channel_id)
        known = {item.id: item for item in await editing.items(log, CHARACTER, OPERATOR)}
        here = [known[one] for one in active if one in known]
        cast = [
            {
                "short name": item.handle,
                "name": item.name,
                "talkativeness": item.values["talkativeness"],
                "silent": "{} of {}".format(*silent.get(item.id, (0, 0))),
            }
            for item in here
        ]
        found = {"channel": where.channel_id, "set": sheet is not None, "characters": cast, **values(sheet or AS_IT_COMES)}
        say(found, json=json)
        if json:
            return
        table(("field", "value"), [(spec.shown.label, found[spec.key]) for spec in CHANNEL.fields])
        if cast:
            table(tuple(cast[0]), [tuple(one.values()) for one in cast])
        else:
            echo("Nobody is activated there. `tzurot channel activate` does it.")

    carry(work)


def _explain(
    channel: Channel,
    person: Annotated[str, typer.Option("--person", help="As it is for this person (their id).")] = "",
    json: Json = False,
) -> None:
    """Explain who answers in a channel and why, and what stands in the way."""

    async def work(log: Log) -> None:
        where = await where_of(log, channel)
        asks = numbers.whole(person)
        found = await explain.look(log, where.channel_id, guild_id=where.guild_id, asks=asks)
        told = [line.removeprefix("-# ") for line in explain.lines(found)]
        say({"channel": where.channel_id, "explanation": told}, json=json, words="\n".join(told))

    carry(work)


def _edit(which: str, json: bool = False, **options: str | None) -> None:
    async def work(log: Log) -> None:
        where = await where_of(log, which)
        async with log.pool.connection() as connection:
            before = values(await channels.sheet_of(connection, where.channel_id) or AS_IT_COMES)
        await edit(Edited(CHANNEL, before, where.channel_id), options, lambda changed: _do(log, Edit(where, changed)), json=json)

    carry(work)


def _activate(channel: Channel, character: Whom, json: Json = False) -> None:
    """Let a character speak in a channel without being called."""
    _with_character(channel, character, json, Activate, "is activated there now")


def _deactivate(channel: Channel, character: Whom, json: Json = False) -> None:
    """Let a character answer in a channel only when it is called."""
    _with_character(channel, character, json, Deactivate, "is not activated there any more")


def _reset(
    channel: Channel, confirm: Annotated[str, typer.Option(help=f"Type {explain.CONFIRM_RESET} to confirm.")] = "", json: Json = False
) -> None:
    """Start a channel anew: nobody activated, nothing set, and characters see nothing of what was said before."""

    async def work(log: Log) -> None:
        await _do(log, Reset(await where_of(log, channel)))
        say({"channel": int(channel)}, json=json, words=f"{explain.RESET} `tzurot undo` brings all of it back.")

    if confirm.strip().casefold() != explain.CONFIRM_RESET:
        raise NotFound(f"Nothing was changed. Confirm with --confirm {explain.CONFIRM_RESET}.")
    carry(work)


def _with_character(channel: str, character: str, json: bool, command: type[Activate | Deactivate], words: str) -> None:
    async def work(log: Log) -> None:
        item = await editing.find(log, CHARACTER, OPERATOR, character)
        await _do(log, command(await where_of(log, channel), item.id))
        say({"channel": int(channel), "character": str(item.id)}, json=json, words=f"{item.name} {words}.")

    carry(work)


async def _do(log: Log, command: ChannelCommand) -> None:
    await execute(log, OPERATOR, command, ids.random_id(), see=["channels"])


async def where_of(log: Log, text: str) -> Where:
    """The channel, as it was last heard of. Raises NotFound."""
    channel = number(text, "channel")
    async with log.pool.connection() as connection:
        return await channels.where(connection, channel) or Where(channel, None, "discord")


__all__ = ["register"]
