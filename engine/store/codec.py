"""Events to bytes and back. Clear fields become JSON; sealed fields become JSON inside AES-256-GCM, bound to the event's id and type."""

import base64
import functools
import re
from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

import orjson
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from engine import clock, sealing
from engine.events import class_of
from engine.events.base import Event
from engine.outside import clean
from engine.sealing import DataKey
from engine.store import wire
from engine.store.foreign import FOREIGN_VERSION, foreign
from engine.store.rows import NewEvent, Packed, Recorded, Stored
from engine.store.upcast import upcast


def bound_to(event_id: UUID, type_: str) -> bytes:
    """The additional data that ties a sealed part to its event."""
    return event_id.bytes + type_.encode()


def dump(event: Event) -> tuple[bytes, bytes | None]:
    """(clear JSON, plain JSON of the sealed fields or None). Lone surrogates become U+FFFD: JSON cannot carry them.

    What no table takes is kept out of the clear part here, whoever made the event: NUL, and strings without measure.
    """
    clear, sealed = _fields(type(event))
    values = event.__dict__
    data = _json({name: values[name] for name in clear})
    if b"\\u0000" in data or _LONG.search(data) is not None:
        data = _json(clean.fields(type(event), {name: values[name] for name in clear}))
    return data, _json({name: values[name] for name in sealed}) if sealed else None


_LONG = re.compile(rb'"(?:[^"\\]|\\.){%d}' % clean.CLEAR)
"""A string that may be too long, in JSON. Each byte is looked at twice at most: a try ends at the next quotation mark."""


@functools.cache
def _fields(cls: type[Event]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    names = tuple(cls.model_fields)
    return tuple(name for name in names if name in cls.CLEAR), tuple(name for name in names if name in cls.SEALED)


def _json(values: dict[str, Any]) -> bytes:
    # Straight from the model's own dictionary: the same JSON as Pydantic's (a test compares them) at a quarter of its cost.
    try:
        return orjson.dumps(values, _plain)
    except (orjson.JSONEncodeError, UnicodeEncodeError):  # a key that is no string, or half of a surrogate pair
        return orjson.dumps(_clean(values), _plain, orjson.OPT_NON_STR_KEYS)


def _plain(value: object) -> object:
    if isinstance(value, BaseModel):
        return value.__dict__
    if isinstance(value, frozenset):
        return sorted(value)
    if isinstance(value, bytes):
        return base64.urlsafe_b64encode(value).decode()
    raise TypeError(type(value).__name__)


def _clean(value: object) -> object:
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, BaseModel):
        return _clean(value.__dict__)
    if isinstance(value, Mapping):
        return {_clean(key): _clean(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(item) for item in value]
    return value


def pack(new: NewEvent, key: DataKey | None) -> Packed:
    """Encode and seal. Raises ValueError when there is something to seal and no key to do it with."""
    event = new.event
    clear, plain = dump(event)
    id_bytes, sealed, subject = new.id.bytes, None, None
    if plain is not None:
        if key is None:
            raise ValueError(f"{event.TYPE} has sealed fields: name the subject whose key seals them")
        sealed = sealing.seal(key, plain, id_bytes + event.TYPE.encode())
        subject = key.subject
    occurred_at = new.occurred_at or clock.now()
    return Packed(new, clear, sealed, wire.body(new, id_bytes, occurred_at, clear, sealed, subject), occurred_at)


def unpack(row: Stored, key: DataKey | None) -> Recorded[Event]:
    """The typed event of a row, brought to today's schema. Without a key the sealed fields are blank and `erased` is set.

    Raises UnknownEvent for a type or schema version this program does not know, WrongKey when the seal does not open.
    """
    if row.schema_version == FOREIGN_VERSION:
        return Recorded(row, foreign(row))
    cls = class_of(row.type, row.schema_version)
    clear = orjson.loads(row.data)
    if row.sealed is None:
        return Recorded(row, cls.model_validate(upcast(row.type, row.schema_version, clear)))
    if key is None:
        return Recorded(row, erased(cls, upcast(row.type, row.schema_version, clear)), erased=True)
    sealed = orjson.loads(sealing.unseal(key, row.sealed, bound_to(row.id, row.type)))
    return Recorded(row, cls.model_validate(upcast(row.type, row.schema_version, clear | sealed)))


def open_fields(sealed: bytes, key: DataKey, event_id: UUID, type_: str, schema_version: int) -> dict[str, Any]:
    """The sealed fields of a blob that a read model copied from the log, as the type's current schema has them."""
    fields = open_stored(sealed, key, event_id, type_)
    if schema_version == (cls := class_of(type_, schema_version)).VERSION:
        return fields
    return {name: value for name, value in upcast(type_, schema_version, fields).items() if name in cls.SEALED}


def open_stored(sealed: bytes, key: DataKey, event_id: UUID, type_: str) -> dict[str, Any]:
    """The same as they are stored: for a read model that joins them to the clear ones before it upcasts both."""
    fields: dict[str, Any] = orjson.loads(sealing.unseal(key, sealed, bound_to(event_id, type_)))
    return fields


def erased(cls: type[Event], clear: Mapping[str, object]) -> Event:
    """The event with blank sealed fields: what remains after its subject was erased."""
    known = {name: value for name, value in clear.items() if name in cls.CLEAR}
    return cls.model_validate(known | {name: blank() for name, blank in _blanks(cls).items()})


@functools.cache
def _blanks(cls: type[BaseModel]) -> dict[str, Callable[[], object]]:
    names = cls.SEALED if issubclass(cls, Event) else frozenset(n for n, f in cls.model_fields.items() if f.is_required())
    return {name: _blank(cls, name) for name in names}


def _blank(cls: type[BaseModel], name: str) -> Callable[[], object]:
    field = cls.model_fields[name]
    if field.default_factory is not None or field.default is not PydanticUndefined:
        return lambda: field.get_default(call_default_factory=True, validated_data={})
    if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
        inner = field.annotation
        return lambda: {key: blank() for key, blank in _blanks(inner).items()}
    return lambda: ERASED


ERASED = "[erased]"
"""Stands where a text was whose key was destroyed."""
