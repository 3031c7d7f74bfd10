"""One part kept running: started, watched, started again with growing delays, given up with a sentence."""

import asyncio
from collections.abc import Awaitable, Callable

from bot.cli.supervisor.parts import Ended, Module, Part, Ready
from bot.cli.supervisor.report import Notice, Report
from bot.cli.supervisor.restarts import GiveUp, after_end
from engine import clock, process
from engine.errors import TzurotError

STILL_STARTING_S = 30.0


async def at_once() -> None:
    """Nothing to wait for."""


class Keeper:
    """Keeps one part. `up` is set while it is ready, `settled` once it has been ready or was given up.

    `may_start` is awaited before each start; `on_ready` is called after each.
    """

    def __init__(self, part: Part, report: Report, *, may_start: Callable[[], Awaitable[object]] = at_once) -> None:
        self.part = part
        self.up = asyncio.Event()
        self.settled = asyncio.Event()
        self.gave_up = False
        self.ready: Ready | None = None
        self.on_ready: Callable[[], object] = lambda: None
        self._recycled = False
        self._ready_at: float | None = None
        self._report = report
        self._may_start = may_start

    async def keep(self, *, started: bool = False) -> None:
        """Until cancelled or given up. `started` says that the part runs already."""
        quick = 0
        while True:
            code, sentence = await (self.part.wait() if started else self._run())
            started = False
            worked = clock.monotonic() - self._ready_at if self._ready_at is not None else 0.0
            self.ready = self._ready_at = None
            self.up.clear()
            if self._recycled:
                self._recycled = False
                continue
            decision = after_end(code, worked, quick)
            if isinstance(decision, GiveUp):
                self._give_up(sentence, decision)
                return
            quick = decision.quick
            self._report.say(Notice("died", self.part.name, f"{sentence} Starting again{_in(decision.delay)}."))
            await asyncio.sleep(decision.delay)

    async def start(self) -> None:
        """Start the part and say so. Raises what the part raises."""
        await self._may_start()
        begun = clock.monotonic()
        progress = asyncio.create_task(self._say_still_starting())
        try:
            self.ready = await self.part.start()
        finally:
            progress.cancel()
        self._ready_at = clock.monotonic()
        took = self._ready_at - begun
        self._report.say(Notice("ready", self.part.name, self.ready.detail, took, self.ready.address, self.part.pid))
        self.up.set()
        self.settled.set()
        self.on_ready()

    def recycle(self) -> None:
        """End the part so that it starts again, at once and without counting as a failure."""
        if isinstance(self.part, Module) and self.part.alive:
            self._recycled = True
            self.part.end()

    async def _run(self) -> tuple[int, str]:
        try:
            await self.start()
        except Ended as error:
            return error.exit_code, str(error)
        except TzurotError as error:
            return process.exit_code(error), str(error)
        return await self.part.wait()

    def _give_up(self, sentence: str, decision: GiveUp) -> None:
        self.gave_up = True
        self._report.say(Notice("off", self.part.name, f"{sentence} ({decision.why})"))
        self.settled.set()

    async def _say_still_starting(self) -> None:
        while True:
            await asyncio.sleep(STILL_STARTING_S)
            self._report.say(Notice("starting", self.part.name, "is still starting"))


def _in(delay: float) -> str:
    return f" in {delay:.1f} s" if delay else ""
