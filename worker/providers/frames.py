"""From the bytes of an answer to its JSON documents, whatever its headers say it is.

Server-sent events (WHATWG HTML), lines of JSON, one JSON text over many lines, or any mixture of these are taken apart by the same
reader: a line says by itself what it is. Nothing but what is kept of the current line and the current event is held.
"""

from typing import NamedTuple

from worker.providers.elide import LIST, Elider

LINE_LIMIT = 1024 * 1024
"""Bytes of a line, or of one event, after its long strings were shortened; what is longer is left out."""
_SHORT = 64 * 1024
"""Lines up to this length are taken as they are."""
BEYOND = "a part without measure"
_BLANK = " \t\ufeff\x1e\x00"
_FIELDS = ("event:", "id:", "retry:", ":")
ENDS = frozenset({"done", "end", "complete", "finish"})
"""Names of events that say, without data, that the answer is complete."""


class Frame(NamedTuple):
    """The data of one event, or a line or text that belongs to none (`bare`). `event` is the event's own name, if it has one."""

    data: str
    event: str = ""
    bare: bool = False


class _Held:
    """A text over several lines, its long strings and lists shortened when it is long."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._size = 0
        self._elider: Elider | None = None
        self._full = False

    def __bool__(self) -> bool:
        return bool(self._lines)

    def add(self, text: str) -> None:
        """One more line."""
        if self._elider is None and self._lines and self._size + len(text) > _SHORT:
            self._elider = Elider()
            self._lines = [self._shortened(self._elider, "\n".join(self._lines))]
            self._size = len(self._lines[0])
        if self._elider is not None:
            text = self._shortened(self._elider, text)
        self._size += len(text)
        self._full = self._full or self._size > LINE_LIMIT
        if not self._full:
            self._lines.append(text)

    @staticmethod
    def _shortened(elider: Elider, text: str) -> str:
        return elider.feed(f"{text}\n".encode()).decode("utf-8", "replace").removesuffix("\n")

    def taken(self, left_out: list[str]) -> str:
        """The text, which is gone from here then; what is not in it is added to `left_out`."""
        text, cut = "\n".join(self._lines), self._elider.cut if self._elider else []
        left_out += [_named(start) for start in cut] + ([BEYOND] if self._full else [])
        self._lines, self._size, self._elider, self._full = [], 0, None, False
        return text


class Frames:
    """Feed bytes as they come, in any slices; get what is complete. Invalid UTF-8 becomes U+FFFD.

    `left_out` names what was too long to be kept; `comments` counts the comment lines of an event stream.
    """

    def __init__(self) -> None:
        self.comments = 0
        self.left_out: list[str] = []
        self._line = bytearray()
        self._elider: Elider | None = None
        self._dropping = False
        self._after_return = False
        self._data, self._bare = _Held(), _Held()
        self._event = ""

    def feed(self, chunk: bytes) -> list[Frame]:
        """What ends within this chunk."""
        if self._after_return and chunk[:1] == b"\n":
            chunk = chunk[1:]
        self._after_return = chunk.endswith(b"\r") if chunk else self._after_return
        lines = chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        found: list[Frame] = []
        for line in lines[:-1]:
            self._take(line)
            found += self._ended()
        self._take(lines[-1])
        return found

    def end(self) -> list[Frame]:
        """What was begun and not ended when the answer ends: a cut event is better seen than dropped."""
        found = self._ended() if self._line or self._elider is not None else []
        found += self._dispatch()
        if self._bare:
            found.append(Frame(self._bare.taken(self.left_out), bare=True))
        return found

    def _take(self, part: bytes) -> None:
        if self._dropping:
            return
        if self._elider is None and len(self._line) + len(part) > _SHORT:
            self._elider = Elider()
            part, self._line = bytes(self._line) + part, bytearray()
        if self._elider is not None:
            part = self._elider.feed(part)
        self._line += part
        if len(self._line) > LINE_LIMIT:
            self._dropping = True
            self._line = bytearray()
            self.left_out.append(BEYOND)

    def _ended(self) -> list[Frame]:
        """The current line is complete."""
        line = self._line.decode("utf-8", "replace")
        if self._elider is not None:
            self.left_out += [_named(start) for start in self._elider.cut]
        dropped = self._dropping
        self._line, self._elider, self._dropping = bytearray(), None, False
        return [] if dropped else self._sort(line)

    def _sort(self, line: str) -> list[Frame]:
        text = line.strip(_BLANK)
        if not text:
            return self._dispatch()
        field = text[:6].lower()
        if field.startswith("data:"):
            self._data.add(text[5:].removeprefix(" "))
        elif field.startswith(_FIELDS):
            self.comments += text.startswith(":")
            self._event = text[6:].strip()[:60] if field == "event:" else self._event
        elif field == "error:" and not self._bare:  # llama.cpp's older way
            return [*self._dispatch(), Frame(text[6:].strip(), "error")]
        elif text.startswith("{") and text.endswith("}") and not self._bare:
            return [*self._dispatch(), Frame(text, bare=True)]
        elif text != "data":
            self._bare.add(line)
        return []

    def _dispatch(self) -> list[Frame]:
        if not self._data and not self._event:
            return []
        data, event = self._data.taken(self.left_out), self._event
        self._event = ""
        return [Frame(data, event)] if data or event.lower() in ENDS else []


def _named(start: bytes) -> str:
    """What a string was that was cut, by how it began."""
    kinds = {b"data:image": "a picture", b"data:audio": "a sound", b"data:video": "a film", b"data:": "a file", b"iVBORw0KGgo": "a picture"}
    kinds |= {LIST: "a long list", b"/9j/": "a picture", b"UklGR": "a picture or sound", b"R0lGOD": "a picture"}
    return next((name for begins, name in kinds.items() if start.startswith(begins)), "a long text")
