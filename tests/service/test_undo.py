"""Taking back one's own changes: by whom, how often, how long, and which are still open (C10)."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import clock, ids, undo
from engine.actor import operator, person
from engine.decide import character
from engine.decide.rejected import Rejected
from engine.execute import execute
from engine.store import Log, open_log
from engine.vault import MasterKey
from projections.follow import runner
from projections.models import changes
from projections.models.changes import CHANGES, Change

ALICE, BOB = person(7), person(8)
WREN = ids.derived("test", "wren")
FIELDS = {"name": "Wren", "info": "Keeps a lighthouse.", "visibility": "public", "co_owners": (8,)}
NOW = datetime(2030, 1, 1, tzinfo=UTC)


@pytest.fixture
async def log(dsn: str) -> AsyncIterator[Log]:
    async with open_log(dsn, MasterKey.of(b"k" * 32)) as opened:
        await execute(opened, ALICE, character.Create(WREN, FIELDS), ids.derived("made", 1))
        await execute(opened, BOB, character.Edit(WREN, {"tone": "dry"}), ids.derived("edit", 1))
        yield opened


async def test_a_change_is_taken_back_once_by_whoever_made_it(log: Log) -> None:
    """The owner does not take back what the co-owner did; the operator may; a second time is told as that."""
    edit = ids.derived("edit", 1)
    with pytest.raises(Rejected, match="Only whoever made this change"):
        await undo.take_back(log, ALICE, edit)
    assert (await undo.take_back(log, BOB, edit)).events
    with pytest.raises(Rejected, match="taken back already"):
        await undo.take_back(log, BOB, edit)
    assert (await undo.take_back(log, BOB, undo.undo_key(edit))).events, "what was taken back can be done again"
    with pytest.raises(Rejected, match="nothing to take back"):
        await undo.take_back(log, BOB, ids.derived("edit", 2))
    await execute(log, BOB, character.Edit(WREN, {"tone": "wet"}), ids.derived("edit", 3))
    assert (await undo.take_back(log, operator(1), ids.derived("edit", 3))).events


async def test_a_change_can_be_taken_back_for_thirty_days(log: Log) -> None:
    """By the time the log took it, not by the time somebody says."""
    with clock.frozen(clock.now() + undo.WITHIN + timedelta(minutes=1)), pytest.raises(Rejected, match="more than 30 days"):
        await undo.take_back(log, BOB, ids.derived("edit", 1))
    with clock.frozen(clock.now() + undo.WITHIN - timedelta(minutes=1)):
        assert (await undo.take_back(log, BOB, ids.derived("edit", 1))).events


async def test_a_co_owner_brings_back_what_they_deleted(log: Log) -> None:
    """C1: a deletion is the co-owner's to take back."""
    await execute(log, BOB, character.Delete(WREN), ids.derived("delete", 1))
    done = await undo.take_back(log, BOB, ids.derived("delete", 1))
    assert done.events[0].TYPE == "character.restored"


async def test_changes_are_found_by_whoever_made_them(log: Log) -> None:
    """A co-owner's edit is theirs; each command is one change, however many events it made."""
    async with log.pool.connection() as connection:
        await runner.install(connection, CHANGES)
        await runner.apply(connection, CHANGES, [row async for row in log.rows()])
        since = clock.now() - undo.WITHIN
        assert [change.key for change in await changes.of(connection, 7, since)] == [ids.derived("made", 1)]
        assert [(change.key, change.type) for change in await changes.of(connection, 8, since)] == [
            (ids.derived("edit", 1), "character.edited")
        ]
        assert await changes.of(connection, 8, clock.now() + undo.WITHIN) == []


@given(st.lists(st.sampled_from(["change", "undo"]), max_size=20))
def test_repeated_undo_goes_back_and_never_forth(steps: list[str]) -> None:
    """What is open is what was made and neither taken back nor a taking back: each `/undo` takes the one before."""
    made: list[Change] = []
    stack: list[Change] = []
    for number, step in enumerate(steps):
        if step == "change":
            made.insert(0, Change(ids.derived("made", number), "character.edited", NOW))
            stack.append(made[0])
        elif stack:
            taken = stack.pop()
            assert changes.open_ones(made, undo.undo_key)[0] == taken
            made.insert(0, Change(undo.undo_key(taken.key), "character.edited", NOW))
    assert changes.open_ones(made, undo.undo_key) == stack[::-1]
