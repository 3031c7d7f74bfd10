"""`tzurot experiment …`: a turn's prompt answered with something changed, beside what was answered."""

import asyncio
from dataclasses import asdict
from typing import Annotated

import typer

from bot import experiments
from bot.cli.forks import OPERATOR, Set
from engine import clock
from engine.decide.rejected import Rejected
from engine.store import Log
from engine.terminal import Json, say
from projections import inspector
from projections.models import jobs
from projections.prompt.changes import NoSuchChange, parse
from projections.terminal import NotFound, with_log


def register(app: typer.Typer) -> None:
    """Add the group of commands."""
    group = typer.Typer(
        no_args_is_help=True, help="Have a turn's prompt answered with something changed. No conversation holds the answer."
    )
    group.command("run")(run)
    app.add_typer(group, name="experiment")


def run(
    turn: Annotated[str, typer.Argument(help="A turn's id, an error's reference, or a message's id or link.")],
    set_: Set = None,
    seconds: Annotated[int, typer.Option(min=0, max=3600, help="How long to wait for the answer.")] = 120,
    json: Json = False,
) -> None:
    """Have it answered by a running worker, and show both answers with what differs in [brackets]. It is paid for as an answer is."""
    try:
        changes = parse(set_ or ())
    except NoSuchChange as error:
        raise NotFound(str(error)) from None

    async def work(log: Log) -> None:
        found = await inspector.find(log, turn)
        if not found:
            raise NotFound(f"There is no turn {turn}.")
        try:
            job = await experiments.begin(log, OPERATOR, found[0], changes)
        except Rejected as error:
            raise NotFound(str(error)) from None
        until = clock.monotonic() + seconds
        while (answered := await experiments.answers(log, job, found[0].turn)) is None:
            async with log.pool.connection() as connection:
                standing = await jobs.get(connection, job)
            if standing is not None and standing.over and standing.status != "completed":
                raise NotFound(f"It was not run: {standing.why or standing.status}.")
            if clock.monotonic() >= until:
                raise NotFound(
                    f"No worker has answered yet. `tzurot job show {job}` tells how it stands; the same command shows the answer."
                )
            await asyncio.sleep(0.2)
        ran, sides = answered
        differs = None if changes.recalls else await experiments.first_difference(log, found[0].turn, changes)
        shown: dict[str, object] = {"job": str(job), "turn": str(found[0].turn), "equal_prompt": ran.equal, "usage": ran.usage.model_dump()}
        words = [f"{side.title}:\n{''.join(p.text if p.same else f'[{p.text}]' for p in side.parts)}" for side in sides]
        if differs is not None:
            place = f"The prompt first differs in its {differs.where}, character {differs.at}:"
            words.append(f"{place}\n  - {differs.before!r}\n  + {differs.after!r}")
        shown |= {"differs": asdict(differs) if differs else None, "sides": [asdict(side) for side in sides]}
        say(shown, json=json, words="\n\n".join(words))

    with_log(work)
