"""A part is kept by how long it worked, not by how long it took to start."""

import asyncio
import io

import pytest
from rich.console import Console

from bot.cli.supervisor import restarts
from bot.cli.supervisor.keeper import Keeper
from bot.cli.supervisor.parts import Ended, Ready
from bot.cli.supervisor.report import Report
from engine import clock

MINUTE = 60.0


class Slow:
    """A part on a very slow machine: each start takes a minute. It ends before it is ready, or `worked` seconds afterwards."""

    name, pid = "worker", 1

    def __init__(self, monkeypatch: pytest.MonkeyPatch, worked: list[float | None]) -> None:
        self.worked = worked
        self.starts = 0
        self._now = 0.0
        monkeypatch.setattr(clock, "monotonic", lambda: self._now)
        monkeypatch.setattr(restarts, "FIRST_DELAY_S", 0.0)

    async def start(self) -> Ready:
        self.starts += 1
        self._now += MINUTE
        if self.worked[self.starts - 1] is None:
            raise Ended("it cannot work today.", 1)
        return Ready("")

    async def wait(self) -> tuple[int, str]:
        self._now += self.worked[self.starts - 1] or 0.0
        return 1, "it fell over"

    async def stop(self) -> None:
        """It ends by itself."""

    def kill(self) -> None:
        """It ends by itself."""


async def _kept(part: Slow) -> Keeper:
    keeper = Keeper(part, Report(console=Console(file=io.StringIO())))
    async with asyncio.timeout(60):
        await keeper.keep()
    return keeper


@pytest.mark.parametrize("worked", [None, 1.0])
async def test_a_part_that_never_works_is_given_up_however_slowly_it_starts(monkeypatch: pytest.MonkeyPatch, worked: float | None) -> None:
    """Or it would be started again for ever where starting takes longer than what counts as quick."""
    part = Slow(monkeypatch, [worked] * 20)
    keeper = await _kept(part)
    assert keeper.gave_up
    assert part.starts == restarts.TRIES


async def test_a_part_that_worked_for_a_while_has_all_its_tries_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its earlier failures are forgotten."""
    part = Slow(monkeypatch, [1.0, 1.0, MINUTE, *[1.0] * 20])
    await _kept(part)
    assert part.starts == 3 + restarts.TRIES
