"""One run of a row: counts its trials, tells how far it is, can be interrupted, and says what came out."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from engine.clock import monotonic
from tests.support.oracle import Verdict

PROGRESS_S = 2.0


@dataclass
class Run:
    """What a row function gets. It loops over `trials()`, notes what it saw, and gives the oracle's verdict at the end.

    `events` scales rows that work on a mass of events instead of single trials. Without `timely` nothing is said of
    durations: where a row runs beside a whole test suite they tell of the machine.
    """

    row: str
    wanted: int
    events: int | None = None
    quiet: bool = False
    timely: bool = True
    trials: int = 0
    lost: int = 0
    duplicates: int = 0
    llm_calls_max: int = 0
    recoveries: list[float] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    figures: dict[str, object] = field(default_factory=dict)
    verdict: Verdict | None = None
    interrupted: bool = False
    _begun: float = field(default_factory=monotonic)
    _told: float = 0.0
    _following: list[asyncio.Task[Any]] = field(default_factory=list)

    async def each(self, step: int = 1) -> AsyncIterator[int]:
        """Numbers of trials, `step` at a time, until there are enough or somebody presses Ctrl-C."""
        while self.trials < self.wanted and not self.interrupted:
            yield self.trials
            self.trials = min(self.trials + step, self.wanted)
            self._tell()

    def follow(self, work: Coroutine[Any, Any, None]) -> None:
        """See a trial to its end in the background."""
        self._following.append(asyncio.create_task(work))

    async def followed(self) -> None:
        """Wait for all that is followed."""
        await asyncio.gather(*self._following)
        self._following.clear()

    def expect(self, holds: bool, otherwise: str) -> None:
        """Note a violated expectation of the row itself."""
        if not holds:
            self.broken.append(otherwise)

    def in_time(self, holds: bool, otherwise: str) -> None:
        """Note a missed duration, where durations mean something."""
        if self.timely:
            self.expect(holds, otherwise)

    @property
    def p95(self) -> float:
        """Of the recoveries, in seconds; 0 without one."""
        return percentile(sorted(self.recoveries), 95) or 0.0

    def result(self) -> dict[str, object]:
        """The JSON of a row."""
        ordered = sorted(self.recoveries)
        return {
            "row": self.row,
            "trials": self.trials,
            "lost": self.lost,
            "duplicates": self.duplicates,
            "llm_calls_max": self.llm_calls_max,
            "recovery_p50_s": percentile(ordered, 50),
            "recovery_p95_s": percentile(ordered, 95),
            "recovery_max_s": percentile(ordered, 100),
            **self.figures,
            "oracle": self.verdict.plain() if self.verdict else None,
            "broken": self.broken[:20],
            "interrupted": self.interrupted,
            "seconds": round(monotonic() - self._begun, 1),
            "passed": self.passed,
        }

    @property
    def passed(self) -> bool:
        """Every trial met its outcome and the oracle holds."""
        judged = self.verdict is not None and self.verdict.holds
        return judged and self.trials > 0 and not (self.lost or self.duplicates or self.broken)

    def _tell(self) -> None:
        now = monotonic()
        if self.quiet or (now - self._told < PROGRESS_S and self.trials < self.wanted):
            return
        self._told = now
        rate = self.trials / max(now - self._begun, 1e-6)
        left = (self.wanted - self.trials) / rate if rate else 0.0
        print(
            f"{self.row} {self.trials}/{self.wanted}  {rate:.2f}/s  {left:.0f} s left  lost {self.lost}  broken {len(self.broken)}",
            file=sys.stderr,
        )


def percentile(ordered: list[float], percent: float) -> float | None:
    """Nearest rank; None for nothing."""
    if not ordered:
        return None
    return round(ordered[min(len(ordered) - 1, max(0, round(percent / 100 * len(ordered) + 0.5) - 1))], 3)


@contextmanager
def interruptible(run: Run) -> Iterator[None]:
    """Ctrl-C ends the run after the current trial, with a result of what was done; a second one ends it at once."""
    loop = asyncio.get_running_loop()

    def stop() -> None:
        run.interrupted = True
        loop.remove_signal_handler(signal.SIGINT)

    loop.add_signal_handler(signal.SIGINT, stop)
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGINT)
