"""`tzurot deny`: who is not answered, and where (H1)."""

from typing import Annotated

import typer

from bot import editing
from bot.cli.acting import OPERATOR, carry
from bot.cli.naming import number
from bot.cli.output import listed
from engine import ids
from engine.decide.speaking.denial import Allow, Deny
from engine.events.access import Mode, Scope
from engine.execute import execute
from engine.resources.kinds import CHARACTER
from engine.store import Log
from engine.terminal import Json, say
from projections.models import access
from projections.terminal import NotFound

Person = Annotated[str, typer.Argument(metavar="PERSON", help="The person's id: in Discord, Copy User ID.")]
Guild = Annotated[str, typer.Option("--guild", help="Only in this server (its id).")]
Channel = Annotated[str, typer.Option("--channel", help="Only in this channel (its id), and its threads.")]
Character = Annotated[str, typer.Option("--character", help="Only by this character.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(no_args_is_help=True, help="Denials: who is not answered, and where.")
    group.command("add")(_add)
    group.command("remove")(_remove)
    group.command("list")(_list)
    app.add_typer(group, name="deny")


def _add(
    person: Person,
    guild: Guild = "",
    channel: Channel = "",
    character: Character = "",
    mute: Annotated[bool, typer.Option("--mute", help="Their words stay in what characters read; else nothing of theirs is kept.")] = False,
    reason: Annotated[str, typer.Option(help="Why, for those who look it up.")] = "",
    json: Json = False,
) -> None:
    """Let a person not be answered any more: everywhere, or in one place. At once, and until `deny remove`."""

    async def work(log: Log) -> None:
        user, scope, target = number(person, "person"), *await _where(log, guild, channel, character)
        mode: Mode = "mute" if mute else "block"
        done = await execute(log, OPERATOR, Deny(user, scope, target, mode, reason), ids.random_id(), see=["access"])
        shown = {"person": user, "scope": scope, "target": target, "mode": mode, "changed": bool(done.events)}
        say(shown, json=json, words=f"{user} is not answered {_in_words(scope, target)} ({mode}).")

    carry(work)


def _remove(person: Person, guild: Guild = "", channel: Channel = "", character: Character = "", json: Json = False) -> None:
    """Let a person be answered again where they were denied. Other denials of theirs stay."""

    async def work(log: Log) -> None:
        user, scope, target = number(person, "person"), *await _where(log, guild, channel, character)
        await execute(log, OPERATOR, Allow(user, scope, target), ids.random_id(), see=["access"])
        say({"person": user, "scope": scope, "target": target}, json=json, words=f"{user} is answered again {_in_words(scope, target)}.")

    carry(work)


def _list(person: Annotated[str, typer.Argument(help="Only this person's.", show_default=False)] = "", json: Json = False) -> None:
    """List who is not answered, where, since when, by whom and why."""

    async def work(log: Log) -> None:
        async with log.pool.connection() as connection:
            found = await access.denials(connection, log.vault, user_id=number(person, "person") if person else None)
        rows = [
            {"person": d.user_id, "where": _in_words(d.scope, d.target), "mode": d.mode, "by": d.by_user}
            | {"since": d.denied_at.isoformat(timespec="seconds"), "reason": d.reason}
            for d in found
        ]
        listed(rows, "Everybody is answered. `tzurot deny add` changes that.", json=json)

    carry(work)


def _in_words(scope: Scope, target: str) -> str:
    before = {"bot": "anywhere", "guild": "in server ", "channel": "in channel ", "character": "by "}[scope]
    return f"{before}{target}"


async def _where(log: Log, guild: str, channel: str, character: str) -> tuple[Scope, str]:
    """The scope and its target. Raises NotFound when more than one is named."""
    named = [name for name, text in (("--guild", guild), ("--channel", channel), ("--character", character)) if text]
    if len(named) > 1:
        raise NotFound(f"Give one of {' and '.join(named)}, not both.")
    if guild:
        return "guild", str(number(guild, "server"))
    if channel:
        return "channel", str(number(channel, "channel"))
    if character:
        return "character", str((await editing.find(log, CHARACTER, OPERATOR, character)).id)
    return "bot", ""
