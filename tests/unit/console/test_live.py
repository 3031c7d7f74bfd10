"""The page Live: turns by stage, and which parts are there."""

from datetime import UTC, datetime
from uuid import UUID, uuid4

from hypothesis import given
from hypothesis import strategies as st

from bot.console.pages.live import columns, running_parts
from projections.live.heartbeats import Heartbeat
from projections.live.in_flight import STAGES, InFlight, Stage

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def _turn(stage: Stage, among: int) -> InFlight:
    return InFlight(uuid4(), 1, UUID(int=1), 2, "discord", stage, NOON, 0, None, 0, among)


@given(st.lists(st.sampled_from(STAGES), max_size=12))
def test_every_turn_stands_in_the_column_of_its_stage(stages: list[Stage]) -> None:
    """In the order in which a turn goes through them, however many there are."""
    found = columns([_turn(stage, stages.count(stage)) for stage in stages])
    assert tuple(column.stage for column in found) == STAGES
    assert [column.among for column in found] == [stages.count(stage) for stage in STAGES]
    assert all(one.stage == column.stage for column in found for one in column.turns)


def test_a_part_that_is_off_is_no_part_that_is_dead() -> None:
    """Discord without a token is alive and off; what says nothing is told as not running; two workers are two."""
    beats = [
        Heartbeat(process, UUID(int=n), n, "here", "1", NOON, 1.0, {"discord": "off"} if process == "bot" else {})
        for n, process in enumerate(("bot", "worker", "worker"))
    ]
    told = {part.label: (part.alive, part.off) for part in running_parts(beats)}
    assert told == {"Discord": (1, True), "Console": (0, False), "Read models": (0, False), "Worker": (2, False)}
