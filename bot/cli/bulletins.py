"""`tzurot presence` and `tzurot release`: what the bot says of itself."""

from pathlib import Path
from typing import Annotated

import typer

from bot.cli.acting import OPERATOR, carry
from engine import ids
from engine.decide.places.bulletin import Publish, SetPresence
from engine.execute import execute
from engine.resources.places.showing import Activity, Status
from engine.store import Log
from engine.terminal import Json, say
from projections.terminal import NotFound


def register(app: typer.Typer) -> None:
    """Add the commands."""
    presence = typer.Typer(no_args_is_help=True, help="How the bot shows itself on Discord.")
    presence.command("set")(_set)
    presence.command("clear")(_clear)
    app.add_typer(presence, name="presence")
    release = typer.Typer(no_args_is_help=True, help="News of releases, for servers that have a news channel.")
    release.command("publish")(_publish)
    app.add_typer(release, name="release")


def _set(
    text: Annotated[str, typer.Argument(help="What everybody reads below its name.")],
    activity: Annotated[Activity, typer.Option(help="What stands before the text.")] = "custom",
    status: Annotated[Status, typer.Option(help="The dot.")] = "online",
    json: Json = False,
) -> None:
    """Show a text and a status."""
    _carry(SetPresence(status, activity, text), "It is set. Discord shows it within seconds.", json=json)


def _clear(json: Json = False) -> None:
    """Show no text, and be online."""
    _carry(SetPresence(), "It shows no text any more.", json=json)


def _publish(
    version: Annotated[str, typer.Argument(help="Such as 1.4.0.")],
    title: Annotated[str, typer.Option(help="A few words.")] = "",
    notes: Annotated[Path | None, typer.Option(help="A text file with what is new.", show_default=False)] = None,
    url: Annotated[str, typer.Option(help="Where more stands; https only.")] = "",
    json: Json = False,
) -> None:
    """Tell servers that have a news channel of a release, once."""
    try:
        text = notes.read_text(encoding="utf-8", errors="replace") if notes else ""
    except OSError as error:
        raise NotFound(f"{notes} cannot be read: {error.strerror}.") from None
    _carry(Publish(version, title, text, url), f"Version {version} will be told.", json=json)


def _carry(command: SetPresence | Publish, words: str, *, json: bool) -> None:
    async def work(log: Log) -> None:
        done = await execute(log, OPERATOR, command, ids.random_id())
        say({"changed": bool(done.events)}, json=json, words=words if done.events else "Nothing changed: it is so already.")

    carry(work)
