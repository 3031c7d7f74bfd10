"""The console's small pure functions: words, faces, filters, forms."""

import hashlib
import re
import xml.etree.ElementTree as ElementTree
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

import bot.console
from bot.console import words
from bot.console.filters import FIELDS, number, understand
from bot.console.pages.usage import Line, drawn, totals
from bot.console.plots import scale, slots
from bot.console.render import ENVIRONMENT
from bot.console.shapes import face
from bot.editing import changes, fresh
from engine import ids
from engine.actor import operator
from engine.decide import character
from engine.events import all_types
from engine.events.character import CharacterCreated
from engine.resources.kinds import CHARACTER, defaults
from engine.resources.slugs import slug_of
from tests.support.examples import examples

HERE = Path(bot.console.__file__).parent
SLUG = re.compile(r"[a-z][a-z0-9-]{2,49}")
NASTY = st.sampled_from(
    [
        "%",
        "_",
        "'",
        ";--",
        "' OR 1=1 --",
        "\x00",
        "<script>",
        "10" * 5000,
        "-1",
        "²",
        "٣",
        "2026-13-45",
        "9999-12-31T23:59:59-23:00",
        "\ud800",
    ]
)


def test_every_event_type_has_words_and_can_be_filtered_for() -> None:
    """Also one that was added yesterday."""
    for name, _ in all_types():
        assert words.kind(name).label
        assert words.types_of(name) == {name}
        assert name in words.types_of(name.partition(".")[0])
    assert words.types_of("") == words.types_of("turn.%") == frozenset()
    assert sum(map(len, words.kinds().values())) == len(list(all_types()))


@pytest.mark.parametrize(
    ("milliseconds", "expected"),
    [(None, "–"), (0, "0 ms"), (999.4, "999 ms"), (2300, "2.3 s"), (59_949, "59.9 s"), (59_960, "1 min 0 s"), (185_000, "3 min 5 s")],
)
def test_durations_read_well(milliseconds: float | None, expected: str) -> None:
    """From milliseconds to minutes."""
    assert words.duration(milliseconds) == expected


@given(st.timedeltas(timedelta(0), timedelta(days=900)))
def test_how_long_ago_is_always_said(passed: timedelta) -> None:
    """Never empty, never negative."""
    now = datetime(2026, 6, 1, tzinfo=UTC)
    assert words.ago(now - passed, now)
    assert "-" not in words.ago(now - passed, now)
    assert "-" not in words.span(passed.total_seconds())


@given(st.uuids())
def test_a_face_is_a_picture_and_always_the_same(identity: UUID) -> None:
    """Well-formed SVG that loads nothing and runs nothing."""
    picture = face(identity)
    assert picture == face(identity)
    root = ElementTree.fromstring(picture)
    assert root.tag.endswith("svg")
    assert not {element.tag.rpartition("}")[2] for element in root.iter()} - {"svg", "rect", "circle", "path"}


@given(st.dictionaries(st.sampled_from(FIELDS), st.one_of(NASTY, st.text(max_size=40)), max_size=10))
def test_any_address_is_understood_or_named_as_wrong(parameters: dict[str, str]) -> None:
    """Hostile filters never fail; what is not understood is said, not ignored."""
    asked = understand(parameters, {})
    assert set(asked.wrong) <= set(FIELDS)
    assert all(len(value) <= 200 for value in asked.values.values())
    understood = [
        asked.wanted.guild,
        asked.wanted.channel,
        asked.wanted.user,
        asked.wanted.turn,
        asked.wanted.since,
        asked.wanted.before,
        asked.wanted.model,
    ]
    given_ = [asked.values[name] for name in ("guild", "channel", "user", "turn", "since", "before", "model")]
    assert sum(value is not None for value in understood) + len(set(asked.wrong) - {"type", "character", "category"}) == sum(
        map(bool, given_)
    )


def test_a_character_goes_by_name_or_id() -> None:
    """Whatever the case of the letters."""
    wren = UUID(int=7)
    assert understand({"character": "wReN"}, {wren: "Wren"}).wanted.character == wren
    assert understand({"character": str(wren)}, {}).wanted.character == wren
    assert "character" in understand({"character": "Nobody"}, {wren: "Wren"}).wrong


def test_times_are_utc_unless_they_say_otherwise() -> None:
    """As the page promises."""
    assert understand({"since": "2026-01-31T18:00"}, {}).wanted.since == datetime(2026, 1, 31, 18, tzinfo=UTC)
    assert understand({"since": "2026-01-31T18:00+02:00"}, {}).wanted.since == datetime(2026, 1, 31, 16, tzinfo=UTC)


@given(st.text(max_size=30))
def test_a_number_fits_into_a_column(text: str) -> None:
    """Or is none."""
    found = number(text)
    assert found is None or 0 <= found < 1 << 63


@given(st.text(max_size=120))
def test_every_name_makes_a_slug(name: str) -> None:
    """In any script."""
    assert SLUG.fullmatch(slug_of(name))


@examples(60)
@given(st.dictionaries(st.sampled_from([spec.key for spec in CHARACTER.fields]), st.text(max_size=60)))
def test_a_form_without_complaints_makes_a_character(values: dict[str, str]) -> None:
    """What the form lets through can be stored; the rest is complained about by field."""
    found, wrong = fresh(CHARACTER, values)
    assert wrong.keys() <= {spec.key for spec in CHARACTER.fields}
    if not wrong:
        command = character.Create(ids.random_id(), changes(defaults(CHARACTER), found))
        created = character.decide(character.State(), command, operator())[0]
        assert isinstance(created, CharacterCreated)
        assert created.slug == found["slug"]


def test_a_form_names_what_is_wrong() -> None:
    """Empty, too long, ill-formed: each at its field."""
    assert set(fresh(CHARACTER, {})[1]) == {"name", "info"}
    assert set(fresh(CHARACTER, {"name": "Ann", "info": "x", "slug": "No Spaces!"})[1]) == {"slug"}
    assert set(fresh(CHARACTER, {"name": "A" * 101, "info": "x", "slug": "ann"})[1]) == {"name"}
    assert set(fresh(CHARACTER, {"name": "!!!", "info": "x"})[1]) == {"name"}
    assert fresh(CHARACTER, {"name": "Wren Halloway", "info": "x"})[0]["slug"] == "wren-halloway"


LINES = st.lists(
    st.builds(
        Line,
        key=st.one_of(
            st.dates(date(2026, 1, 1), date(2026, 4, 30)).map(date.isoformat), st.integers(0, 23).map(lambda hour: f"2026-04-30 {hour:02}")
        ),
        calls=st.integers(1, 1000),
        failed=st.integers(0, 5),
        prompt_tokens=st.integers(0, 10**9),
        completion_tokens=st.integers(0, 10**6),
        cost=st.floats(0, 100),
        unpriced=st.integers(0, 5),
        p50_ms=st.none() | st.floats(0, 1e5),
        p95_ms=st.none() | st.floats(0, 1e7),
    ),
    max_size=40,
    unique_by=lambda line: line.key,
)


@examples(35)
@given(LINES, st.sampled_from([1, 7, 30, 90]))
def test_plots_have_a_column_for_every_hour_or_day_and_none_sticks_out(lines: list[Line], days: int) -> None:
    """Quiet ones too; what is summed is what was listed; every column says its values."""
    among = slots(datetime(2026, 4, 30, 23, 59, tzinfo=UTC), days)
    assert len({slot.key for slot in among}) == len(among) == (24 if days == 1 else days)
    assert among[-1].key == ("2026-04-30 23" if days == 1 else "2026-04-30")
    plots = drawn(lines, among)
    assert [one.name for one in plots] == ["Calls", "Tokens", "Cost", "Time to an answer"]
    for one in plots:
        assert len(one.columns) == len(among)
        for column in one.columns:
            assert column.x >= 0
            assert column.x + column.width <= 1000
            assert all(bar.y >= 0 and 0 < bar.height <= 150 and bar.y + bar.height == pytest.approx(150) for bar in column.bars)
            assert [bar.height for bar in column.bars] == sorted((bar.height for bar in column.bars), reverse=True)
            assert column.says.endswith("nothing") == (not column.bars)
    busy = {line.key for line in lines}
    assert [bool(column.bars) for column in plots[0].columns] == [slot.key in busy for slot in among]
    assert totals(lines).calls == sum(line.calls for line in lines)


@given(st.floats(1e-9, 1e15))
def test_the_top_of_a_scale_is_a_round_number_close_above(most: float) -> None:
    """Its half is round as well, so the middle line can be labelled."""
    top = scale(most)
    assert most <= top * (1 + 1e-9)
    assert top <= most * 2.51
    assert f"{top:.0e}"[0] in "1245"


def test_numbers_and_sums_of_money_are_short() -> None:
    """A cost of nothing is $0: it is known."""
    spent = {
        None: "–",
        0: "$0",
        0.5: "$0.50",
        12.5: "$12.50",
        0.0014: "$0.0014",
        0.000003: "$0.000003",
        1234.5: "$1,234.50",
        1e-9: "under $0.0000001",
    }
    assert {cost: words.money(cost) for cost in spent} == spent
    counted = {0: "0", 0.5: "0.5", 950: "950", 9_999: "9,999", 12_400: "12.4 k", 3e6: "3 M", 2.5e9: "2.5 G"}
    assert {number: words.count(number) for number in counted} == counted


def test_vendored_files_are_the_published_ones() -> None:
    """Checksums as written beside them."""
    folder = HERE / "static" / "vendor"
    listed = re.findall(r"\| ([\w.-]+\.js) \|.*\| ([0-9a-f]{64}) \|", (folder / "VENDORED.md").read_text())
    assert {name for name, _ in listed} == {path.name for path in folder.glob("*.js")}
    for name, checksum in listed:
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == checksum


def test_templates_compile_and_hold_nothing_the_policy_forbids() -> None:
    """No inline script, style or handler, nothing marked safe, nothing from elsewhere."""
    for path in (HERE / "templates").glob("*.html"):
        ENVIRONMENT.get_template(path.name)
        source = path.read_text()
        assert not re.search(r"<script(?![^>]*\bsrc=)|\sstyle=|<style|\son\w+=|\|\s*safe|https?://(?!www\.w3\.org)|autoescape", source), (
            path.name
        )
