"""Chat logs are told by what stands in them, and a line that cannot be read is told (G7)."""

from datetime import UTC, datetime
from hashlib import sha256
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.cards.refusal import Unreadable
from engine.chatlogs import identity, writing
from engine.chatlogs.events import Destination, appends, channel_of
from engine.chatlogs.log import ChatLog, ChatVariant, LoggedLine
from engine.chatlogs.reading import read_chats
from engine.chatlogs.times import moment
from engine.shapes.backup import read_backup
from engine.shapes.mapping import planned
from tests.support import chatlogs, shapes

WREN, ROOK = UUID(int=1), UUID(int=2)
OTHERS = chatlogs.others()
WHEN = datetime(2024, 5, 3, 16, 5, tzinfo=UTC)


@pytest.mark.parametrize("form", OTHERS)
def test_every_program_is_known_by_its_file(form: str) -> None:
    raw, said = OTHERS[form]
    [log] = read_chats(raw)
    assert log.form == form
    assert [(line.by_user, line.shown.text) for line in log.lines] == said


def test_sillytavern_keeps_variants_times_and_speakers() -> None:
    [log] = read_chats(chatlogs.jsonl(chatlogs.tavern()))
    assert (log.user, log.character, log.bad) == ("Ada", "Wren", ())
    swiped = list(log.lines)[2]
    assert ([one.text for one in swiped.variants], swiped.chosen) == (["one", "two", "three"], 1)
    assert [one.at.minute for one in swiped.variants if one.at] == [6, 7, 8]
    assert [line.name for line in log.lines] == ["Wren", "Ada", "Wren", "Rook", "System", "Ada"]


def test_a_bad_line_is_told_with_its_number_and_costs_only_itself() -> None:
    """Also the five hundredth."""
    rows = chatlogs.jsonl([chatlogs.HEAD, *(chatlogs.line("Ada", str(n), user=True) for n in range(498))])
    [log] = read_chats(rows + b'{"name": "Ada", "mes"\n' + chatlogs.jsonl([chatlogs.line("Ada", "last", user=True), {"odd": 1}]))
    assert len(log.lines) == 499
    assert [bad.partition(":")[0] for bad in log.bad] == ["Line 500", "Line 502"]
    assert list(log.lines)[-1].shown.text == "last"


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("May 3, 2024 4:05pm", WHEN),
        ("2024-05-03T18:05:00+02:00", WHEN),
        ("2024-5-3 @16h 05m 00s 000ms", WHEN),
        ("2024-05-03@16h05m00s", WHEN),
        (1714752300000, WHEN),
        ("1714752300000", WHEN),
        (1714752300, WHEN),
        ("yesterday", None),
        ("Smarch 3, 2024 4:05pm", None),
        (None, None),
        (True, None),
        (float("inf"), None),
        (10**400, None),
    ],
)
def test_times_are_read_in_every_way_they_are_written(said: object, meant: datetime | None) -> None:
    assert moment(said) == meant


@given(
    st.binary(max_size=300)
    | st.sampled_from([raw for raw, _ in OTHERS.values()]).flatmap(lambda raw: st.integers(0, len(raw)).map(lambda n: raw[:n]))
)
@settings(max_examples=100)
def test_any_bytes_are_chats_or_refused(raw: bytes) -> None:
    try:
        found = read_chats(raw)
    except Unreadable as refused:
        assert str(refused)  # noqa: PT017 - most draws are read, and then there is nothing to raise
        return
    assert all(line.shown is not None for log in found for line in log.lines)


def _at(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds // 1000, UTC).replace(microsecond=milliseconds % 1000 * 1000)


TEXTS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20)
TIMES = st.integers(1_451_606_400_000, 1_893_456_000_000).map(_at)
VARIANTS = st.builds(ChatVariant, TEXTS, TIMES)


@st.composite
def lines(draw: st.DrawFn) -> LoggedLine:
    variants = tuple(draw(st.lists(VARIANTS, min_size=1, max_size=3)))
    return LoggedLine(draw(TEXTS), draw(st.booleans()), variants, draw(st.integers(0, len(variants) - 1)), rest={"extra": {}})


@given(st.lists(lines(), max_size=6))
@settings(max_examples=50)
def test_what_is_written_is_read_as_the_same_conversation(said: list[LoggedLine]) -> None:
    """Texts, speakers, variants, the chosen one, and times to the millisecond."""
    log = ChatLog("SillyTavern", tuple(said), "Ada", "Wren")
    [again] = read_chats(writing.as_jsonl(log))
    assert [(a.name, a.by_user, a.variants, a.chosen) for a in again.lines] == [(b.name, b.by_user, b.variants, b.chosen) for b in said]
    assert writing.as_jsonl(again) == writing.as_jsonl(read_chats(writing.as_jsonl(again))[0])


def test_a_page_runs_nothing_of_what_was_said() -> None:
    log = ChatLog("SillyTavern", (LoggedLine("<b>", True, (ChatVariant("<script>alert(1)</script>"),)),), "<b>", "</title>")
    page = writing.as_html(log).decode()
    assert "<script" not in page
    assert "<b>" not in page
    assert "alert(1)" in page


def test_the_same_conversation_gives_the_same_ids() -> None:
    """Each line's first id is its append's key: a second import finds all of them taken."""
    [log] = read_chats(chatlogs.jsonl(chatlogs.tavern()))
    to = Destination("secret", 1, WREN, {"Rook": ROOK}, channel_of(log, "secret"))
    one, other = ([[row.id for row in group] for group in appends(log, to)] for _ in range(2))
    assert one == other
    keys = [group[0] for group in one if group]
    assert len(set(keys)) == len(keys) == 6


def test_a_conversation_is_known_for_ever_by_what_it_was_known_by() -> None:
    """Those that came in with an earlier version add nothing when they come again."""
    files = {"SillyTavern": chatlogs.jsonl(chatlogs.tavern()), **{form: raw for form, (raw, _) in OTHERS.items()}}
    told = {form: sha256(b"".join(identity.told(read_chats(raw)[0]))).hexdigest()[:16] for form, raw in files.items()}
    told["shapes.inc"] = sha256(b"".join(identity.told(planned(read_backup(shapes.opened(shapes.raw()))).chat))).hexdigest()[:16]
    assert told == {
        "SillyTavern": "560d5e5b53f25d29",
        "Chub": "37ff97518154eb40",
        "KoboldLite": "8f404df37ad53b83",
        "CAI Tools": "3e15a1eb1699fac0",
        "text-generation-webui": "211ddc33b35f0bbb",
        "Agnai": "e8846666972471a1",
        "RisuAI": "e6eb0dfbba07d34f",
        "shapes.inc": "2609d232b2a2a8e7",
    }


def test_a_time_that_no_id_has_room_for_counts_as_untold() -> None:
    """The year 9999, in a line of the person's and of the character's: the lines come in, in their order."""
    rows = [chatlogs.line(name, name, user=name == "Ada", at="9999-12-31T23:59:59Z") for name in ("Ada", "Wren")]
    [log] = read_chats(chatlogs.jsonl([chatlogs.HEAD, *rows]))
    groups = list(appends(log, Destination("x", 1, WREN, {}, channel_of(log, "x"))))
    assert [len(group) for group in groups] == [1, 4]
