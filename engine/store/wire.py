"""Events as Postgres reads them in binary: one composite value each, built as it comes in, so that a batch is a join of bytes.

Formats: array_recv, record_recv, uuid_recv, timestamptz_recv of Postgres 18 (network byte order throughout).
"""

import struct
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import cache
from uuid import UUID

from engine.events.base import Event
from engine.store.rows import NewEvent

_NULL = b"\xff\xff\xff\xff"
_UUID, _INT8, _TEXT, _BYTEA = (oid.to_bytes(4, "big") for oid in (2950, 20, 25, 17))
_UUID_16, _NO_UUID = _UUID + (16).to_bytes(4, "big"), _UUID + _NULL
_INT8_8, _NO_INT8 = _INT8 + (8).to_bytes(4, "big"), _INT8 + _NULL
_NO_TEXT, _NO_BYTEA = _TEXT + _NULL, _BYTEA + _NULL
_TIME_8 = struct.pack(">II", 1184, 8)
_INT2_2 = struct.pack(">II", 21, 2)
_INT4_4 = struct.pack(">II", 23, 4)
_FIELDS = (16).to_bytes(4, "big")
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_ARRAY = struct.Struct(">iIIii")


def body(new: NewEvent, occurred_at: datetime, data: bytes, sealed: bytes | None) -> bytes:
    """Every column of type `new_event` but the last, the version, which is known only when the batch is made."""
    tags = new.tags
    return b"".join(
        (
            _FIELDS,
            _UUID_16,
            new.id.bytes,
            _TIME_8,
            _microseconds(occurred_at),
            _kind(type(new.event)),
            _text(new.stream),
            _uuid(new.correlation),
            _uuid(new.causation),
            _int8(tags.guild),
            _int8(tags.channel),
            _int8(tags.user),
            _uuid(tags.character),
            _uuid(tags.turn),
            _NO_TEXT if new.subject is None else _text(new.subject),
            _bytea(data),
            _NO_BYTEA if sealed is None else _bytea(sealed),
        )
    )


def element(body: bytes, version: int) -> bytes:
    """The array element of a body and its version in the stream."""
    return (len(body) + 12).to_bytes(4, "big") + body + _INT4_4 + version.to_bytes(4, "big")


def array(elements: Iterable[bytes], count: int, oid: int) -> bytes:
    """A one-dimensional array of a composite type with this oid."""
    return _ARRAY.pack(1, 0, oid, count, 1) + b"".join(elements)


@cache
def _kind(cls: type[Event]) -> bytes:
    return _text(cls.TYPE) + _INT2_2 + cls.VERSION.to_bytes(2, "big")


def _microseconds(moment: datetime) -> bytes:
    delta = moment - _EPOCH
    return ((delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds).to_bytes(8, "big", signed=True)


def _text(value: str) -> bytes:
    encoded = value.encode()
    if b"\0" in encoded:
        raise ValueError("names of streams and subjects cannot hold a zero byte")
    return _TEXT + len(encoded).to_bytes(4, "big") + encoded


def _bytea(value: bytes) -> bytes:
    return _BYTEA + len(value).to_bytes(4, "big") + value


def _uuid(value: UUID | None) -> bytes:
    return _NO_UUID if value is None else _UUID_16 + value.bytes


def _int8(value: int | None) -> bytes:
    return _NO_INT8 if value is None else _INT8_8 + value.to_bytes(8, "big", signed=True)
