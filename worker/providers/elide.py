"""Shortens the long strings and lists of a JSON text while it passes, so that a picture within an answer costs no memory and no answer."""

import re

STRING_LIMIT = 256 * 1024
"""Bytes of one string that are kept."""
BESIDE_LIMIT = 256 * 1024
"""Bytes that are kept of all lists and objects in which no words of an answer stand: log probabilities, citations, counts."""
MOST_NAMED = 20
LIST = b"["
"""What stands in `cut` for lists and objects that were cut."""
_DEEPEST = 256
_RUN = re.compile(rb'[^"\\]*(?:\\.[^"\\]*)*', re.DOTALL)
"""Everything up to the end of a string, or to a backslash whose second half has not come yet. It cannot go back, so it is linear."""
_WHOLE = re.compile(rb"(?:[^\\]+|\\u[0-9a-fA-F]{4}|\\[^u])*+", re.DOTALL)
_PART_OF_ESCAPE = re.compile(rb"\\u[0-9a-fA-F]{0,3}\Z")
_MARK = re.compile(rb"[]\[{},]")
_BRACKET = re.compile(rb"[]\[{}]")
_HOLDS_WORDS = frozenset(
    b"choices delta message messages content parts text output candidates response results outputs generations data result body completion"
    b" error errors token content_block".split()
)
"""Names of what may hold an answer's words, and is never cut as a whole."""


class Elider:
    """Feed bytes in any slices; what comes out is the same JSON with every string cut at `limit`. `cut`: how the cut ones began.

    Of lists and objects beside the words the first `beside` bytes are kept; what is open then ends there, and what comes later sooner.
    """

    def __init__(self, limit: int = STRING_LIMIT, beside: int = BESIDE_LIMIT) -> None:
        self.cut: list[bytes] = []
        self._limit = limit
        self._room = beside
        self._within = False
        self._length = 0
        self._held = b""
        self._start = b""
        self._open = bytearray()
        """The closing brackets of what is open, the innermost last, as many as are followed."""
        self._deeper = 0
        """How many more are open."""
        self._beside = 0
        """How many were open with the one in which no words stand; 0 outside of such."""
        self._dropped = 0
        """How many are open of what is being left out."""

    def feed(self, data: bytes) -> bytes:
        """Return what is kept of these bytes."""
        data, self._held = self._held + data, b""
        kept: list[bytes] = []
        at = 0
        while at < len(data):
            at = self._string(data, at, kept) if self._within else self._structure(data, at, kept)
        return b"".join(kept)

    def _structure(self, data: bytes, at: int, kept: list[bytes]) -> int:
        """Take in what stands before the next string; returns where that begins."""
        quote = data.find(b'"', at)
        end = quote if quote >= 0 else len(data)
        while at < end:
            at = self._skip(data, at, end) if self._dropped else self._follow(data, at, end, kept)
        if quote < 0:
            return end
        self._put(b'"', kept)
        self._within, self._length, self._start = True, 0, b""
        return quote + 1

    def _follow(self, data: bytes, at: int, end: int, kept: list[bytes]) -> int:
        """Keep what stands there, up to the comma at which the share of what holds no words is used up."""
        if self._deeper > _closing(data, at, end):
            self._deeper += _opening(data, at, end) - _closing(data, at, end)
            self._put(data[at:end], kept)
            return end
        for found in _MARK.finditer(data, at, end):
            mark = found[0]
            if mark == b",":
                if self._beside and self._room < found.start() - at and not self._deeper:
                    return self._leave_out(data, at, found.end(), kept)
            elif mark == b"[" or mark == b"{":  # a set costs twice as much, and there may be a million
                if self._deeper or len(self._open) >= _DEEPEST:
                    self._deeper += 1
                else:
                    self._opened(93 if mark == b"[" else 125)
            elif self._deeper:
                self._deeper -= 1
            else:
                self._closed()
        self._put(data[at:end], kept)
        return end

    def _leave_out(self, data: bytes, at: int, end: int, kept: list[bytes]) -> int:
        """Close what is open beside the words: the rest of it does not follow."""
        inner = self._open[self._beside - 1 :]
        self._put(data[at : end - 1] + bytes(reversed(inner)), kept)
        self._dropped = len(inner)
        if len(self.cut) < MOST_NAMED:
            self.cut.append(LIST)
        return end

    def _skip(self, data: bytes, at: int, end: int) -> int:
        """Leave out up to where what is being left out ends; counted as a whole where it cannot end."""
        if self._dropped > _closing(data, at, end):
            self._dropped += _opening(data, at, end) - _closing(data, at, end)
            return end
        for found in _BRACKET.finditer(data, at, end):
            self._dropped += 1 if found[0] in b"[{" else -1
            if not self._dropped:
                del self._open[self._beside - 1 :]
                self._beside = 0
                return found.end()
        return end

    def _opened(self, closing: int) -> None:
        named = self._open[-1:] == b"}"  # within an object the last string was the name of what opens here
        if named and not self._beside and self._start not in _HOLDS_WORDS:
            self._beside = len(self._open) + 1
        self._open.append(closing)

    def _closed(self) -> None:
        if self._open:
            self._open.pop()
            self._beside = self._beside if len(self._open) >= self._beside else 0

    def _put(self, part: bytes, kept: list[bytes]) -> None:
        if self._dropped:
            return
        if self._beside:
            self._room -= len(part)
        kept.append(part)

    def _string(self, data: bytes, at: int, kept: list[bytes]) -> int:
        """Take in what the string goes on with; returns where it stands then."""
        found = _RUN.match(data, at)
        end = found.end() if found else at
        ended = data[end : end + 1] == b'"'
        if not ended:
            end = _before_half_an_escape(data, at, end)
            self._held = data[end:]
        self._keep(data[at:end], kept)
        if not ended:
            return len(data)
        if self._length > self._limit and len(self.cut) < MOST_NAMED and not self._dropped:
            self.cut.append(self._start)
        self._put(b'"', kept)
        self._within = False
        return end + 1

    def _keep(self, run: bytes, kept: list[bytes]) -> None:
        room = self._limit - self._length
        self._length += len(run)
        if len(self._start) < 40:
            self._start += run[: 40 - len(self._start)]
        if len(run) <= room:
            self._put(run, kept)
        elif room > 0:
            found = _WHOLE.match(run, 0, room)
            self._put(found[0] if found else b"", kept)


def _before_half_an_escape(data: bytes, at: int, end: int) -> int:
    """Where an escape begins whose rest has not come yet; the end of the data without one. `end` is where the whole ones end."""
    if end < len(data):
        return end  # at a backslash that is the last byte
    part = _PART_OF_ESCAPE.search(data, max(at, end - 5))
    if part is None:
        return end
    before = data[at : part.start()]
    backslashes = len(before) - len(before.rstrip(b"\\"))
    return part.start() if backslashes % 2 == 0 else end  # else it is the second of a pair, and what follows it are letters


def _opening(data: bytes, at: int, end: int) -> int:
    return data.count(b"[", at, end) + data.count(b"{", at, end)


def _closing(data: bytes, at: int, end: int) -> int:
    return data.count(b"]", at, end) + data.count(b"}", at, end)
