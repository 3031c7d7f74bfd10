"""Texts embedded before they are asked for."""

from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import Future
from threading import Lock

from worker.memory.embed import Embedded, Embedder

MOST = 64
"""Texts kept; the oldest goes first. One that was asked for is not kept either."""


class ExpectedEmbedder:
    """An embedder that may be told what comes. Thread-safe; gives the same bits as the one it asks."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self._made: OrderedDict[str, Future[Embedded]] = OrderedDict()
        self._lock = Lock()

    @property
    def name(self) -> str:
        return self._embedder.name

    def expect(self, text: str) -> None:
        """Embed a text now. Whoever asks for it meanwhile waits for this."""
        made = Future[Embedded]()
        with self._lock:
            if text in self._made:
                return
            self._made[text] = made
            if len(self._made) > MOST:
                self._made.popitem(last=False)
        try:
            made.set_result(self._embedder.embed([text])[0])
        except BaseException as error:
            made.set_exception(error)
            raise

    def embed(self, texts: Sequence[str]) -> list[Embedded]:
        """See Embedder."""
        with self._lock:
            found = [self._made.pop(text, None) for text in texts]
        return [self._embedder.embed([text])[0] if one is None else one.result() for text, one in zip(texts, found, strict=True)]
