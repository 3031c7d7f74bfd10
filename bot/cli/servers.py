"""`tzurot server`: what is set for a server, and which servers the bot serves."""

from typing import Annotated

import typer

from bot import editing, sheets
from bot.cli.acting import OPERATOR, carry
from bot.cli.editing import edit_sheet, with_options
from bot.cli.naming import number
from bot.cli.output import listed
from engine import ids
from engine.decide.places.serving import AllowServer, DenyServer, ServingCommand
from engine.execute import execute
from engine.resources.places.kinds import SERVER
from engine.store import Log
from engine.terminal import Json, echo, say, table
from projections.models.places import servers

Server = Annotated[str, typer.Argument(metavar="SERVER", help="The server's id: in Discord, Copy Server ID.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(no_args_is_help=True, help="Servers: what is set for them, and which the bot serves.")
    group.command("show")(_show)
    group.command("edit")(with_options(_edit, SERVER, "Change what is set for a server; what is not named stays as it is.", which=True))
    group.command("deny")(_deny)
    group.command("allow")(_allow)
    group.command("list")(_list)
    app.add_typer(group, name="server")


def _show(server: Server, json: Json = False) -> None:
    """Show what is set for a server, and whether it is served."""

    async def work(log: Log) -> None:
        guild = number(server, "server")
        item = await sheets.server_item(log, OPERATOR, guild)
        async with log.pool.connection() as connection:
            found = await servers.server(connection, guild)
        say({"server": guild, "set": found.edited, "verdict": found.verdict, **item.values}, json=json)
        if not json:
            table(("field", "value"), [(spec.shown.label, text) for spec, text in editing.shown(item, everything=True)])
            echo({"denied": "It is not served.", "allowed": "It was allowed by name."}.get(found.verdict or "", ""))

    carry(work)


def _edit(which: str, json: bool = False, **options: str | None) -> None:
    async def work(log: Log) -> None:
        item = await sheets.server_item(log, OPERATOR, number(which, "server"))
        await edit_sheet(log, SERVER, item, which, options, json=json)

    carry(work)


def _deny(server: Server, reason: Annotated[str, typer.Option(help="Why, for those who look it up.")] = "", json: Json = False) -> None:
    """Leave a server, and leave it again whenever it invites the bot again. Nobody there is answered from now on."""
    _say(DenyServer(number(server, "server"), reason), json, "is not served any more; the bot leaves it within seconds")


def _allow(server: Server, json: Json = False) -> None:
    """Serve a server: one that was denied, or where only servers allowed by name are served (ALLOWED_SERVERS_ONLY)."""
    _say(AllowServer(number(server, "server")), json, "is served")


def _say(command: ServingCommand, json: bool, words: str) -> None:
    async def work(log: Log) -> None:
        done = await execute(log, OPERATOR, command, ids.random_id(), see=["servers"])
        said = words if done.events else "was so already"
        say({"server": command.guild_id, "changed": bool(done.events)}, json=json, words=f"{command.guild_id} {said}.")

    carry(work)


def _list(json: Json = False) -> None:
    """List every server of which anything was said, and how often people there were shown where help is."""

    async def work(log: Log) -> None:
        async with log.pool.connection() as connection:
            found = await servers.servers(connection)
            helped = await servers.referrals(connection)
        known = {one.guild_id: one for one in found}
        rows = [
            {
                "server": guild,
                "verdict": (one.verdict or "") if one else "",
                "set": bool(one and one.edited),
                "helped": helped.get(guild, 0),
            }
            for guild in sorted({*known, *helped})
            for one in (known.get(guild),)
        ]
        listed(rows, "Nothing was said of any server. `tzurot server edit` and `tzurot server deny` do it.", json=json)

    carry(work)


__all__ = ["register"]
