"""Recall that loads what it needs on the first question: the model and its libraries take a second and 200 MB."""

import asyncio
from collections.abc import Sequence
from importlib import import_module
from uuid import UUID

from engine.store import Log
from projections.models.memories.memory_scope import MemoryScope
from projections.prompt.recall import Question, Recall, Remembered
from worker.calm import Calm


class LazyRecall:
    """See the module's docstring. `full`: by vectors, too; `decay_days`, `waypoints` and `calm`: see Recaller."""

    def __init__(self, log: Log, *, full: bool, decay_days: int = 0, waypoints: float = 0.0, calm: Calm | None = None) -> None:
        self._log, self._full, self._decay_days, self._calm = log, full, decay_days, calm or Calm()
        self._waypoints = waypoints
        self._recall: Recall | None = None
        self._loading = asyncio.Lock()

    async def __call__(self, question: Question) -> Sequence[Remembered]:
        """The best memories for a question."""
        async with self._loading:
            if self._recall is None:
                hot = await asyncio.to_thread(import_module, "worker.memory.hot")
                self._recall = hot.Recaller(self._log, self._full, decay_days=self._decay_days, waypoints=self._waypoints, calm=self._calm)
        return await self._recall(question)

    def expect(self, venue: str, channel: int, reader: UUID, text: str) -> None:
        """See Recall; nothing before the first question ever."""
        if self._recall is not None:
            self._recall.expect(venue, channel, reader, text)

    def learn(self, scope: MemoryScope) -> None:
        """See Recall; nothing before the first question ever."""
        if self._recall is not None:
            self._recall.learn(scope)
