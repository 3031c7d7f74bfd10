"""Server-sent events, as far as providers use them (WHATWG HTML, Server-sent events): data lines, comments, blank lines."""

from dataclasses import dataclass, field

LINE_LIMIT = 1024 * 1024


class LineTooLong(ValueError):
    """A line without an end: no provider sends that."""


@dataclass(slots=True)
class Parser:
    """Feed bytes as they come, in any slices; get the data of the events that are complete. Invalid UTF-8 becomes U+FFFD."""

    _rest: bytes = b""
    _data: list[str] = field(default_factory=list)
    comments: int = 0

    def feed(self, chunk: bytes) -> list[str]:
        """The data of each event that ends in this chunk. Raises LineTooLong."""
        text = self._rest + chunk
        # A carriage return at the end may be the first half of a line end.
        held = b"\r" if text.endswith(b"\r") else b""
        lines = text[: len(text) - len(held)].replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        self._rest = lines.pop() + held
        if len(self._rest) > LINE_LIMIT:
            raise LineTooLong
        return [event for line in lines if (event := self._line(line)) is not None]

    def end(self) -> list[str]:
        """What the last event holds when the stream ends without a blank line: a cut one is better seen than dropped."""
        events = self.feed(b"\n\n")
        self._rest = b""
        return events

    def _line(self, line: bytes) -> str | None:
        if not line:
            data, self._data = self._data, []
            return "\n".join(data) if data else None
        if line.startswith(b":"):
            self.comments += 1
        elif line.startswith(b"data:"):
            self._data.append(line[5:].removeprefix(b" ").decode("utf-8", "replace"))
        return None
