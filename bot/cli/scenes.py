"""`tzurot scene` and `tzurot history`: who is there while something is said, and what characters know of it."""

from dataclasses import asdict
from typing import Annotated

import typer

from bot import editing
from bot.cli.acting import OPERATOR, carry
from bot.cli.channels import Channel, Whom, where_of
from bot.history import CONFIRM, sentence
from engine import clock, ids
from engine.decide.channel import ChannelCommand, Purge, ResetContext, RestoreContext
from engine.decide.speaking.scene import Mark, Narrate, SceneCommand
from engine.execute import execute
from engine.resources.kinds import CHARACTER
from engine.store import Log
from engine.terminal import Json, say, table
from projections import why
from projections.models import history
from projections.models.places import scenes
from projections.terminal import NotFound

Since = Annotated[str, typer.Option("--since", help="Link or id of the first message it holds for; default: from now on.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    scene = typer.Typer(no_args_is_help=True, help="Who is there while something is said in a channel.")
    scene.command("show")(_show)
    scene.command("join")(_join)
    scene.command("leave")(_leave)
    scene.command("narrator")(_narrator)
    app.add_typer(scene, name="scene")
    past = typer.Typer(no_args_is_help=True, help="What characters know of what was said in a channel.")
    past.command("stats")(_stats)
    past.command("clear")(_clear)
    past.command("undo")(_undo)
    past.command("purge")(_purge)
    app.add_typer(past, name="history")


def _show(channel: Channel, json: Json = False) -> None:
    """Show who is there, and who narrates."""

    async def work(log: Log) -> None:
        where = await where_of(log, channel)
        async with log.pool.connection() as connection:
            cast = await scenes.cast(connection, where.channel_id, ids.snowflake_at(clock.now()))
        names = {item.id: item.name for item in await editing.items(log, CHARACTER, OPERATOR)}
        rows = [
            {"character": names.get(who, str(who)), "there": cast.present.get(who, True), "narrates": who in cast.narrators}
            for who in sorted({*cast.present, *cast.narrators})
        ]
        say({"channel": where.channel_id, "characters": rows}, json=json)
        if rows and not json:
            shown = [tuple(("no", "yes")[value] if isinstance(value, bool) else value for value in row.values()) for row in rows]
            table(tuple(rows[0]), shown)
        elif not json:
            say({}, json=False, words="Every character sees all that is said there.")

    carry(work)


def _join(channel: Channel, character: Whom, since: Since = "", json: Json = False) -> None:
    """A character comes in: it knows nothing of what was said before."""
    _marked(channel, character, since, json, there=True)


def _leave(channel: Channel, character: Whom, since: Since = "", json: Json = False) -> None:
    """A character goes out: it sees nothing more until it is back."""
    _marked(channel, character, since, json, there=False)


def _marked(channel: str, character: str, since: str, json: bool, *, there: bool) -> None:
    async def work(log: Log) -> None:
        item = await editing.find(log, CHARACTER, OPERATOR, character)
        at = _message(since) if since.strip() else ids.snowflake_at(clock.now())
        await _do(log, Mark(await where_of(log, channel), item.id, at, there))
        words = f"{item.name} {'is there now' if there else 'is not there any more'}."
        say({"channel": int(channel), "character": str(item.id), "there": there}, json=json, words=words)

    carry(work)


def _narrator(
    channel: Channel,
    character: Whom,
    narrates: Annotated[bool, typer.Option("--on/--off", help="Whether it sees everything.")] = True,
    json: Json = False,
) -> None:
    """A character sees everything, whether it is there or not."""

    async def work(log: Log) -> None:
        item = await editing.find(log, CHARACTER, OPERATOR, character)
        await _do(log, Narrate(await where_of(log, channel), item.id, narrates))
        words = f"{item.name} narrates{'' if narrates else ' no more'}."
        say({"channel": int(channel), "character": str(item.id), "narrates": narrates}, json=json, words=words)

    carry(work)


def _stats(channel: Channel, json: Json = False) -> None:
    """Count what was said in a channel, and what of it characters see."""

    async def work(log: Log) -> None:
        where = await where_of(log, channel)
        async with log.pool.connection() as connection:
            found = await history.stats(connection, where.channel_id)
        say({"channel": where.channel_id, **asdict(found)}, json=json, words=sentence(found, plain=True))

    carry(work)


def _clear(channel: Channel, json: Json = False) -> None:
    """From now on characters see nothing of what was said there before."""
    _changed(channel, json, ResetContext, "Characters see nothing of what was said there before. `tzurot history undo` brings it back.")


def _undo(channel: Channel, json: Json = False) -> None:
    """Bring back what the last clearing hid."""
    _changed(channel, json, RestoreContext, "What the last clearing hid is there again.")


def _purge(channel: Channel, confirm: Annotated[str, typer.Option(help=f"Type {CONFIRM} to confirm.")] = "", json: Json = False) -> None:
    """Let characters forget for good all that was said in a channel."""
    if confirm.strip().casefold() != CONFIRM:
        raise NotFound(f"Nothing was forgotten. Confirm with --confirm {CONFIRM}; it cannot be taken back.")
    _changed(channel, json, Purge, "No character will see again what was said there before.")


def _changed(channel: str, json: bool, command: type[ResetContext | RestoreContext | Purge], words: str) -> None:
    async def work(log: Log) -> None:
        await _do(log, command(await where_of(log, channel)))
        say({"channel": int(channel)}, json=json, words=words)

    carry(work)


def _message(text: str) -> int:
    try:
        return why.message_of(text)
    except why.NotAMessage as error:
        raise NotFound(str(error)) from None


async def _do(log: Log, command: ChannelCommand | SceneCommand) -> None:
    await execute(log, OPERATOR, command, ids.random_id(), see=["channels", "history", "scenes"])
