"""Undoes gzip, deflate and UTF-16 by what the bytes are, not by what the header says, a bounded piece at a time."""

import codecs
import zlib
from collections.abc import Iterator

PIECE = 16 * 1024
"""Bytes that come out at a time, however well they were compressed."""
_GZIP = b"\x1f\x8b"
_AUTOMATIC, _RAW = 47, -15
_ZLIB = (b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda")
"""How zlib's data begins, and no text does."""
_WIDE = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}
_STARTS = b'{["d:e<'
_MOST_LAYERS = 2


class Undecodable(ValueError):
    """Compressed bytes that break off in the middle of nonsense."""


class Decoder:
    """Feed the bytes of a body; get them as they were before compression. `encoding` is the header's, only used for raw deflate."""

    def __init__(self, encoding: str = "", layer: int = 0) -> None:
        self._deflated = "deflate" in encoding.lower()
        self._layer = layer
        self._inner: Decoder | None = None
        self._wide: codecs.IncrementalDecoder | None = None
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
        if self._inner is not None:
            yield from self._inner.end()

    def _decide(self, head: bytes) -> None:
        self._decided = True
        if head[:2] == _GZIP or head[:2] in _ZLIB:
            self._inflate = zlib.decompressobj(_AUTOMATIC)
        elif self._deflated and head[0] not in b"{[<:deri \t\r\n\xef":
            zipped = (head[0] & 15) == 8 and int.from_bytes(head[:2], "big") % 31 == 0
            self._inflate = zlib.decompressobj(_AUTOMATIC if zipped else _RAW)
        elif wide := _WIDE.get(head[:2]) or _width(head):
            self._wide = codecs.getincrementaldecoder(wide)("replace")
        if self._inflate is not None and self._layer < _MOST_LAYERS:
            self._inner = Decoder(layer=self._layer + 1)

    def _pieces(self, data: bytes) -> Iterator[bytes]:
        if self._wide is not None:
            data = self._wide.decode(data).encode("utf-8", "replace")
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
                yield from (piece,) if self._inner is None else self._inner.feed(piece)
            if self._inflate.eof:
                rest = self._inflate.unused_data
                self._inflate = zlib.decompressobj(_AUTOMATIC) if rest[:2] == _GZIP else self._inflate
                data = rest if rest[:2] == _GZIP else b""
            elif not piece and not data:
                return


def _width(head: bytes) -> str:
    """The encoding of a text that begins with an ASCII character of two bytes; "" for any other."""
    if head[1] == 0 and head[0] in _STARTS:
        return "utf-16-le"
    return "utf-16-be" if head[0] == 0 and head[1] in _STARTS else ""
