"""Read a GGUF file: what it says of itself, and its tensors. Only the three forms that our model's file has."""

import mmap
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
F32, Q4_1, Q8_0 = 0, 3, 8
BLOCK: Final = 32
"""Values that share a scale."""
_NUMBERS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_TEXT, _LIST = 8, 9
_Q4_1 = np.dtype([("scale", "<f2"), ("least", "<f2"), ("values", "u1", BLOCK // 2)])
_Q8_0 = np.dtype([("scale", "<f2"), ("values", "i1", BLOCK)])


class NotGGUF(ValueError):
    """The file is no GGUF, or holds a form that is not read here."""


@dataclass(frozen=True, slots=True)
class _Entry:
    shape: tuple[int, ...]
    form: int
    offset: int


class _Cursor:
    def __init__(self, data: mmap.mmap) -> None:
        self._data, self.at = data, 0

    def number(self, form: str) -> Any:
        (found,) = struct.unpack_from(f"<{form}", self._data, self.at)
        self.at += struct.calcsize(form)
        return found

    def text(self) -> str:
        length = self.number("Q")
        self.at += length
        return self._data[self.at - length : self.at].decode()

    def value(self, kind: int) -> Any:
        if kind == _TEXT:
            return self.text()
        if kind == _LIST:
            inner, count = self.number("I"), self.number("Q")
            return [self.value(inner) for _ in range(count)]
        return self.number(_NUMBERS[kind])


class Gguf:
    """An open file. `meta` is what it says of itself; tensors are read from the map when they are asked for."""

    def __init__(self, path: Path) -> None:
        with path.open("rb") as file:
            self._data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        cursor = _Cursor(self._data)
        if self._data[:4] != b"GGUF":
            raise NotGGUF(path.name)
        cursor.at = 8
        tensors, pairs = cursor.number("Q"), cursor.number("Q")
        self.meta: dict[str, Any] = dict(self._pair(cursor) for _ in range(pairs))
        self._entries = dict(self._entry(cursor) for _ in range(tensors))
        align = int(self.meta.get("general.alignment", 32))
        self._begin = -(-cursor.at // align) * align

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    @staticmethod
    def _pair(cursor: _Cursor) -> tuple[str, Any]:
        return cursor.text(), cursor.value(cursor.number("I"))

    @staticmethod
    def _entry(cursor: _Cursor) -> tuple[str, _Entry]:
        name = cursor.text()
        shape = tuple(cursor.number("Q") for _ in range(cursor.number("I")))
        return name, _Entry(shape[::-1], cursor.number("I"), cursor.number("Q"))

    def float(self, name: str) -> Array:
        """A tensor as float32, rows first."""
        entry = self._entries[name]
        if entry.form == F32:
            return self._map(entry, np.dtype("<f4"), 1).reshape(entry.shape).astype(np.float32)
        if entry.form == Q8_0:
            blocks = self._map(entry, _Q8_0, BLOCK)
            return (blocks["values"] * blocks["scale"].astype(np.float32)[:, None]).reshape(entry.shape)
        if entry.form == Q4_1:
            blocks = self._map(entry, _Q4_1, BLOCK)
            values = np.concatenate([blocks["values"] & 15, blocks["values"] >> 4], axis=1)
            whole = values * blocks["scale"].astype(np.float32)[:, None] + blocks["least"].astype(np.float32)[:, None]
            return whole.reshape(entry.shape).astype(np.float32)
        raise NotGGUF(f"{name} has form {entry.form}")

    def rows(self, name: str, which: NDArray[np.int64]) -> Array:
        """Some rows of a Q8_0 tensor as float32: what a lookup of tokens needs, without opening all of it."""
        entry = self._entries[name]
        if entry.form != Q8_0:
            raise NotGGUF(f"{name} has form {entry.form}")
        blocks = self._map(entry, _Q8_0, BLOCK).reshape(entry.shape[0], -1)[which]
        return (blocks["values"] * blocks["scale"].astype(np.float32)[..., None]).reshape(len(which), -1)

    def _map(self, entry: _Entry, form: np.dtype[Any], each: int) -> NDArray[Any]:
        count = int(np.prod(entry.shape)) // each
        return np.frombuffer(self._data, form, count, self._begin + entry.offset)
