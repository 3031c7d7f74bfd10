"""Read models in step keep every promise they keep alone: the same tests, run by the process' own way of running them; and what is new."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from engine.store import Log, connect
from projections.base import Projection
from projections.follow import group_runner, runner, verify
from projections.models.history import HISTORY
from projections.registry import ALL
from tests.bench.append import talk
from tests.service.projections import test_rebuild as alone
from tests.service.projections.test_rebuild import log

__all__ = ["log"]


@asynccontextmanager
async def running(dsn: str, *projections: Projection) -> AsyncIterator[None]:
    """All of them in one task, for as long as the block lasts."""
    task = asyncio.create_task(group_runner.run(dsn, projections))
    try:
        yield
    finally:
        assert not task.done() or task.result()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.fixture(autouse=True)
def _in_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alone, "running", running)


test_every_read_model_equals_its_fold = alone.test_every_read_model_equals_its_fold
test_rebuild_beside_and_switch_while_the_log_grows = alone.test_rebuild_beside_and_switch_while_the_log_grows
test_kept_tables_can_serve_again = alone.test_kept_tables_can_serve_again
test_a_new_version_is_built_while_the_old_one_serves = alone.test_a_new_version_is_built_while_the_old_one_serves
test_poison_stops_one_projection_and_names_itself = alone.test_poison_stops_one_projection_and_names_itself
test_what_postgres_refuses_costs_one_row_and_stops_nobody = alone.test_what_postgres_refuses_costs_one_row_and_stops_nobody
test_after_mending_it_goes_on_without_a_restart = alone.test_after_mending_it_goes_on_without_a_restart


async def test_the_others_go_on_while_one_is_stopped_and_it_joins_again(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    """Poison under a moving log: the rest reaches the head meanwhile, and after mending all are in step again."""
    monkeypatch.setattr(alone.Counter, "poison", await alone._poisoned(log))
    counter = alone.Counter()
    async with running(log.dsn, counter, *ALL):
        await alone._stopped(log)
        await talk.fill(log, 100, start=20_000, producers=4)
        await alone.reached(log, *(projection.name for projection in ALL))
        monkeypatch.setattr(alone.Counter, "poison", 0)
        async with log.pool.connection() as connection:
            assert await runner.resume(connection, "counter")
        await alone.reached(log, "counter")
        await talk.fill(log, 20, start=30_000, producers=1)
        await alone.reached(log, "counter", "history")
    assert all(verdict.equal for verdict in await verify.verify(log.dsn, [counter, *ALL]))


async def test_two_processes_share_the_work_without_doing_it_twice(log: Log) -> None:
    """A second owner of the same read models is noticed by the checkpoint; whoever moves it, the rows are those of one fold."""
    async with running(log.dsn, *ALL), running(log.dsn, *ALL):
        await talk.fill(log, 200, start=20_000, producers=4)
        await alone.reached(log, *(projection.name for projection in ALL))
        assert all(verdict.equal for verdict in await verify.verify(log.dsn, [HISTORY, *ALL]))


async def test_a_second_start_goes_on_with_what_stands(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over one connection, not one for each; only what is of another make is brought up first."""
    async with running(log.dsn, *ALL):
        await alone.reached(log, *(projection.name for projection in ALL))
    raised: list[str] = []
    bring_up = runner.bring_up

    async def seen(dsn: str, projection: Projection, *, stopped: bool = False) -> None:
        raised.append(projection.name)
        await bring_up(dsn, projection, stopped=stopped)

    monkeypatch.setattr(runner, "bring_up", seen)
    async with await connect.connect(log.dsn) as connection:
        await connection.execute("UPDATE projections SET fingerprint = 'another' WHERE name = 'history' AND role = 'live'")
    await talk.fill(log, 20, start=30_000, producers=2)
    async with running(log.dsn, *ALL):
        await alone.reached(log, *(projection.name for projection in ALL))
        assert all(verdict.equal for verdict in await verify.verify(log.dsn, ALL))
    assert raised == ["history"]
