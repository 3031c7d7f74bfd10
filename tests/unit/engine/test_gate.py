"""The gate: who answers, and why the others do not."""

from dataclasses import replace
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.decide import gate
from engine.decide.gate import Policy, judge, record
from engine.events.message import Attachment, AuthorKind, Declined, Gate, MessageReceived
from tests.support.examples import examples

A, B, C = UUID(int=1), UUID(int=2), UUID(int=3)
SAID = MessageReceived(message_id=1, channel_id=2, author_id=3, venue="discord", text="hello", author_name="Alice")


@pytest.mark.parametrize(
    ("message", "addressed", "age_s", "policy", "reason"),
    [
        (SAID.model_copy(update={"author_kind": "bot"}), [A], 0, Policy(), "program"),
        (SAID.model_copy(update={"text": " "}), [A], 0, Policy(), "empty"),
        (SAID, [A], 0, Policy(denied=True), "denied"),
        (SAID, [A], 0, Policy(restricted=True), "restricted"),
        (SAID, [], 0, Policy(), "unaddressed"),
        (SAID, [A], 901, Policy(), "stale"),
        (SAID, [A], 0, Policy(quiet=True), "quiet"),
        (SAID, [A], 0, Policy(told_of_rate=True), "rate"),
        (SAID, [A], 0, Policy(waiting=5, backlog=5), "backlog"),
    ],
)
def test_the_first_reason_is_kept(message: MessageReceived, addressed: list[UUID], age_s: float, policy: Policy, reason: Gate) -> None:
    """Nobody answers, for one reason that has a sentence; a denied author of an old message is denied, not late."""
    verdict = judge(message, addressed, age_s, policy)
    assert verdict.answering == ()
    assert verdict.declined == (Declined(gate=reason),)
    assert gate.REASONS[reason].endswith(".")
    assert judge(message, addressed, 10_000, replace(policy, denied=True)).declined[0].gate in ("program", "empty", "denied")


def test_every_reason_has_a_sentence_and_a_picture_is_not_nothing() -> None:
    """A11: one predicate for every kind of message."""
    assert set(gate.REASONS) == set(Gate.__args__)  # type: ignore[attr-defined]  # a Literal's values
    picture = SAID.model_copy(update={"text": "", "attachments": (Attachment(kind="image"),)})
    assert judge(picture, [A], 0).answering == (A,)


def test_what_is_left_out_is_named_one_by_one() -> None:
    """Too many, one for grown-ups only where the channel is not, one whose owner denies the author: the others answer, in their order."""
    policy = Policy(limit=1, adults_only=frozenset({A}))
    verdict = judge(SAID, [A, B, C], 0, policy)
    assert verdict.answering == (B,)
    assert verdict.declined == (Declined(gate="age", character_id=A), Declined(gate="many", character_id=C))
    assert verdict.truncated == 1
    assert judge(SAID, [A], 0, replace(policy, adult_channel=True)).answering == (A,)
    denied = judge(SAID, [A, B], 0, replace(policy, adult_channel=True, denied_by=frozenset({A})))
    assert (denied.answering, denied.declined) == ((B,), (Declined(gate="denied", character_id=A),))


def test_a_limit_that_is_just_kept_stops_nobody() -> None:
    """Of age, and of what waits."""
    assert judge(SAID, [A], gate.STALE_S, Policy(waiting=4, backlog=5)).answering == (A,)


@examples(60)
@given(
    st.lists(st.uuids(), unique=True, max_size=12),
    st.integers(1, 10),
    st.sampled_from(["human", "bot", "webhook"]),
    st.text(max_size=5),
    st.floats(0, 2000),
)
def test_everybody_addressed_answers_or_has_a_reason(addressed: list[UUID], limit: int, kind: AuthorKind, text: str, age_s: float) -> None:
    """Never both, never neither; and what is kept of it holds no text."""
    message = SAID.model_copy(update={"author_kind": kind, "text": text})
    verdict = judge(message, addressed, age_s, Policy(limit=limit))
    named = [one.character_id for one in verdict.declined]
    if None in named:
        assert (verdict.answering, len(named)) == ((), 1)
    else:
        assert sorted([*verdict.answering, *(c for c in named if c)]) == sorted(addressed)
        assert len(verdict.answering) <= limit
    kept = record(message, verdict)
    assert (kept is None) == (kind != "human" or not verdict.declined)
    assert kept is None or not kept.SEALED
