"""Shortens the long strings of a JSON text while it passes, so that a picture within an answer costs no memory and no answer."""

import re

STRING_LIMIT = 256 * 1024
"""Bytes of one string that are kept."""
MOST_NAMED = 20
_RUN = re.compile(rb'[^"\\]*(?:\\.[^"\\]*)*', re.DOTALL)
"""Everything up to the end of a string, or to a backslash whose second half has not come yet. It cannot go back, so it is linear."""
_WHOLE = re.compile(rb"(?:[^\\]+|\\u[0-9a-fA-F]{4}|\\[^u])*+", re.DOTALL)
_PART_OF_ESCAPE = re.compile(rb"\\(?:u[0-9a-fA-F]{0,3})?\Z")


class Elider:
    """Feed bytes in any slices; what comes out is the same JSON with every string cut at `limit`. `cut`: how the cut ones began."""

    def __init__(self, limit: int = STRING_LIMIT) -> None:
        self.cut: list[bytes] = []
        self._limit = limit
        self._within = False
        self._length = 0
        self._held = b""
        self._start = b""

    def feed(self, data: bytes) -> bytes:
        """Return what is kept of these bytes."""
        data, self._held = self._held + data, b""
        kept: list[bytes] = []
        at = 0
        while at < len(data):
            if not self._within:
                quote = data.find(b'"', at)
                if quote < 0:
                    kept.append(data[at:])
                    break
                kept.append(data[at : quote + 1])
                self._within, self._length, self._start, at = True, 0, b"", quote + 1
            else:
                at = self._string(data, at, kept)
        return b"".join(kept)

    def _string(self, data: bytes, at: int, kept: list[bytes]) -> int:
        """Take in what the string goes on with; returns where it stands then."""
        found = _RUN.match(data, at)
        end = found.end() if found else at
        ended = data[end : end + 1] == b'"'
        if not ended:
            if escape := _PART_OF_ESCAPE.search(data, max(at, len(data) - 6)):
                self._held = data[escape.start() :]
            end = len(data) - len(self._held)
        self._keep(data[at:end], kept)
        if not ended:
            return len(data)
        if self._length > self._limit and len(self.cut) < MOST_NAMED:
            self.cut.append(self._start)
        kept.append(b'"')
        self._within = False
        return end + 1

    def _keep(self, run: bytes, kept: list[bytes]) -> None:
        room = self._limit - self._length
        self._length += len(run)
        if len(self._start) < 40:
            self._start += run[: 40 - len(self._start)]
        if len(run) <= room:
            kept.append(run)
        elif room > 0:
            found = _WHOLE.match(run, 0, room)
            kept.append(found[0] if found else b"")
