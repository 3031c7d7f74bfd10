"""Events to bytes and back, without a database."""

import gc
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec
import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from engine import ids
from engine.errors import UnknownEvent, WrongKey
from engine.events import all_types, class_of
from engine.events.base import Event, Tags
from engine.events.message import MessageReceived
from engine.sealing import DataKey
from engine.store import NewEvent, Stored, bulk, codec, upcast
from engine.store.foreign import FOREIGN_VERSION, LibraryEvent
from tests.support import generated
from tests.support.examples import examples

KEY = DataKey("user:1", bytes(32))
MOMENT = datetime(2026, 11, 23, 12, 30, 15, 123456, UTC)
EVENTS = st.one_of([generated.of(cls) for _, cls in all_types()])
TYPES = dict(all_types())


def stored(event: Event, packed_data: bytes, sealed: bytes | None, new: NewEvent) -> Stored:
    return Stored(
        7,
        new.id,
        new.stream,
        1,
        event.TYPE,
        event.VERSION,
        MOMENT,
        MOMENT,
        None,
        None,
        None,
        None,
        None,
        None,
        None,
        "user:1",
        packed_data,
        sealed,
    )


def written(event: Event) -> tuple[NewEvent, Stored]:
    new = NewEvent(event, "stream", ids.derived("test", 1), subjects=("user:1",), occurred_at=MOMENT)
    packed = codec.pack(new, KEY)
    return new, stored(event, packed.data, packed.sealed, new)


@given(EVENTS)
@examples(40, suppress_health_check=[HealthCheck.filter_too_much])
def test_every_event_comes_back(event: Event) -> None:
    """Packed, sealed, opened and decoded, an event of any type equals the one that went in."""
    _, row = written(event)
    assert codec.unpack(row, KEY).event == event


@given(EVENTS)
@settings(max_examples=80, suppress_health_check=[HealthCheck.filter_too_much])
def test_our_json_is_pydantics(event: Event) -> None:
    """The fast way to JSON and the models' own way say the same."""
    clear, sealed = codec.dump(event)
    fields = orjson.loads(clear) | (orjson.loads(sealed) if sealed else {})
    assert type(event).model_validate(fields) == type(event).model_validate_json(event.model_dump_json())
    assert fields.keys() == type(event).model_fields.keys()


@given(EVENTS)
@examples(50, suppress_health_check=[HealthCheck.filter_too_much])
def test_the_twin_says_what_the_model_says(event: Event) -> None:
    """What a replay decodes has the same fields and values as the Pydantic event."""
    new, row = written(event)
    page: list[bulk.Row] = [(7, new.id.bytes, event.TYPE, event.VERSION, "user:1", row.data, row.sealed)]
    found = bulk.decode(page, {"user:1": KEY})[0]
    assert type(event).model_validate(msgspec.to_builtins(found.event, builtin_types=(UUID,))) == event


@given(EVENTS)
@examples(40, suppress_health_check=[HealthCheck.filter_too_much])
def test_without_the_key_only_clear_fields_remain(event: Event) -> None:
    """The erased event validates, keeps every clear field, and says that it is erased; so does its twin."""
    new, row = written(event)
    recorded = codec.unpack(row, None)
    clear = {name: getattr(event, name) for name in event.CLEAR}
    assert {name: getattr(recorded.event, name) for name in event.CLEAR} == clear
    assert recorded.erased == bool(event.SEALED)
    page: list[bulk.Row] = [(7, new.id.bytes, event.TYPE, event.VERSION, "user:1", row.data, row.sealed)]
    assert bulk.decode(page, {})[0].erased == bool(event.SEALED)


def said(text: str, **more: Any) -> MessageReceived:
    return MessageReceived(message_id=1, channel_id=2, author_id=3, venue="playground", text=text, author_name="Ann", **more)


@given(st.text(st.characters(), max_size=20), st.dictionaries(st.text(st.characters(), max_size=3), st.text(max_size=3), max_size=2))
def test_any_text_can_be_stored(text: str, mentioned: dict[str, str]) -> None:
    """Half surrogate pairs, which JSON cannot carry, become replacement characters; everything else stays."""
    _, row = written(said(text, mentioned=mentioned))
    event = codec.unpack(row, KEY).event
    assert isinstance(event, MessageReceived)
    assert event.text == text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def test_the_text_is_not_in_the_clear_part() -> None:
    """What is sealed does not stand beside it."""
    _, row = written(said("my secret"))
    assert row.sealed is not None
    assert b"my secret" not in row.data + row.sealed


def test_something_to_seal_needs_a_key() -> None:
    """An event with text and without a subject is refused."""
    with pytest.raises(ValueError, match="name the subject"):
        codec.pack(NewEvent(said("x"), "stream", ids.random_id()), None)


def test_a_stream_name_cannot_hold_a_zero_byte() -> None:
    """Postgres could not store it."""
    with pytest.raises(ValueError, match="zero byte"):
        codec.pack(NewEvent(said("x"), "bad\0name", ids.random_id(), subjects=("user:1",)), KEY)


def test_a_moved_seal_does_not_open() -> None:
    """Neither on the slow path nor on the fast one."""
    new, row = written(said("x"))
    with pytest.raises(WrongKey):
        codec.unpack(row._replace(id=UUID(int=5)), KEY)
    with pytest.raises(WrongKey):
        bulk.decode([(7, UUID(int=5).bytes, row.type, 1, "user:1", row.data, row.sealed)], {"user:1": KEY})
    assert new.id != UUID(int=5)


@pytest.mark.parametrize("collecting", [True, False])
def test_the_garbage_collector_is_left_as_it_was(collecting: bool) -> None:
    """Whether a page decodes or not, and whether the program uses it or not."""
    _, row = written(said("x"))
    pages: list[list[bulk.Row]] = [[(7, moved.bytes, row.type, 1, "user:1", row.data, row.sealed)] for moved in (row.id, UUID(int=5))]
    (gc.enable if collecting else gc.disable)()
    try:
        assert len(bulk.decode(pages[0], {"user:1": KEY})) == 1
        assert gc.isenabled() == collecting
        with pytest.raises(WrongKey):
            bulk.decode(pages[1], {"user:1": KEY})
        assert gc.isenabled() == collecting
    finally:
        gc.enable()


def test_a_page_comes_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """In order, and nothing is left out."""
    monkeypatch.setattr(bulk, "PART", 3)
    page: list[bulk.Row] = [(n, b"", "t", 1, None, b"", None) for n in range(7)]
    assert [[row[0] for row in part] for part in bulk.parts(page)] == [[0, 1, 2], [3, 4, 5], [6]]


@pytest.mark.parametrize(("type_", "version"), [("message.received", 99), ("no.such", 1)])
def test_what_is_unknown_is_named(type_: str, version: int) -> None:
    """A newer schema or another program's type is not guessed at."""
    with pytest.raises(UnknownEvent, match=type_):
        class_of(type_, version)


def test_events_of_the_library_are_passed_through() -> None:
    """Schema version 0 marks them; their state stays as it was written."""
    _, row = written(said("x"))
    foreign = row._replace(type="app:Dog.Registered", schema_version=FOREIGN_VERSION, data=b"{}", sealed=None)
    event = codec.unpack(foreign, None).event
    assert isinstance(event, LibraryEvent)
    assert (event.topic, event.state) == ("app:Dog.Registered", b"{}")


def test_an_old_event_goes_through_every_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each step brings the fields one version on, on both read paths."""
    monkeypatch.setattr(MessageReceived, "VERSION", 3)
    steps = {
        ("message.received", 1): lambda fields: fields | {"reply_pings": False},
        ("message.received", 2): lambda fields: fields | {"mentions_bot": not fields["reply_pings"]},
    }
    monkeypatch.setattr(upcast, "STEPS", steps)
    new, row = written(said("x"))
    old = row._replace(schema_version=1)
    event = codec.unpack(old, KEY).event
    assert isinstance(event, MessageReceived)
    assert (event.reply_pings, event.mentions_bot) == (False, True)
    bulk._decoder.cache_clear()
    twin: Any = bulk.decode([(7, new.id.bytes, "message.received", 1, "user:1", old.data, old.sealed)], {"user:1": KEY})[0].event
    assert (twin.reply_pings, twin.mentions_bot) == (False, True)
    bulk._decoder.cache_clear()


def test_every_step_belongs_to_a_known_type() -> None:
    """An upcaster leads from a version below today's."""
    assert all(version < TYPES[type_].VERSION for type_, version in upcast.STEPS)


NUMBERS = st.dictionaries(st.text(max_size=3), st.integers(-(2**63), 2**63 - 1))


@examples(60)
@given(NUMBERS, NUMBERS)
def test_two_json_objects_are_joined(first: dict[str, int], second: dict[str, int]) -> None:
    """As if they had been one, the second winning."""
    assert orjson.loads(bulk.joined_json(orjson.dumps(first), orjson.dumps(second))) == first | second


def test_twins_have_the_models_fields() -> None:
    """For every type and every part in it."""

    def check(model: type[BaseModel]) -> None:
        assert set(bulk.twin(model).__struct_fields__) == set(model.model_fields)

    for _, cls in all_types():
        check(cls)


def test_tags_are_columns() -> None:
    """Encoding an event with every tag and with none gives rows of different length and never fails."""
    full = Tags(1, 2, 3, UUID(int=4), UUID(int=5))
    long = codec.pack(NewEvent(said("x"), "s", UUID(int=1), full, ("user:1",), correlation=UUID(int=2), causation=UUID(int=3)), KEY)
    short = codec.pack(NewEvent(said("x"), "s", UUID(int=1), Tags(), ("user:1",)), KEY)
    assert len(long.body) == len(short.body) + 3 * 8 + 4 * 16
