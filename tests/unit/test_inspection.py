"""The inspector's one function (F5): a turn's time from message to delivery, its chapters, and what led to what."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import ids
from engine.events.base import Event
from engine.events.message import Drawn, MessageDrafted, MessageReceived
from engine.events.reply import ChunkDelivered, ReplyDelivered, ReplyEdited, ReplyRegenerated
from engine.events.turn import GenerationStarted, PromptSection, Roll, Timing, TurnCompleted, TurnFailed, TurnRequested
from engine.store import Recorded
from engine.store.rows import Stored
from projections.inspecting.inspection import inspect, links
from projections.inspecting.spans import in_all, stretches

WREN, FIRST = UUID(int=1), ids.turn(10, UUID(int=1))
START = datetime(2026, 11, 28, 12, 6, 31, tzinfo=UTC)
OURS = {"message_id": 10, "channel_id": 11, "user_id": 5, "character_id": str(WREN), "venue": "discord"}
SAID = MessageReceived(message_id=10, channel_id=11, author_id=5, venue="discord", text="quick 99", author_name="Zoe")
ASKED = TurnRequested.model_validate(OURS | {"turn_id": FIRST, "trigger": "name", "reason": "the message names it"})
BEGUN = GenerationStarted.model_validate(
    {"turn_id": FIRST, "attempt": 1, "character_id": WREN, "model": "m", "provider": "p", "as_of": 3, "prompt_version": 2}
    | {"prompt_tokens": 120, "prompt_sha256": "0", "parameters": {"temperature": 0.7}}
    | {"sections": (PromptSection(name="history", refs=("1",), tokens=90, rolls=(Roll(what="pick", value=0.25),)),)}
)


def completed(turn: UUID = FIRST, sent: float = 100, first: float | None = 900, finished: float = 2100) -> TurnCompleted:
    timing = Timing(request_sent=sent, first_token=first, finished=finished)
    more = {"turn_id": turn, "attempt": 1, "model": "m", "provider": "p", "finish_reason": "stop", "text": "Hello.", "timing": timing}
    return TurnCompleted.model_validate(OURS | more)


SHOWN = {name: value for name, value in OURS.items() if name != "message_id"}
DELIVERED = ReplyDelivered.model_validate(SHOWN | {"turn_id": FIRST, "kind": "reply", "message_ids": (77,)})


def told(*events: tuple[Event, float], causes: Sequence[int | None] = ()) -> list[Recorded[Event]]:
    """Events as the log has them, each so many seconds after the start; the n-th was caused by the one at `causes[n]`."""
    found: list[Recorded[Event]] = []
    for at, (event, after) in enumerate(events):
        cause = causes[at] if at < len(causes) else None
        moment = START + timedelta(seconds=after)
        row = Stored(
            position=at + 1, id=UUID(int=1000 + at), stream=event.stream_name, version=1, type=event.TYPE, schema_version=event.VERSION,
            occurred_at=moment, recorded_at=moment, correlation=None, causation=None if cause is None else UUID(int=1000 + cause),
            guild=None, channel=None, user=None, character=None, turn=None, subject=None, data=b"", sealed=None,
        )  # fmt: skip
        found.append(Recorded(row, event))
    return found


def test_a_turn_that_waited_says_so() -> None:
    """The wait before a worker took it up is the first thing to know of a slow turn, and it counts in the whole."""
    events = told((SAID, 0), (ASKED, 0.2), (BEGUN, 189.1), (completed(), 191.1), (DELIVERED, 191.6))
    found = inspect(FIRST, events, {})
    assert [part.label for part in found.stretches] == [
        *("reaching us", "waiting", "context and prompt", "until the first word", "writing", "delivering"),
    ]
    assert found.waited_ms == pytest.approx(188_800)
    assert found.total_ms == pytest.approx(191_600)
    running = inspect(FIRST, told((SAID, 0), (ASKED, 0.2)), {}, now=START + timedelta(seconds=60))
    assert running.waited_ms == pytest.approx(59_800)


def test_a_turn_that_failed_does_not_claim_to_have_written() -> None:
    timing = Timing(request_sent=100, finished=2700)
    more = {"turn_id": FIRST, "attempt": 3, "category": "rate_limit", "reference": "abc", "attempts": 3, "timing": timing}
    failed = TurnFailed.model_validate(OURS | more | {"user_message": "Too many."})
    found = stretches(told((SAID, 0), (ASKED, 0), (BEGUN, 1), (failed, 3)))
    assert [(part.name, part.ms) for part in found if part.name in ("wait", "write")] == [("wait", 2600)]


SECONDS = st.floats(-10, 1000)


@given(st.floats(0, 1e6), st.none() | st.floats(0, 1e6), st.floats(0, 1e6), SECONDS, SECONDS, SECONDS, SECONDS)
def test_the_bar_is_full_whatever_the_clocks_say(
    sent: float, first: float | None, finished: float, asked: float, begun: float, ended: float, shown: float
) -> None:
    """Whatever order the readings of several processes' clocks come in, nothing is negative and nothing sticks out."""
    events = told((SAID, 0), (ASKED, asked), (BEGUN, begun), (completed(FIRST, sent, first, finished), ended), (DELIVERED, shown))
    found = stretches(events)
    whole = in_all(found)
    assert all(part.ms >= 0 and 0 <= part.start <= 1000.1 for part in found)
    assert sum(part.width for part in found) == pytest.approx(1000 if whole else 0, abs=0.2)


def test_the_chapters_say_who_was_drawn_what_was_asked_and_what_is_shown() -> None:
    """F5, E6: rolls, sections, parameters, versions and chunks; of the reply's other versions only that they are there."""
    second, third = ids.turn(10, WREN, 1), UUID(int=9)
    of = OURS | {"by_user_id": 5}
    again = ReplyRegenerated.model_validate(of | {"turn_id": second, "epoch": 1, "of": FIRST, "wish": "shorter, please"})
    edited = ReplyEdited.model_validate(of | {"version": third, "of": second, "text": "Mine."})
    drawn = (Drawn(character_id=WREN, why="talkative", roll=0.125),)
    draft = MessageDrafted(message_id=10, channel_id=11, author_id=5, venue="discord", strategy="natural", drawn=drawn)
    chunk = ChunkDelivered(turn_id=FIRST, channel_id=11, venue="discord", index=0, total=1, message_id=77)
    events = told((SAID, 0), (ASKED, 0), (draft, 0), (BEGUN, 1), (completed(), 3), (chunk, 4), (DELIVERED, 4), (again, 9),
                  (completed(second), 12), (edited, 20))  # fmt: skip
    found = inspect(FIRST, events, {WREN: "Wren"})
    chapters = {chapter.name: chapter for chapter in found.chapters}
    assert [chapter.name for chapter in found.chapters] == [
        *("message", "requested", "draft", "attempt", "end", "delivery", "delivery", "versions"),
    ]
    assert chapters["draft"].rows == (("Wren", "talkative", "0.125"),)
    assert dict(chapters["attempt"].facts)["Parameters"] == "temperature 0.7"
    assert dict(chapters["attempt"].facts)["Rolls"] == "pick 0.25"
    assert chapters["attempt"].rows == (("history", "90", "1", ""),)
    assert [(row[0], row[2], row[3]) for row in chapters["versions"].rows] == [
        ("1, this one", "a model", ""),
        ("2", "a model", ""),
        ("3", "a person", "shown"),
    ]
    of_second = inspect(second, events, {})
    assert dict(next(c for c in of_second.chapters if c.name == "asked").facts)["Wish"] == "shorter, please"


@given(st.lists(st.none() | st.integers(0, 12), max_size=12))
def test_what_led_to_what_names_every_event_once(causes: list[int | None]) -> None:
    """Causes that are not among the events, or are the event itself, make it a beginning; a circle hides nobody outside it."""
    sane = [None if cause is None or cause >= at else cause for at, cause in enumerate(causes)]
    found = links(told(*[(SAID, float(at)) for at in range(len(sane))], causes=sane))
    assert sorted(link.position for link in found) == list(range(1, len(sane) + 1))
    depth = {link.id: link.depth for link in found}
    assert all(link.depth == (depth[link.of] + 1 if link.of is not None else 0) for link in found)
