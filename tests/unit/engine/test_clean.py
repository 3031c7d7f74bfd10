"""Strings from outside: what may be stored in the clear, and shown as a name."""

from uuid import UUID

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.events.model import CatalogueFetched, Offered
from engine.events.turn import Call, TurnFailed, Usage
from engine.outside import clean
from engine.store import codec
from tests.support import generated
from tests.support.examples import examples

ANY = st.text(st.characters(), max_size=60)


@given(ANY | st.none() | st.integers(), st.integers(1, 30))
def test_a_name_is_one_bounded_printable_line(text: object, limit: int) -> None:
    """Whatever it was, it can be stored, indexed and printed."""
    name = clean.name(text, limit)
    assert len(name) <= limit
    assert not any(character in name for character in "\x00\r\n\x1b\x9b\u2028\ufeff")
    name.encode()
    assert clean.name(name, limit) == name


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("a\x00b", "a b"),
        ("gpt\n\x1b[31m-5", "gpt [31m-5"),
        ("half \ud800 a pair", "half \ufffd a pair"),
        ("x" * 9000, "x" * 200),
        ("\U0001f600" * 9000, "\U0001f600" * 200),
        ("  openai/gpt-5 \r\n", "openai/gpt-5"),
        (["list"], ""),
        (None, ""),
    ],
)
def test_a_name_from_outside(given: object, kept: str) -> None:
    """NUL, control characters, halves of pairs and length, each alone."""
    assert clean.name(given) == kept


def _failed(**fields: object) -> TurnFailed:
    known = {"turn_id": "0" * 32, "message_id": 1, "channel_id": 1, "user_id": 1, "character_id": "0" * 32, "venue": "playground"}
    known |= {"attempt": 1, "category": "unknown", "reference": "r", "user_message": "u"}
    return TurnFailed.model_validate(known | fields)


@given(ANY, st.integers(0, 12_000))
def test_the_last_door_before_the_log_keeps_out_what_no_table_takes(text: str, length: int) -> None:
    """Also in parts within lists, and also when the field's own door forgot."""
    long = (text or "x") * (length // max(len(text), 1) + 1)
    call = Call.model_construct(call_id=UUID(int=0), model=long, provider=long, usage=Usage())
    data, _ = codec.dump(_failed(model=long, provider=text, calls=(call,)))
    assert b"\\u0000" not in data
    stored = orjson.loads(data)
    assert len(stored["model"]) <= clean.CLEAR
    assert len(stored["calls"][0]["provider"]) <= clean.CLEAR


def test_a_limit_of_its_own_is_a_fields_limit() -> None:
    """A catalogue's ids may have 200 characters, its names have no limit and get everybody's."""
    offer = Offered.model_construct(id="i" * 9000, name="n" * 9000)
    data, _ = codec.dump(CatalogueFetched.model_construct(provider="p", sha256="s", models=(offer,)))
    stored = orjson.loads(data)["models"][0]
    assert (len(stored["id"]), len(stored["name"])) == (200, clean.CLEAR)


@examples(30)
@given(st.data())
def test_what_is_clean_is_stored_as_it_is(data: st.DataObject) -> None:
    """The last door changes nothing that could be stored anyway."""
    event = data.draw(generated.of(TurnFailed))
    assert (
        TurnFailed.model_validate(
            orjson.loads(codec.dump(event)[0])
            | {"user_message": event.user_message, "said": event.said, "technical_details": event.technical_details}
        )
        == event
    )
