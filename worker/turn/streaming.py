"""What is being said is shown while it is said: sealed drafts in Postgres, hints on NATS, some ten times a second."""

import asyncio

from engine import clock, log
from engine.bus import hints
from engine.decide.speaking import silence
from engine.failpoints import failpoint
from engine.sealing import DataKey
from projections.live import drafts
from projections.models.turns import Turn
from worker.turn.text.drafting import growing
from worker.turn.text.frame import PromptFrame
from worker.turn.text.reading import LONGEST
from worker.work import Work

EVERY_SECONDS = 0.1
MOST_AT_ONCE = 8000
"""Characters that are worked on without leaving the event loop."""
_log = log.get("drafts")


class Drafts:
    """Writes what of a turn's text may be seen, at most every EVERY_SECONDS, without holding up the stream it comes from."""

    def __init__(self, work: Work, turn: Turn, key: DataKey) -> None:
        self._work, self._turn, self._key = work, turn, key
        self._model, self._frame, self._thinks = "", PromptFrame(), True
        self._due = 0.0
        self._writing: asyncio.Task[None] | None = None
        self.first_at: float | None = None

    def begin(self, model: str, frame: PromptFrame, *, thinks: bool = True) -> None:
        """A model is asked; `frame` is that of its prompt. `thinks`: whether it may write thoughts, as no stand-in does."""
        self._model, self._frame, self._thinks = model, frame, thinks

    async def grow(self, answer: str) -> None:
        """Everything the model wrote so far: what of it may be seen is shown."""
        if self.first_at is None:
            self.first_at = clock.monotonic()
        failpoint("llm.mid_stream")
        if clock.monotonic() >= self._due and (self._writing is None or self._writing.done()):
            self._due = clock.monotonic() + EVERY_SECONDS
            self._writing = asyncio.create_task(self._show(answer[:LONGEST]))

    async def end(self) -> None:
        """The turn is over, or starts anew: the draft goes."""
        if self._writing is not None:
            await asyncio.gather(self._writing, return_exceptions=True)
        try:
            await drafts.drop(self._work.log.pool, self._turn.turn)
        except Exception as error:  # a draft that stays is swept later; the turn has its end
            _log.warning("draft not dropped", turn=str(self._turn.turn), error=type(error).__name__)

    async def _show(self, answer: str) -> None:
        if self._thinks and self._work.habits.waits(self._model, answer):
            return
        many = len(answer) > MOST_AT_ONCE
        text = await asyncio.to_thread(growing, answer, self._frame) if many else growing(answer, self._frame)
        if not silence.begins(text):
            await self._write(text)

    async def _write(self, text: str) -> None:
        turn = self._turn
        try:
            await drafts.put(self._work.log.pool, self._key, turn.turn, turn.channel, text)
        except Exception as error:  # a lost draft is a slower picture, nothing else
            _log.warning("draft not written", turn=str(turn.turn), error=type(error).__name__)
        if self._work.nats is not None:
            await hints.draft_grew(self._work.nats, turn.venue, turn.channel, turn.turn)
