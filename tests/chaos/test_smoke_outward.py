"""The rows about what goes out to Discord, with few trials. The full numbers: `tzurot chaos R27 --json` and so on."""

import json

import pytest

from tests.chaos import outward
from tests.chaos.calls import doors
from tests.chaos.rows import ROWS, RowFunction
from tests.chaos.run import Run
from tests.chaos.scene import scene


def held(run: Run) -> None:
    assert run.passed, json.dumps(run.result(), indent=1, default=str)


@pytest.mark.parametrize(("row", "trials"), [("R29", 300), ("R31", 60), ("R32", 1_000), ("R37", 40)])
async def test_nothing_that_is_written_harms_on_its_way_out(row: str, trials: int) -> None:
    """Long answers, pings, names, addresses of pictures."""
    run = Run(row, trials, quiet=True)
    function: RowFunction = ROWS[row].function
    await function(run)
    held(run)


@pytest.mark.e2e
@pytest.mark.timeout(420)
async def test_discord_and_the_database_are_in_the_way_and_a_crowd_presses_at_once() -> None:
    """R28 with each kind once, R30 once, R27 with one command, R40 with some files and words; the oracle judges all of it."""
    harms = doors.harms(every=8)
    trials = {"R28": len(outward.KINDS), "R30": 1, "R27": 1, "R40": len(harms)}
    async with scene(lanes=len(outward.KINDS), proxied=True, parts=("projections", "worker", "bot", "console")) as stage:
        runs = [Run(row, number, quiet=True, timely=False) for row, number in trials.items()]
        for run, body in zip(runs, (outward.obstructed, outward.reacted, outward.slowed), strict=False):
            await body(run, stage)
        await doors.at_the_doors(runs[-1], stage, harms)
        await stage.judge(runs[-1])
    for run in runs:
        run.verdict = runs[-1].verdict
        held(run)
