"""`tzurot replay`: the log gone through again, or what was made of the recorded turns made again and compared."""

import asyncio
from dataclasses import asdict
from typing import Annotated

import typer

from engine import access, config
from engine.errors import StoreError
from engine.store import Log
from engine.terminal import Json, bars, say
from projections.rerun.forks import ComparedCall, scope_of
from worker.terminal import NotFound, with_log
from worker.turn.strict_replay import Replayed
from worker.turn.strict_replay import replay as again


def replay(
    what: Annotated[
        str, typer.Argument(help="A turn (id, reference, or a message's id or link) or a channel's id. Without: the whole log.")
    ] = "",
    after: Annotated[int, typer.Option(help="Begin after this position; for the whole log.")] = 0,
    until: Annotated[int | None, typer.Option(help="End at this position; default: the newest.", show_default=False)] = None,
    json: Json = False,
) -> None:
    """Do again what was done, changing nothing: no provider, no Discord. Exit code 1 names the first thing that is not equal.

    Of a turn or channel: every prompt is built from the log and every recorded answer of the provider is read again; both must be equal
    byte for byte. Without one: the log is gone through as a rebuild would, which proves that every event is of a known type and version,
    in order and without gaps. To build the read models anew from it, use `tzurot rebuild`.
    """
    if not what:
        return _whole(after, until, json=json)

    async def work(log: Log) -> Replayed:
        scope = await scope_of(log, what, until)
        if scope is None:
            raise NotFound(f"Nothing was asked of a model for {what}. It takes a turn, a message, or a channel's id.")
        return await again(log, scope)

    found = with_log(work)
    words = f"{found.prompts} prompts and {found.answers} answers made again, equal byte for byte. No provider was asked."
    say(asdict(found), json=json, words="\n".join([words, *map(_skipped, found.skipped)]))
    if found.diverged is not None:
        raise StoreError(_diverged(found.diverged))
    return None


def _whole(after: int, until: int | None, *, json: bool) -> None:
    from engine.store.check import walk

    async def work() -> None:
        with bars() as shown:
            async with access.log(config.settings()) as log:
                found = await walk(log, after, until, lambda done, total: shown.show("replay", done, total))
        say(
            asdict(found),
            json=json,
            words=f"{found.events:,} events in {found.seconds:.1f} s ({found.rate:,.0f}/s), {len(found.problems)} problems",
        )
        if found.problems:
            raise StoreError("the log has problems: " + "; ".join(found.problems[:5]))

    asyncio.run(work())


def _skipped(step: ComparedCall) -> str:
    return f"Event {step.position} was left out: {step.why}."


def _diverged(step: ComparedCall) -> str:
    differs = step.differs
    place = "" if differs is None else f" in its {differs.where}, at character {differs.at}: {differs.before!r} is {differs.after!r} now"
    return f"turn {step.turn}, event {step.position}, differs{place}"
