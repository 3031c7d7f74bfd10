"""`tzurot persona wear`: who a person is where."""

from typing import Annotated

import typer

from bot import editing
from bot.cli.acting import OPERATOR, carry
from engine import ids
from engine.decide.places import persona
from engine.resources.kinds import CHARACTER
from engine.resources.places.kinds import PERSONA
from engine.store import Log
from engine.terminal import Json, say


def wear(
    which: Annotated[str, typer.Argument(help="Its name or id.")],
    character: Annotated[str, typer.Option("--character", help="Only for this character.")] = "",
    server: Annotated[int | None, typer.Option("--server", help="Only in this server, by its id.", min=1, max=2**63 - 1)] = None,
    clear: Annotated[
        bool, typer.Option("--clear", help="Not any more: its owner is there whom another choice names, else themselves.")
    ] = False,
    json: Json = False,
) -> None:
    """Let a persona's owner be it: everywhere, for one character, or in one server."""

    async def work(log: Log) -> None:
        item = await editing.find(log, PERSONA, OPERATOR, which)
        assert item.owner_id is not None
        about = await editing.find(log, CHARACTER, OPERATOR, character) if character else None
        command = persona.Wear(item.owner_id, None if clear else item.id, server, about.id if about else None)
        done = await editing.carry_out(log, OPERATOR, command, ids.random_id())
        where = f"for {about.name}" if about else f"in server {server}" if server else "everywhere"
        words = (
            f"{item.owner_id} is {'no longer ' if clear else ''}{item.name} {where}."
            if done.events
            else "Nothing changed: it is so already."
        )
        say({"persona": str(item.id), "where": where, "worn": not clear, "changed": bool(done.events)}, json=json, words=words)

    carry(work)
