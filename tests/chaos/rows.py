"""All rows that can be run, by id, with the number of trials of a full run."""

import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from engine.errors import TzurotError
from tests.chaos import broker, database, delivery, workers
from tests.chaos.run import Run, interruptible

RowFunction = Callable[[Run], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Row:
    """`full` is the number of trials of the scorecard."""

    id: str
    full: int
    function: RowFunction

    @property
    def title(self) -> str:
        return (inspect.getdoc(self.function) or "").split("\n")[0].removeprefix(f"{self.id}: ")


ROWS = {
    row.id: row
    for row in (
        Row("R01", 300, workers.r01),
        Row("R02", 100, workers.r02),
        Row("R03", 100, delivery.r03),
        Row("R04", 50, delivery.r04),
        Row("R05", 50, workers.r05),
        Row("R06", 50, workers.r06),
        Row("R07", 100, database.r07),
        Row("R08", 500, database.r08),
        Row("R14", 20, broker.r14),
        Row("R15", 1, broker.r15),
        Row("R17", 20, broker.r17),
        Row("R18", 10_000, broker.r18),
        Row("R19", 1_000, broker.r19),
        Row("R26", 500, delivery.r26),
    )
}


async def run_row(name: str, trials: int | None = None, events: int | None = None, *, quiet: bool = False) -> Run:
    """Run a row of the scorecard on a system of its own."""
    row = ROWS.get(name.upper())
    if row is None:
        raise TzurotError(f"There is no row {name}. Known: {', '.join(sorted(ROWS))}.")
    run = Run(row.id, trials or row.full, events, quiet)
    with interruptible(run):
        await row.function(run)
    return run
