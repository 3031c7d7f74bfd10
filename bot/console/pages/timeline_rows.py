"""The timeline's rows: events of one turn are one row that unfolds, everything else stands for itself. Days are named between them."""

import itertools
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from bot.console.pages.turn_list import TurnLine, line
from bot.console.people import Called, called
from bot.console.state import Console
from engine import clock
from projections import said
from projections.models import timeline, turns
from projections.models.timeline import Filter, TimelineEntry

MOST = 40
"""Events of a turn that are unfolded; its page shows all."""
HOURS = 24


@dataclass(frozen=True, slots=True)
class TimelineRow:
    """What stands on one line. Without `line` it is one event; `day` is set where another day begins."""

    entries: tuple[TimelineEntry, ...]
    turn: UUID | None = None
    line: TurnLine | None = None
    day: str = ""

    @property
    def newest(self) -> TimelineEntry:
        return self.entries[0]


@dataclass(frozen=True, slots=True)
class Hour:
    """How many events and failed turns there were in an hour, and how high their columns are in a picture of 40 units."""

    at: datetime
    events: int
    failed: int
    height: float
    red: float


def grouped(entries: Sequence[TimelineEntry], lines: Mapping[UUID, TurnLine], *, after: str = "") -> list[TimelineRow]:
    """Entries, newest first -> rows in the order of their newest entries. `after`: the day of the row above. Pure."""
    found: dict[UUID | int, list[TimelineEntry]] = {}
    for entry in entries:
        found.setdefault(entry.turn if entry.turn in lines and entry.turn is not None else entry.position, []).append(entry)
    rows: list[TimelineRow] = []
    for key, many in found.items():
        day = many[0].recorded_at.strftime("%d %b %Y")
        turn = key if isinstance(key, UUID) else None
        rows.append(TimelineRow(tuple(many), turn, lines[turn] if turn else None, day if day != after else ""))
        after = day
    return rows


async def rows(console: Console, entries: Sequence[TimelineEntry], *, flat: bool, after: str = "") -> tuple[list[TimelineRow], Called]:
    """The rows of a page, and what everybody in them is called."""
    wanted = set() if flat else {entry.turn for entry in entries if entry.turn}
    people = {entry.user_id for entry in entries if entry.user_id}
    places = {entry.channel for entry in entries if entry.channel}
    async with console.log.pool.connection() as connection:
        known = await turns.some(connection, list(wanted)) if wanted else []
        words = await said.of_messages(connection, console.log.vault, {turn.message_id for turn in known}) if known else {}
    now = clock.now()
    lines = {turn.turn: line(turn, words[turn.message_id].text if turn.message_id in words else "", now) for turn in known}
    return grouped(entries, lines, after=after), await called(console, people, places)


async def whole_turns(console: Console, wanted: Filter, entries: Sequence[TimelineEntry]) -> list[TimelineEntry]:
    """New entries with the earlier ones of their turns, so that a turn's row can be shown anew."""
    new = list(entries)
    known = {entry.position for entry in new}
    async with console.log.pool.connection() as connection:
        for turn in dict.fromkeys(entry.turn for entry in entries if entry.turn):
            more = (await timeline.page(connection, replace(wanted, turn=turn), limit=MOST)).entries
            new += [entry for entry in more if entry.position not in known]
    return sorted(new, key=lambda entry: -entry.position)


async def last_day(console: Console, now: datetime) -> list[Hour]:
    """Events and failed turns by hour, the latest last: positions grow with time, so an hour's events are a difference of two."""
    hour = now.replace(minute=0, second=0, microsecond=0)
    edges = [hour - timedelta(hours=HOURS - 1 - number) for number in range(HOURS)]
    async with console.log.pool.connection() as connection:
        positions = await timeline.positions_at(connection, edges)
        head = await timeline.head(connection)
        failed = await timeline.newer(connection, Filter(types=frozenset({"turn.failed"}), since=edges[0]), positions[0] - 1, limit=2_000)
    return _hours(edges, [*positions, head + 1], [entry.recorded_at for entry in failed])


def _hours(edges: Sequence[datetime], positions: Sequence[int], failed: Collection[datetime]) -> list[Hour]:
    counts = [max(later - earlier, 0) for earlier, later in itertools.pairwise(positions)]
    most = max(counts, default=0) or 1
    found = []
    for at, count in zip(edges, counts, strict=False):
        wrong = sum(at <= moment < at + timedelta(hours=1) for moment in failed)
        found.append(Hour(at, count, wrong, round(38 * count / most, 1), round(min(38.0, 6.0 * wrong), 1)))
    return found
