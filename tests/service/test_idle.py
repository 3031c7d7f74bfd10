"""What a house costs in which nothing happens: one question a round, and no more."""

import pytest

from engine import ids
from engine.config import Settings
from projections.live import heartbeats, leases
from tests.chaos.calls.rig import rig
from worker.jobs import keep
from worker.turn import sweep


async def test_where_nothing_waits_nobody_is_asked_who_works_and_nothing_is_tidied(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a process that ended long ago the first beat of the next one takes the row away, not each of everybody's beats."""
    monkeypatch.delattr(leases, "taken")
    async with rig(settings) as made:
        work, pool = made.work("http://127.0.0.1:1"), made.log.pool
        assert await sweep._forgotten(work, set(), sweep.AT_ONCE) == []
        assert await keep._waiting(work, {}, {}) == []
        await heartbeats.beat(pool, "worker")
        async with pool.connection() as connection:
            await connection.execute("UPDATE heartbeats SET beat_at = now() - interval '2 hours'")
            await connection.execute(
                "INSERT INTO heartbeats SELECT process, gen_random_uuid(), pid, host, version, started_at, beat_at, details FROM heartbeats"
            )
            for instance, left in ((heartbeats._INSTANCE, 2), (ids.random_id(), 2)):
                monkeypatch.setattr(heartbeats, "_INSTANCE", instance)
                await heartbeats.beat(pool, "worker")
                assert await (await connection.execute("SELECT count(*) FROM heartbeats")).fetchone() == (left,)
            assert {beat.age_s < 600 for beat in await heartbeats.alive(connection, within=600)} == {True}
