"""How a conversation's page is put together: what waits is counted, and an answer far from its question says what it answers."""

from datetime import UTC, datetime
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from bot.console.pages.conversation import SHOWN, Writing, answered_from_afar, condensed
from bot.console.render import fragment
from projections.chats import ChatLine

WREN, OTTOLINE = UUID(int=1), UUID(int=2)


def writing(number: int, character: UUID = WREN, text: str = "") -> Writing:
    return Writing(UUID(int=100 + number), character, "Wren", text)


def test_a_burst_is_one_row_and_a_count() -> None:
    """52 answers that nobody has begun are one line that says so."""
    live = condensed([writing(number) for number in range(53)])
    assert (len(live.drafts), live.more) == (1, 52)
    html = fragment("_live.html", live=live)
    assert "Wren is writing, 52 more are waiting" in html
    assert html.count("<article") == 1


@given(st.lists(st.builds(writing, st.integers(0, 999), st.sampled_from([UUID(int=n) for n in range(6)]), st.sampled_from(["", "Hm"]))))
def test_whatever_has_begun_is_shown_and_nothing_is_lost(many: list[Writing]) -> None:
    """Every text that grows is seen; the others are shown or counted, in their order."""
    live = condensed(many)
    assert len(live.drafts) + live.more == len(many)
    assert [one for one in live.drafts if one.text] == [one for one in many if one.text]
    assert sum(not one.text for one in live.drafts) <= SHOWN
    assert bool(live.drafts) == bool(many)


def line(message_id: int, reply_to: int | None = None) -> ChatLine:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    return ChatLine(message_id, "message" if reply_to is None else "reply", message_id, None, None, 1, "Ann", reply_to, at, "x")


def test_an_answer_below_its_message_needs_no_quote() -> None:
    """Two characters may answer one message; an answer that comes after another message says what it answers."""
    assert answered_from_afar([line(1), line(2, 1), line(3, 1)]) == frozenset()
    assert answered_from_afar([line(1), line(2), line(3, 1), line(4, 2)]) == {3}
