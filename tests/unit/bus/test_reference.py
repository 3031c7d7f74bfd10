"""What travels on the bus is a reference, and nothing else is taken for one."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.bus import subjects
from engine.bus.reference import MAX_BYTES, Malformed, Reference, decode, encode
from engine.events import all_types

TYPES = st.sampled_from([name for name, _ in all_types()])
VENUES = st.sampled_from([None, "discord", "playground"])


@given(
    st.builds(
        Reference,
        position=st.integers(1, 2**63 - 1),
        id=st.uuids(),
        type=TYPES,
        schema_version=st.integers(1, 9),
        venue=VENUES,
        channel=st.none() | st.integers(0, 2**63 - 1),
        character=st.none() | st.uuids(),
        turn=st.none() | st.uuids(),
    )
)
def test_a_reference_survives_its_journey(reference: Reference) -> None:
    assert decode(encode(reference)) == reference
    assert len(encode(reference)) < MAX_BYTES


@given(st.binary(max_size=4000) | st.text(max_size=200).map(str.encode))
def test_any_other_bytes_are_refused_and_not_repeated(body: bytes) -> None:
    with pytest.raises(Malformed) as refused:
        decode(body)
    assert len(str(refused.value)) < 120


def test_what_a_body_said_is_not_in_the_error() -> None:
    with pytest.raises(Malformed) as refused:
        decode(b'{"position": "canary-text", "id": "canary-text"}')
    assert "canary-text" not in str(refused.value)


def test_unknown_fields_are_refused() -> None:
    known = Reference(position=1, id=UUID(int=1), type="turn.requested", schema_version=1)
    with pytest.raises(Malformed):
        decode(encode(known)[:-1] + b',"text":"hello"}')


@given(TYPES, VENUES)
def test_each_subject_is_in_the_stream_and_matches_the_filter_of_its_type(type_: str, venue: str | None) -> None:
    subject = subjects.of_event(type_, venue)
    assert subject.startswith(subjects.EVERYTHING.removesuffix(">"))
    assert subject.rsplit(".", 1)[0] == subjects.of_type(type_).removesuffix(".*")


def test_durables_are_woken_only_for_types_that_exist() -> None:
    known = {name for name, _ in all_types()}
    assert all(set(durable.types) <= known for durable in subjects.DURABLES.values())
