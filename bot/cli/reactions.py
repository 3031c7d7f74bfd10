"""`tzurot reactions`: which emoji does what, how replies were rated, which were reported (E1, E4, E5)."""

from typing import Annotated, Any

import typer

from bot import editing
from bot.cli.acting import OPERATOR, carry
from bot.cli.editing import typed_options, with_options
from bot.cli.naming import number
from bot.cli.output import listed
from bot.mapping import mapped
from engine import ids
from engine.decide.reacting.mapping import MapReactions
from engine.events.turn import TurnCompleted
from engine.execute import execute
from engine.outside import numbers
from engine.resources.field import values
from engine.resources.kinds import CHARACTER, REACTIONS
from engine.resources.reacting.sheet import UNSET
from engine.store import Log
from engine.terminal import Json, say, table
from projections.models.reacting import reactions

Server = Annotated[str, typer.Option("--server", help="In this server: its id.")]
Character = Annotated[str, typer.Option("--character", help="On the replies of this character.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(no_args_is_help=True, help="Reactions: which emoji does what; how people rated and reported replies.")
    group.command("show")(_show)
    group.command("set")(with_options(_set, REACTIONS, "Say which emojis do what. WHERE is a server's id, or a character.", which=True))
    group.command("ratings")(_ratings)
    group.command("reports")(_reports)
    group.command("export")(_export)
    app.add_typer(group, name="reactions")


def _show(server: Server = "", character: Character = "", json: Json = False) -> None:
    """Show which emoji does what, and whose word that is."""

    async def work(log: Log) -> None:
        whose = (await editing.find(log, CHARACTER, OPERATOR, character)).id if character else None
        found = await mapped(log, number(server, "server") if server else None, whose)
        say([{"act": one.act, "emojis": one.emojis, "by": one.by} for one in found], json=json)
        if not json:
            table(("does", "emojis", "set by"), [(one.label, one.emojis, one.by) for one in found])

    carry(work)


def _set(which: str, json: bool = False, **options: str | None) -> None:
    async def work(log: Log) -> None:
        server = numbers.whole(which) if len(which) > 10 else None
        whose = None if server is not None else (await editing.find(log, CHARACTER, OPERATOR, which)).id
        async with log.pool.connection() as connection:
            before = values(await reactions.sheet_of(connection, guild=server, character=whose) or UNSET)
        changes = editing.changes(before, typed_options(REACTIONS, before, options))
        if changes:
            await execute(log, OPERATOR, MapReactions(server, whose, changes), ids.random_id(), see=["reactions"])
        say({"changed": sorted(changes)}, json=json, words=f"Changed {', '.join(sorted(changes)) or 'nothing'}.")

    carry(work)


def _ratings(character: Character = "", json: Json = False) -> None:
    """Count good and bad ratings by character, model and preset."""

    async def work(log: Log) -> None:
        whose = (await editing.find(log, CHARACTER, OPERATOR, character)).id if character else None
        async with log.pool.connection() as connection:
            found = await reactions.counts(connection, character=whose)
        names = {item.id: item.name for item in await editing.items(log, CHARACTER, OPERATOR)}
        rows = [
            {"character": names.get(one.character, str(one.character)), "model": one.model or "", "preset": str(one.preset or "")}
            | {"good": one.good, "bad": one.bad}
            for one in found
        ]
        listed(rows, "Nobody has rated a reply yet: a heart on one calls it good.", json=json)

    carry(work)


def _reports(json: Json = False) -> None:
    """List the replies that people reported, the latest first."""

    async def work(log: Log) -> None:
        async with log.pool.connection() as connection:
            found = await reactions.reports(connection, log.vault)
        rows = [
            {"at": one.at.isoformat(timespec="seconds"), "turn": str(one.version), "message": one.message_id, "channel": one.channel}
            | {"by": one.person, "says": one.text}
            for one in found
        ]
        listed(rows, "Nobody has reported a reply.", json=json)

    carry(work)


def _export(character: Character = "", json: Json = False) -> None:
    """Write every rated answer of a model as a line of JSON, with --json or without: answer, rating, model and preset."""

    async def work(log: Log) -> None:
        whose = (await editing.find(log, CHARACTER, OPERATOR, character)).id if character else None
        async with log.pool.connection() as connection:
            found = await reactions.votes(connection)
        for vote in (vote for vote in found if whose in (None, vote.character)):
            if (row := await _preference(log, vote)) is not None:
                say(row, json=True)

    carry(work)


async def _preference(log: Log, vote: reactions.Vote) -> dict[str, Any] | None:
    """One rated answer; None for words of a person, and for what an erasure made unreadable."""
    end = await log.find(ids.terminal(vote.version))
    asked = await log.find(ids.message_event(vote.message_id, "received"))
    if end is None or end.erased or asked is None or asked.erased or not isinstance(end.event, TurnCompleted):
        return None
    return {
        "turn": vote.version,
        "character": vote.character,
        "message": getattr(asked.event, "text", ""),
        "answer": end.event.text,
        "rating": vote.rating,
        "model": vote.model,
        "preset": vote.preset,
    }


__all__ = ["register"]
