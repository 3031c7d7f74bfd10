"""Recall that loads what it needs on the first question: the model and its libraries take a second and 200 MB."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from typing import Any
from uuid import UUID

from engine.config import Settings
from engine.store import Log, connect
from projections.models.memories.memory_scope import MemoryScope
from projections.prompt.recall import Question, Recall, Remembered
from worker.calm import Calm

AHEAD_AFTER = 5
"""Turns of this process after which it is loaded although no question came yet: one will, and would wait for a second."""
REST_S, LATEST_S = 0.3, 2.0
"""How long after a turn's end that begins, and how much later at most, for a moment in which no turn hurries."""


def knobs(settings: Settings) -> dict[str, Any]:
    """What the settings say of how memories are ranked: see Recaller."""
    contrastive = settings.memory_contrastive == "on"
    return {"decay_days": settings.memory_decay_days, "waypoints": settings.memory_waypoints, "contrastive": contrastive}


class LazyRecall:
    """See the module's docstring. `full`: by vectors, too; `knobs` (only, decay_days, waypoints, contrastive) and `calm`: see Recaller."""

    def __init__(self, log: Log, *, full: bool, calm: Calm | None = None, **knobs: Any) -> None:
        self._log, self._full, self._calm, self._knobs = log, full, calm or Calm(), knobs
        self._recall: Any = None
        self._loading = asyncio.Lock()
        self._turns = 0
        self._ahead: asyncio.Task[None] | None = None

    async def __call__(self, question: Question) -> Sequence[Remembered]:
        """The best memories for a question."""
        return await (await self._loaded())(question)

    async def close(self) -> None:
        """End what runs in the background."""
        if self._recall is not None:
            await self._recall.close()

    async def _loaded(self) -> Recall:
        async with self._loading:
            if self._recall is None:
                hot = await asyncio.to_thread(import_module, "worker.memory.hot")
                made = hot.Recaller(self._log, self._full, calm=self._calm, **self._knobs)
                await made.prepare()
                self._recall = made
            found: Recall = self._recall
            return found

    def expect(self, venue: str, channel: int, reader: UUID, text: str) -> None:
        """See Recall; nothing before it is loaded."""
        if self._recall is not None:
            self._recall.expect(venue, channel, reader, text)

    def learn(self, scope: MemoryScope) -> None:
        """See Recall; before it is loaded it is counted, and loaded when it will soon be asked."""
        self._turns += 1
        if self._recall is not None:
            self._recall.learn(scope)
        elif self._turns >= AHEAD_AFTER and self._ahead is None:
            self._ahead = asyncio.create_task(self._load_ahead(), name="load recall")

    async def _load_ahead(self) -> None:
        await asyncio.sleep(REST_S)
        await self._calm.come(LATEST_S)
        with suppress(*connect.TROUBLE):  # then the first question does it
            await self._loaded()
