"""Undoes gzip and deflate by what the bytes are, not by what the header says, a bounded piece at a time."""

import zlib
from collections.abc import Iterator

PIECE = 64 * 1024
"""Bytes that come out at a time, however well they were compressed."""
_GZIP = b"\x1f\x8b"
_AUTOMATIC, _RAW = 47, -15


class Undecodable(ValueError):
    """Compressed bytes that break off in the middle of nonsense."""


class Decoder:
    """Feed the bytes of a body; get them as they were before compression. `encoding` is the header's, only used for raw deflate."""

    def __init__(self, encoding: str = "") -> None:
        self._deflated = "deflate" in encoding.lower()
        self._head = b""
        self._inflate: zlib._Decompress | None = None
        self._decided = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        """What these bytes hold. Raises Undecodable."""
        if not self._decided:
            self._head += data
            if len(self._head) < 2:
                return
            data, self._head = self._head, b""
            self._decide(data)
        yield from self._pieces(data)

    def end(self) -> Iterator[bytes]:
        """What was held back to look at."""
        head, self._head = self._head, b""
        if head:
            yield head

    def _decide(self, head: bytes) -> None:
        self._decided = True
        if head[:2] == _GZIP:
            self._inflate = zlib.decompressobj(_AUTOMATIC)
        elif self._deflated and head[0] not in b"{[<:deri \t\r\n\xef":
            zipped = (head[0] & 15) == 8 and int.from_bytes(head[:2], "big") % 31 == 0
            self._inflate = zlib.decompressobj(_AUTOMATIC if zipped else _RAW)

    def _pieces(self, data: bytes) -> Iterator[bytes]:
        if self._inflate is None:
            for start in range(0, len(data), PIECE):
                yield data[start : start + PIECE]
            return
        while data:
            try:
                piece = self._inflate.decompress(data, PIECE)
            except zlib.error as error:
                raise Undecodable(str(error)) from None
            data = self._inflate.unconsumed_tail
            if piece:
                yield piece
            if self._inflate.eof:
                rest = self._inflate.unused_data
                self._inflate = zlib.decompressobj(_AUTOMATIC) if rest[:2] == _GZIP else self._inflate
                data = rest if rest[:2] == _GZIP else b""
            elif not piece and not data:
                return
