"""`tzurot undo`: takes a change back, by a command made from its own events."""

from typing import Annotated

import typer

from bot import undoing
from bot.undoing import Change
from engine.actor import operator
from engine.decide.rejected import Rejected
from engine.outside import numbers
from engine.store import Log
from engine.terminal import Json, say, table
from projections.terminal import NotFound, with_log

OPERATOR = operator(1)
MINE = (0, 1)
"""The operator's own user ids: at the command line, and in the console."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("undo")(undo)


def undo(
    which: Annotated[
        str | None, typer.Argument(help="Position or id of an event of the change; without it the newest change.", show_default=False)
    ] = None,
    by: Annotated[
        int | None, typer.Option(min=0, max=numbers.MOST, help="Only changes of this person, by Discord id; the operator's otherwise.")
    ] = None,
    list_: Annotated[bool, typer.Option("--list", help="Only show the newest changes.")] = False,
    json: Json = False,
) -> None:
    """Take back a change to a character, preset, channel, memory, budget, limit or model: the newest one, or the one named. For 30 days."""

    async def work(log: Log) -> None:
        changes = await undoing.lately(log, by=MINE if by is None else (by,)) if which is None or list_ else []
        if list_:
            return _listed(changes, json=json)
        newest = next((change for change in changes if not change.taken_back), None)
        if which is None and newest is None:
            raise Rejected("There is no change to take back.")
        key = newest.key if which is None and newest is not None else await undoing.of(log, which or "")
        done = await undoing.take_back(log, OPERATOR, key)
        made = [event.TYPE for event in done.events]
        positions = list(done.positions)
        say({"taken_back": str(key), "events": made, "positions": positions}, json=json, words=f"Taken back, by {', '.join(made)}.")
        return None

    try:
        with_log(work)
    except Rejected as error:
        raise NotFound(str(error)) from None


def _listed(changes: list[Change], *, json: bool) -> None:
    say([_shown(change) for change in changes], json=json, words="" if changes else "There is no change to take back.")
    if changes and not json:
        table(tuple(_shown(changes[0])), [tuple(_shown(change).values()) for change in changes])


def _shown(change: Change) -> dict[str, object]:
    return {
        "position": change.position,
        "what": change.type,
        "of": change.stream,
        "by": change.by,
        "at (UTC)": f"{change.at:%Y-%m-%d %H:%M:%S}",
        "taken back": change.taken_back,
    }
