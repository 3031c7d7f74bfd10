"""All rows that can be run, by id, with the number of trials of a full run."""

import importlib
import inspect
import pkgutil
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from engine.clock import monotonic
from engine.errors import TzurotError
from tests.chaos import bots, broker, cluster, database, delivery, injections, jobs, outward, remembering, workers
from tests.chaos.calls import doors, faults, outside, patience, spending, storm, wallet
from tests.chaos.run import Run, interruptible

STORE = Path(__file__).with_name("store")
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
        Row("R09", 1, database.r09),
        Row("R14", 20, broker.r14),
        Row("R15", 1, broker.r15),
        Row("R16", 20, broker.r16),
        Row("R17", 20, broker.r17),
        Row("R18", 10_000, broker.r18),
        Row("R19", 1_000, broker.r19),
        Row("R20", 100, patience.r20),
        Row("R22", 12, storm.r22),
        Row("R23", 200, faults.r23),
        Row("R24", 60, faults.r24),
        Row("R25", 62, faults.r25),
        Row("R26", 500, delivery.r26),
        Row("R27", 200, outward.r27),
        Row("R28", 200, outward.r28),
        Row("R29", 100_000, outward.r29),
        Row("R30", 100, outward.r30),
        Row("R31", 60, outward.r31),
        Row("R32", 10_000, outward.r32),
        Row("R34", 1_200, remembering.r34),
        Row("R34T", 1_200, injections.r34t),
        Row("R35", 200, remembering.r35),
        Row("R36", 4, wallet.r36),
        Row("R37", 40, outward.r37),
        Row("R40", 412, doors.r40),
        Row("R41", 100, workers.r41),
        Row("R42", 50, bots.r42),
        Row("R43", 1_000, outside.r43),
        Row("R44", 200, bots.r44),
        Row("R46", 50, bots.r46),
        Row("R47", 160, cluster.r47),
        Row("R48", 500, outside.r48),
        Row("R49", 50, bots.r49),
        Row("TWINS", 200, bots.twins),
        Row("SPEND", 1_000, spending.spend),
        Row("JOB", 50, jobs.job),
    )
}


def titles() -> list[dict[str, Any]]:
    """`[{row, trials, title}]` of every row that can be run."""
    own = [{"row": row.id, "trials": row.full, "title": row.title} for row in ROWS.values()]
    stored = [{"row": name, "trials": _default(found), "title": _first_line(found)} for name, found in store_rows().items()]
    return sorted(own + stored, key=lambda entry: str(entry["row"]))


async def run_row(name: str, trials: int | None = None, events: int | None = None, *, beside: bool = False) -> dict[str, Any]:
    """Run a row of the scorecard on a system of its own; the JSON of its result. Raises TzurotError for an unknown one.

    `beside` other work it prints nothing and holds no durations against the row.
    """
    wanted = name.upper()
    if wanted in ROWS:
        row = ROWS[wanted]
        run = Run(row.id, trials or row.full, events, quiet=beside, timely=not beside)
        with interruptible(run):
            await row.function(run)
        return run.result()
    if wanted not in store_rows():
        raise TzurotError(f"There is no row {name}. Known: {', '.join(entry['row'] for entry in titles())}.")
    function = store_rows()[wanted].run
    given = {"trials": trials, "events": events, "timely": not beside}
    accepted = inspect.signature(function).parameters
    begun = monotonic()
    result: dict[str, Any] = await function(**{name: value for name, value in given.items() if value is not None and name in accepted})
    return {"row": wanted, "seconds": round(monotonic() - begun, 1), **result}


def store_rows() -> dict[str, ModuleType]:
    """The store's own rows: modules `r12.py` with an async `run`. Where the whole system has a row of that number, `R07-STORE`."""
    found = {
        f"R{module.name[1:].upper()}": module.name for module in pkgutil.iter_modules([str(STORE)]) if re.fullmatch(r"r\d\d", module.name)
    }
    return {
        name if name not in ROWS else f"{name}-STORE": importlib.import_module(f"tests.chaos.store.{module}")
        for name, module in found.items()
    }


def _first_line(module: ModuleType) -> str:
    return re.sub(r"^R\d\d: ", "", (inspect.getdoc(module) or "").split("\n")[0])


def _default(module: ModuleType) -> object:
    trials = inspect.signature(module.run).parameters.get("trials")
    return trials.default if trials else None
