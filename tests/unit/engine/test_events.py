"""Every event there is: named once, frozen, and the same after a journey through bytes."""

import secrets
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st
from pydantic import ValidationError

from engine.errors import UnknownEvent, WrongKey
from engine.events import Event, all_types, class_of
from engine.events.message import MessageReceived
from engine.sealing import DataKey
from engine.store import NewEvent, Stored, codec
from engine.store.rows import Packed
from tests.support import generated
from tests.support.examples import examples

TYPES = dict(all_types())


def _stored(packed: Packed) -> Stored:
    new = packed.new
    moment = packed.occurred_at
    envelope = (1, new.id, new.stream, 1, new.event.TYPE, new.event.VERSION, moment, moment, None, None)
    return Stored(*envelope, None, None, None, None, None, new.subjects[0], packed.data, packed.sealed)


def _pack(event: Event, key: DataKey | None) -> Stored:
    return _stored(codec.pack(NewEvent(event, "s", uuid4(), subjects=("user:1",)), key))


@pytest.mark.parametrize("name", TYPES)
@examples(8, suppress_health_check=[HealthCheck.filter_too_much])
@given(data=st.data())
def test_what_is_stored_comes_back_equal(name: str, data: st.DataObject) -> None:
    """Whatever the fields hold, packing, sealing, opening and unpacking gives the same event.

    After an erasure the clear fields are all there and the sealed ones are blank, never an exception.
    """
    event = data.draw(generated.of(TYPES[name]))
    key = DataKey("user:1", secrets.token_bytes(32))
    row = _pack(event, key)
    assert codec.unpack(row, key).event == event
    if event.SEALED:
        opened = codec.unpack(row, None)
        assert opened.erased
        assert all(getattr(opened.event, field) == getattr(event, field) for field in event.CLEAR)


def _message(text: str) -> MessageReceived:
    return MessageReceived(message_id=1, channel_id=2, author_id=3, venue="discord", text=text, author_name="someone")


def test_no_sealed_field_is_found_in_the_clear_bytes() -> None:
    """The canary stands nowhere in what a database administrator can read."""
    row = _pack(_message("canary-4711"), DataKey("user:1", secrets.token_bytes(32)))
    assert b"canary-4711" not in row.data
    assert row.sealed is not None
    assert b"canary-4711" not in row.sealed


def test_lone_surrogates_do_not_stop_a_message() -> None:
    """Discord clients send them; JSON cannot carry them; the rest of the text must survive."""
    key = DataKey("user:1", secrets.token_bytes(32))
    opened = codec.unpack(_pack(_message("a\ud800b"), key), key).event
    assert isinstance(opened, MessageReceived)
    assert opened.text == "a\ufffdb"


def test_a_sealed_part_does_not_open_on_another_event() -> None:
    """Moving a ciphertext to another row is noticed."""
    key = DataKey("user:1", secrets.token_bytes(32))
    row = _pack(_message("hello"), key)._replace(id=uuid4())
    with pytest.raises(WrongKey):
        codec.unpack(row, key)


def test_an_unknown_type_or_a_newer_schema_is_named() -> None:
    """An old program on a new log says what it does not know instead of guessing."""
    with pytest.raises(UnknownEvent, match="no event type"):
        class_of("message.dreamt", 1)
    with pytest.raises(UnknownEvent):
        class_of("message.received", 99)


def test_events_are_frozen_and_refuse_unknown_fields() -> None:
    """A typo is an error at once, not a field that is lost in silence."""
    event = _message("x")
    with pytest.raises(ValidationError):
        event.text = "y"  # type: ignore[misc]
    with pytest.raises(ValidationError):
        MessageReceived.model_validate(event.model_dump() | {"autor": 1})


def test_sealing_without_a_key_is_refused() -> None:
    """Free text never reaches the log in the clear by forgetting a subject."""
    with pytest.raises(ValueError, match="subject"):
        codec.pack(NewEvent(_message("x"), "s", uuid4()), None)
