"""What commands share that look at read models."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import typer

from engine import access, config
from engine.errors import TzurotError
from engine.store import Log
from engine.store.progress import wait_while_moving
from engine.terminal import echo
from projections.follow import group_runner
from projections.live import heartbeats
from projections.registry import ALL

OPERATOR = 0
"""Stands for the person at the command line in events."""
CATCH_UP_SECONDS = 60.0
"""How long read models may stand still before a command gives up; while they move it waits."""
TOLD_AT = 10
"""At each how-manieth look, one a second, it is said how far they are."""


class NotFound(TzurotError):
    """What a command was asked for does not exist, or cannot be meant."""


def with_log[T](work: Callable[[Log], Awaitable[T]]) -> T:
    """Do something with the log and its read models, which are brought up to date first."""

    async def run() -> T:
        async with access.log(config.settings()) as log, _up_to_date(log):
            return await work(log)

    return asyncio.run(run())


@asynccontextmanager
async def _up_to_date(log: Log) -> AsyncIterator[None]:
    # Where `tzurot projections` runs it does this; two at the same read model would only get in each other's way.
    async with log.pool.connection() as connection:
        kept = any(beat.process == "projections" for beat in await heartbeats.alive(connection))
    tasks = [] if kept else [asyncio.create_task(group_runner.run(log.dsn, ALL))]
    try:
        names, head = [projection.name for projection in ALL], await log.head()
        if not await wait_while_moving(log.pool, names, head, seconds=CATCH_UP_SECONDS, tell=_telling()):
            raise NotFound("The read models do not catch up with the log. `tzurot read-models list` shows which one stands still.")
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _telling() -> Callable[[int, int], None]:
    """Says on standard error now and then how far read models are that take long."""
    looks = 0

    def tell(done: int, total: int) -> None:
        nonlocal looks
        looks += 1
        if looks % TOLD_AT == 0:
            echo(f"The read models are coming up to date with the log: {done * 100 // max(total, 1)} % so far.", err=True)

    return tell


def group(app: typer.Typer, name: str, about: str) -> typer.Typer:
    """The group of commands with this name, to which several rooms may add; made where it is not there yet."""
    for known in app.registered_groups:
        if known.name == name and known.typer_instance is not None:
            return known.typer_instance
    made = typer.Typer(no_args_is_help=True, help=about)
    app.add_typer(made, name=name)
    return made
