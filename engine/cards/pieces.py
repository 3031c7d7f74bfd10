"""Read a JSON document as large as a whole history piece by piece: never whole in memory, never long without letting others work. Pure.

A parser lets no other thread work until it is done: with a hundred megabytes that is a second, and what it makes of them is six times as
large. So a document is read from a stream, and lists at its top, or in an object there, are handed on item by item.
"""

import codecs
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import IO, Any

from engine.cards import trees
from engine.cards.refusal import Unreadable

Opened = Callable[[], IO[bytes]]
"""Opens a file from its beginning, as often as it is asked."""
_DECODER = json.JSONDecoder(parse_int=trees.whole, parse_float=trees.fraction, parse_constant=str, strict=False)
_SPACE = re.compile(r"[ \t\r\n]*")
_READ = 64 * 1024
MOST_ITEM = trees.MOST_BYTES
"""Characters of one item: what is parsed at once."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a document: an item of a list (`listed`), or a value. `name` is its member's in the object at the top, None without one."""

    name: str | None
    value: Any
    listed: bool = False


@dataclass(frozen=True, slots=True)
class Items:
    """The items of a list, read anew each time. `name` is the member of the object that holds it, None for a list at the top."""

    opened: Opened
    name: str | None
    count: int

    def __iter__(self) -> Iterator[Any]:
        with self.opened() as file:
            yield from (one.value for one in pieces(file) if one.listed and one.name == self.name)

    def __len__(self) -> int:
        return self.count


def pieces(file: IO[bytes]) -> Iterator[Piece]:
    """The parts of the document in a file that can be read twice. A list without items is a value. Raises ValueError, Unreadable."""
    encoding = _encoding(file)
    file.seek(0)
    window = _Window(file, encoding)
    match window.peek():
        case "[":
            yield from _list(window, None)
        case "{":
            yield from _object(window)
        case _:
            yield Piece(None, window.value())
    if window.peek():
        raise ValueError("something stands behind the document")


def _object(window: "_Window") -> Iterator[Piece]:
    window.at += 1
    if window.peek() == "}":
        window.at += 1
        yield Piece(None, {})
        return
    while True:
        name = window.value() if window.peek() == '"' else None
        if not isinstance(name, str) or window.peek() != ":":
            raise ValueError("a name and a colon are missing")
        window.at += 1
        if window.peek() == "[":
            yield from _list(window, name)
        else:
            yield Piece(name, window.value())
        if window.ended_by("}"):
            return


def _list(window: "_Window", name: str | None) -> Iterator[Piece]:
    window.at += 1
    if window.peek() == "]":
        window.at += 1
        yield Piece(name, [])
        return
    while True:
        yield Piece(name, window.value(), listed=True)
        if window.ended_by("]"):
            return


class _Window:
    """The part of a text that is being parsed; `at` is where."""

    def __init__(self, file: IO[bytes], encoding: str) -> None:
        self._file, self._decoder = file, codecs.getincrementaldecoder(encoding)("replace")
        self._text, self.at, self._ended = "", 0, False

    def peek(self) -> str:
        """The next character that is no space; "" at the end."""
        while True:
            found = _SPACE.match(self._text, self.at)
            self.at = found.end() if found else self.at
            if self.at < len(self._text) or not self._more():
                return self._text[self.at : self.at + 1]

    def value(self) -> Any:
        """The next value, which begins after any space; its end is known when something follows it."""
        self.peek()
        while True:
            try:
                value, at = _DECODER.raw_decode(self._text, self.at)
            except ValueError:
                if not self._more():
                    raise
                continue
            if at < len(self._text) or not self._more():
                self.at = at
                return trees.bounded(value)

    def ended_by(self, end: str) -> bool:
        """Pass over a comma, or the end, and tell whether it was the end."""
        found = self.peek()
        if found not in (end, ","):
            raise ValueError("a comma is missing")
        self.at += 1
        return found == end

    def _more(self) -> bool:
        """Read on, twice as much each time, so that a long value is not parsed too often; False at the end. Raises Unreadable."""
        if self._ended:
            return False
        rest = self._text[self.at :]
        if len(rest) > MOST_ITEM:
            raise Unreadable(f"An entry is larger than {MOST_ITEM // 2**20} MB.")
        raw, wanted = b"", max(_READ, len(rest))
        while len(raw) < wanted and not self._ended:
            raw += (piece := self._file.read(wanted - len(raw)))
            self._ended = not piece
        self._text, self.at = rest + self._decoder.decode(raw, final=self._ended), 0
        return True


def _encoding(file: IO[bytes]) -> str:
    """The encoding of a document, as `trees.text_of` chooses it, without keeping the text."""
    head = file.read(8)
    if (marked := trees.marked(head)) is not None:
        return marked
    decoder, start = codecs.getincrementaldecoder("utf-8")(), ""
    try:
        start = decoder.decode(head)
        while piece := file.read(_READ):
            decoder.decode(piece)
        decoder.decode(b"", final=True)
        if "\x00" not in start[:4]:
            return "utf-8"
    except UnicodeDecodeError:
        pass
    return trees.unmarked(head)
