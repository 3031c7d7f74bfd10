"""`tzurot fork`: a recorded turn or conversation with something changed, and where it first becomes another."""

from dataclasses import asdict
from typing import Annotated

import typer

from bot import forking
from bot.forking import ForkedConversation
from engine import ids
from engine.actor import operator
from engine.decide.channel import Where
from engine.decide.rejected import Rejected
from engine.store import Log
from engine.terminal import Json, say
from projections.models import channels, turns
from projections.prompt.changes import AS_IT_WAS, KEYS, NoSuchChange, parse
from projections.rerun import forks
from projections.rerun.forks import ForkReport, RerunScope
from projections.terminal import NotFound, with_log

OPERATOR = operator(1)
SNOWFLAKES = ids.Snowflakes()

What = Annotated[str, typer.Argument(help="A turn (id, reference, or a message's id or link) or a channel's id.")]
Set = Annotated[list[str] | None, typer.Option("--set", help=f"What is to be different: {KEYS}. May be repeated.", show_default=False)]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("fork")(fork)


def fork(
    what: What,
    set_: Set = None,
    at: Annotated[int | None, typer.Option(min=1, help="Up to this event; default: all.", show_default=False)] = None,
    into: Annotated[
        str, typer.Option(help="Go on from there: `playground`, or the id of a channel that is known here.", show_default=False)
    ] = "",
    json: Json = False,
) -> None:
    """Make the recorded prompts of a turn or channel again with something changed, and name the first difference.

    No provider is asked: as long as prompts are equal, the recorded answers hold. With --into the conversation goes on elsewhere from
    there. `tzurot experiment run` has a changed prompt answered.
    """
    try:
        changes = parse(set_ or ())
    except NoSuchChange as error:
        raise NotFound(str(error)) from None

    if changes.recalls:
        raise NotFound("A worker looks for memories anew. Write: tzurot experiment run TURN --set generation=NAME (or vectors=NAME)")
    if into and changes != AS_IT_WAS:
        raise NotFound("A conversation goes on as it was. Leave out --set, or --into.")

    async def work(log: Log) -> tuple[ForkReport, ForkedConversation | None]:
        scope = await forks.scope_of(log, what, at)
        if scope is None:
            raise NotFound(f"Nothing was asked of a model for {what}. It takes a turn, a message, or a channel's id.")
        return await forks.compare(log, scope, changes), await _gone_on(log, scope, into) if into else None

    try:
        found, forked = with_log(work)
    except Rejected as error:
        raise NotFound(str(error)) from None
    words = told(found)
    words += [f"{forked.lines} lines go on in channel {forked.channel}; in the console: /chats/{forked.channel}"] if forked else []
    say(asdict(found) | {"forked": asdict(forked) if forked else None}, json=json, words="\n".join(words))


async def _gone_on(log: Log, scope: RerunScope, into: str) -> ForkedConversation:
    """Let the conversation go on elsewhere, from the end of the turn or the position that was named."""
    source, at, character = scope.channel, scope.until, None
    if scope.turn is not None:
        async with log.pool.connection() as connection:
            turn = await turns.get(connection, scope.turn)
        end = await log.row(ids.terminal(scope.turn))
        source, character = (turn.channel, turn.character) if turn else (None, None)
        at = at or (end.position if end is not None else None)
    return await forking.fork(log, OPERATOR, source or 0, at or await log.head(), await _into(log, into), character=character)


async def _into(log: Log, into: str) -> Where:
    if into.strip().lower() == forking.VENUE:
        return Where(SNOWFLAKES.next(), None, "playground")
    async with log.pool.connection() as connection:
        found = await channels.where(connection, int(into)) if into.isascii() and into.isdecimal() and len(into) < 20 else None
    if found is None:
        raise NotFound(f"{into[:40]} is no channel that is known here. It takes `playground`, or a channel's id.")
    return found


def told(found: ForkReport) -> list[str]:
    """The report in lines. Pure."""
    lines = [f"{found.equal} of {found.prompts} prompts are equal byte for byte. No provider was asked."]
    lines += [f"Event {step.position} was left out: {step.why}." for step in found.skipped]
    if found.first is None or (differs := found.first.differs) is None:
        return [*lines, "Nothing differs: the recorded answers are those of the fork."]
    place = f"The first difference is at event {found.first.position}, turn {found.first.turn}, in its {differs.where}"
    return [*lines, f"{place}, character {differs.at}:", f"  - {differs.before!r}", f"  + {differs.after!r}"]
