"""A Discord payload that remembers which of its fields were read, so that what nobody reads can be named (J2). Pure."""

from collections.abc import Iterator
from itertools import islice
from typing import Any

type Json = dict[str, Any]
LEAVES, ITEMS, DEPTH = 5_000, 25, 20
"""Values of a payload, items of a list and levels that are looked at for what nobody reads."""


def clean(text: str) -> str:
    """Lone surrogates become U+FFFD: neither JSON nor Postgres can carry them. Whole pairs become the character they mean; NUL goes."""
    if text.isascii() and "\0" not in text:
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").replace("\0", "")


class Reader:
    """One object of a payload. Reading a field marks its path as kept; `unread` lists the rest."""

    def __init__(self, data: Json, path: str = "", kept: set[str] | None = None) -> None:
        self._data, self._path = data, path
        self.kept: set[str] = set() if kept is None else kept

    def _take(self, name: str) -> Any:
        self.kept.add(self._path + name)
        return self._data.get(name)

    def has(self, name: str) -> bool:
        """Whether the field is there at all (null counts)."""
        return name in self._data

    def text(self, name: str) -> str:
        """A string, cleaned; empty when absent or of another type."""
        value = self._take(name)
        return clean(value) if isinstance(value, str) else ""

    def number(self, name: str) -> int | None:
        """A snowflake or number; None when absent, of another type, or too large for Postgres."""
        value = self._take(name)
        digits = isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 20
        number = int(value) if isinstance(value, int) or digits else None
        return number if number is not None and 0 <= number < 1 << 63 else None

    def decimal(self, name: str) -> str:
        """A number that need not be whole, as text; empty when absent."""
        value = self._take(name)
        return f"{value:g}" if isinstance(value, int | float) and not isinstance(value, bool) else ""

    def flag(self, name: str) -> bool:
        return bool(self._take(name))

    def one(self, name: str) -> "Reader":
        """A nested object; an empty one when absent."""
        value = self._data.get(name)
        return Reader(value if isinstance(value, dict) else {}, f"{self._path}{name}.", self.kept)

    def many(self, name: str, most: int | None = None) -> list["Reader"]:
        """A list of objects; the first `most` of them where anybody may fill it. What rights are read of is never cut."""
        value = self._data.get(name)
        items = value[:most] if isinstance(value, list) else []
        return [Reader(item, f"{self._path}{name}[].", self.kept) for item in items if isinstance(item, dict)]

    def __bool__(self) -> bool:
        return bool(self._data)

    def unread(self, known: frozenset[str]) -> tuple[str, ...]:
        """Paths that hold something, were not read, and are not under one of the `known` prefixes. Sorted, each once."""
        paths = {path for path in islice(leaves(self._data), LEAVES) if path not in self.kept}
        return tuple(sorted(path for path in paths if not _under(path, known)))


def _under(path: str, known: frozenset[str]) -> bool:
    """Whether a path, or one above it, is known."""
    while path and path not in known:
        path = path[:-2] if path.endswith("[]") else path.rpartition(".")[0]
    return bool(path)


def leaves(value: object, path: str = "", depth: int = DEPTH) -> Iterator[str]:
    """Path of every value that says something: `embeds[].fields[].name`. Null, false, zero, "" and empty lists say nothing.

    Of long lists the beginning is looked at, and what lies deeper than `depth` is one value.
    """
    if isinstance(value, dict) and depth:
        for name, inner in value.items():
            yield from leaves(inner, f"{path}.{name}" if path else str(name), depth - 1)
    elif isinstance(value, list) and depth:
        for inner in value[:ITEMS]:
            yield from leaves(inner, f"{path}[]", depth - 1)
    elif value not in (None, False, 0, ""):
        yield path
