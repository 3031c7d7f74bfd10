"""Whether somebody waits for this process rather than for a model: what can wait, as taking up what was said for recall can, does."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

POSTING_S = 0.1
"""How long a turn's answer takes to be posted once the turn has its end: another process does it, on the same processors."""


@dataclass(slots=True)
class Calm:
    """Counts the turns that hurry: from their wake-up to their model's first words, and from its last ones until they are posted."""

    posting_s: float = POSTING_S
    _hurried: int = 0
    _waiting: set["asyncio.Future[None]"] = field(default_factory=set)

    @contextmanager
    def hurry(self) -> Iterator[None]:
        """A turn is worked on within the block, and posted after it."""
        self._hurried += 1
        try:
            yield
        finally:
            asyncio.get_running_loop().call_later(self.posting_s, self._less)

    @contextmanager
    def answering(self) -> Iterator[Callable[[], None]]:
        """Within the block a model is asked. Call what is yielded when it begins to answer: its turn rests until the block's end."""
        answers = False

        def begun() -> None:
            nonlocal answers
            if not answers:
                answers = True
                self._less()

        try:
            yield begun
        finally:
            self._hurried += answers

    async def come(self, seconds: float) -> None:
        """Wait until no turn hurries, but so many seconds at most."""
        if self._hurried <= 0:
            return
        calm = asyncio.get_running_loop().create_future()
        self._waiting.add(calm)
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await calm
        finally:
            self._waiting.discard(calm)

    def _less(self) -> None:
        self._hurried -= 1
        if self._hurried <= 0:
            for calm in self._waiting:
                if not calm.done():
                    calm.set_result(None)
