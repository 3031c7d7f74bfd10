"""Reading many events at once: only the columns a replay needs, texts opened, decoded by msgspec into twins of the Pydantic classes.

The classes in engine.events stay the only definition: a twin is derived from one at first use and has the same fields, types and
defaults. It is for programs that go through millions of events; everybody else gets the real thing from `Log.read`.
"""

import asyncio
import functools
import gc
import operator
import threading
import types
import typing
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any, NamedTuple, cast

import msgspec
import orjson
import psycopg
from cryptography.exceptions import InvalidTag
from psycopg import pq
from psycopg.adapt import Transformer
from pydantic import BaseModel, JsonValue
from pydantic_core import PydanticUndefined

from engine.errors import WrongKey
from engine.events import class_of
from engine.sealing import NONCE_BYTES, DataKey
from engine.store import codec, connect
from engine.store.foreign import FOREIGN_VERSION, LibraryEvent
from engine.store.upcast import upcast

PAGE = 1_000
"""Rows per statement."""
PART = 250
"""Events handed out at once: so few stay in the processor's nearest memory, which makes them a quarter cheaper than a page is."""
HANDOVER_SECONDS = 0.002
"""Most that is waited for a thread to begin; without anything else to do it takes some 0.05 ms."""
Row = tuple[int, bytes, str, int, str | None, bytes, bytes | None]
"""position, event id (empty where nothing is sealed: only seals need it), type, schema version, subject, data, sealed."""
_NAME = b"page"
_TEXT = (
    b"SELECT position, CASE WHEN sealed IS NULL THEN '' ELSE uuid_send(event_id) END, type, schema_version, subject, data, sealed"
    b" FROM events WHERE position > $1 AND position <= $2 ORDER BY position"
)
_INT8 = 20


class Replayed(msgspec.Struct, frozen=True, gc=False):
    """One event on its way past. `event` is the twin of its class; `erased`: sealed fields are blank as their key was destroyed."""

    position: int
    type: str
    subject: str | None
    event: msgspec.Struct
    erased: bool


async def pages(dsn: str, after: int, until: int) -> AsyncGenerator[list[Row]]:
    """The rows after a position up to another, PAGE at a time. The next page comes in while the caller works on one.

    By a thread that is in libpq, and so without Python's lock, from the question to the last byte of the answer. An event loop would be
    woken dozens of times for a page of a megabyte, and so would a thread that asks for the lock after each piece: either costs as much
    as decoding the page.
    """
    connection = await asyncio.to_thread(_connection, dsn)
    coming: asyncio.Future[pq.abc.PGresult] | None = None
    try:
        for first in range(after, until, PAGE):
            page = await (coming or _requested(connection, first, until))
            coming = _requested(connection, first + PAGE, until) if first + PAGE < until else None
            yield _rows(connection, page)
    finally:
        if coming is None:
            connection.close()
        else:  # not waited for: whoever is cancelled here would leave the connection open
            coming.add_done_callback(lambda page: _close(connection, page))


def _connection(dsn: str) -> psycopg.Connection:
    connection = psycopg.connect(dsn, autocommit=True, **connect.OPTIONS)
    _checked(connection.pgconn.prepare(_NAME, _TEXT, [_INT8, _INT8]), pq.ExecStatus.COMMAND_OK)
    return connection


def _close(connection: psycopg.Connection, page: "asyncio.Future[pq.abc.PGresult]") -> None:
    if not page.cancelled():
        page.exception()  # nobody is there any more to hear it
    connection.close()


def _requested(connection: psycopg.Connection, first: int, until: int) -> "asyncio.Future[pq.abc.PGresult]":
    """The page to come, for which Postgres has been asked on return: else the thread would get Python's lock only milliseconds later."""
    asked = threading.Event()
    coming = asyncio.get_running_loop().run_in_executor(None, _page, connection, first, until, asked)
    asked.wait(HANDOVER_SECONDS)
    return coming


def _page(connection: psycopg.Connection, first: int, until: int, asked: threading.Event) -> pq.abc.PGresult:
    bounds = [b"%d" % first, b"%d" % min(first + PAGE, until)]
    asked.set()
    return _checked(connection.pgconn.exec_prepared(_NAME, bounds, result_format=1), pq.ExecStatus.TUPLES_OK)


def _checked(result: pq.abc.PGresult, wanted: pq.ExecStatus) -> pq.abc.PGresult:
    if result.status != wanted:
        raise psycopg.errors.error_from_result(result)
    return result


def _rows(connection: psycopg.Connection, page: pq.abc.PGresult) -> list[Row]:
    transformer = Transformer(connection)
    transformer.set_pgresult(page)
    with _uncollected():
        return cast("list[Row]", transformer.load_rows(0, page.ntuples, tuple))


@contextmanager
def _uncollected() -> Iterator[None]:
    """No garbage is looked for meanwhile: a page makes thousands of objects and no cycle, and looking costs time."""
    if not gc.isenabled():  # another page is being made by another thread, or the program does without
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def parts(page: list[Row]) -> Iterator[list[Row]]:
    """A page in pieces of PART rows."""
    return (page[first : first + PART] for first in range(0, len(page), PART))


def decode(rows: Sequence[Row], keys: Mapping[str, DataKey]) -> list[Replayed]:
    """Open and decode some rows. Raises UnknownEvent, WrongKey."""
    with _uncollected():
        return _decode(rows, keys)


def _decode(rows: Sequence[Row], keys: Mapping[str, DataKey]) -> list[Replayed]:
    # A microsecond per event is made of small things here: one look by type, no call that is not needed, no tuple in between.
    found, known = list[Replayed](), dict[str, _Decoder]()
    add = found.append
    for position, event_id, type_, schema_version, subject, data, sealed in rows:
        decoder = known.get(type_)
        if decoder is None or decoder[0] != schema_version:
            decoder = known[type_] = _decoder(type_, schema_version)
        if sealed is None:
            add(Replayed(position, type_, subject, decoder[1](data), False))
        elif (key := keys.get(subject or "")) is None:
            add(Replayed(position, type_, subject, decoder[2](data), True))
        else:
            try:
                plain = key.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], event_id + decoder[3])
            except InvalidTag:
                raise WrongKey("a sealed text does not open: wrong master key, or the row was tampered with") from None
            add(Replayed(position, type_, subject, decoder[1](joined_json(data, plain)), False))
    return found


def joined_json(first: bytes, second: bytes) -> bytes:
    """One JSON object of two."""
    if len(first) == 2:
        return second
    return first if len(second) == 2 else first[:-1] + b"," + second[1:]


class _Decoder(NamedTuple):
    """How events of one type and version become twins: from whole JSON, and from the clear part alone."""

    schema_version: int
    plain: Callable[[bytes], msgspec.Struct]
    without_key: Callable[[bytes], msgspec.Struct]
    bound_to: bytes


@cache
def _decoder(type_: str, schema_version: int) -> _Decoder:
    if schema_version == FOREIGN_VERSION:
        library = functools.partial(_library, type_)
        return _Decoder(schema_version, library, library, b"")
    cls = class_of(type_, schema_version)
    today = msgspec.json.Decoder(twin(cls), strict=True).decode
    plain = today if schema_version == cls.VERSION else functools.partial(_old, type_, schema_version)
    return _Decoder(schema_version, plain, functools.partial(_erased, type_, schema_version), type_.encode())


def _library(type_: str, data: bytes) -> msgspec.Struct:
    return twin(LibraryEvent)(topic=type_, state=data)


def _old(type_: str, schema_version: int, json: bytes) -> msgspec.Struct:
    fields = upcast(type_, schema_version, orjson.loads(json))
    return msgspec.convert(fields, twin(class_of(type_, schema_version)), strict=False)


def _erased(type_: str, schema_version: int, data: bytes) -> msgspec.Struct:
    cls = class_of(type_, schema_version)
    event = codec.erased(cls, upcast(type_, schema_version, orjson.loads(data)))
    return _decoder(type_, cls.VERSION).plain(joined_json(*(part or b"{}" for part in codec.dump(event))))


@cache
def twin(cls: type[BaseModel]) -> type[msgspec.Struct]:
    """The msgspec struct with the fields, types and defaults of a Pydantic class."""
    fields: list[Any] = []
    for name, info in cls.model_fields.items():
        kind = _translate(info.annotation)
        if info.default_factory is not None:
            fields.append((name, kind, msgspec.field(default_factory=info.default_factory)))  # type: ignore[arg-type]  # pydantic allows a factory that takes the data; ours take nothing
        elif info.default is not PydanticUndefined:
            fields.append((name, kind, _default(info.default)))
        else:
            fields.append((name, kind))
    return msgspec.defstruct(cls.__name__, fields, kw_only=True, frozen=True, gc=False, module=cls.__module__)


def _default(value: object) -> object:
    if isinstance(value, BaseModel):
        return twin(type(value))(**{name: _default(inner) for name, inner in value.__dict__.items()})
    return value


def _translate(annotation: Any) -> Any:
    """The same type with Pydantic classes replaced by their twins; metadata has no meaning to a decoder of stored events."""
    if annotation is JsonValue:
        return Any
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return twin(annotation)
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is None or origin is typing.Literal:
        return annotation
    if origin is typing.Annotated:
        return _translate(arguments[0])
    translated = tuple(argument if argument is ... else _translate(argument) for argument in arguments)
    if origin in (typing.Union, types.UnionType):
        return functools.reduce(operator.or_, translated)
    return origin[translated]
