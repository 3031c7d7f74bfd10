"""Events as Postgres reads them in binary: one composite value each, built as it comes in, so that a batch is a join of bytes.

Formats: array_recv, record_recv, uuid_recv, timestamptz_recv of Postgres 18 (network byte order throughout).
"""

import struct
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import cache, lru_cache

from engine.events.base import Event
from engine.store.rows import NewEvent

_NULL = b"\xff\xff\xff\xff"
_UUID, _INT8, _TEXT, _BYTEA = (oid.to_bytes(4, "big") for oid in (2950, 20, 25, 17))
_UUID_16, _NO_UUID = _UUID + (16).to_bytes(4, "big"), _UUID + _NULL
_NO_INT8, _NO_TEXT, _NO_BYTEA = _INT8 + _NULL, _TEXT + _NULL, _BYTEA + _NULL
_INT2_2 = struct.pack(">II", 21, 2)
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_array = struct.Struct(">iIIii").pack
_start = struct.Struct(">III16sIIq").pack  # 16 fields; a uuid; a timestamptz
_int = struct.Struct(">IIq").pack
_sized = struct.Struct(">II").pack
_length = struct.Struct(">I").pack
_version = struct.Struct(">IIi").pack
PARTS = 3
"""Pieces per element."""


def body(new: NewEvent, id_bytes: bytes, occurred_at: datetime, data: bytes, sealed: bytes | None, subject: str | None) -> bytes:
    """Every column of type `new_event` but the last, the version, which is known only when the batch is made."""
    tags, stream = new.tags, new.stream.encode()
    guild, channel, user = tags.guild, tags.channel, tags.user
    since = occurred_at - _EPOCH
    if b"\0" in stream:
        raise ValueError("the name of a stream cannot hold a zero byte")
    # Written out rather than split up: this is the hottest line of the program, and a call per column doubles its cost.
    return b"".join(
        (
            _start(16, 2950, 16, id_bytes, 1184, 8, (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds),
            _kind(type(new.event)),
            _sized(25, len(stream)),
            stream,
            _NO_UUID if new.correlation is None else _UUID_16 + new.correlation.bytes,
            _NO_UUID if new.causation is None else _UUID_16 + new.causation.bytes,
            _NO_INT8 if guild is None else _int(20, 8, guild),
            _NO_INT8 if channel is None else _int(20, 8, channel),
            _NO_INT8 if user is None else _int(20, 8, user),
            _NO_UUID if tags.character is None else _UUID_16 + tags.character.bytes,
            _NO_UUID if tags.turn is None else _UUID_16 + tags.turn.bytes,
            _NO_TEXT if subject is None else _text(subject),
            _sized(17, len(data)),
            data,
            _NO_BYTEA if sealed is None else _sized(17, len(sealed)) + sealed,
        )
    )


def element(body: bytes, version: int) -> tuple[bytes, bytes, bytes]:
    """The array element of a body and its version in the stream, in parts: joining them once, with the array, saves a copy."""
    return _length(len(body) + 12), body, _version(23, 4, version)


def array(parts: Iterable[bytes], count: int, oid: int) -> bytes:
    """A one-dimensional array of so many elements of a composite type with this oid."""
    return b"".join((_array(1, 0, oid, count, 1), *parts))


@cache
def _kind(cls: type[Event]) -> bytes:
    return _text(cls.TYPE) + _INT2_2 + cls.VERSION.to_bytes(2, "big")


@lru_cache(4096)
def _text(value: str) -> bytes:
    encoded = value.encode()
    return _TEXT + len(encoded).to_bytes(4, "big") + encoded
