"""Whoever needs read models of now waits as long as they move, and no longer."""

import pytest

from engine import access, clock
from engine.config import Settings
from engine.store import progress
from engine.store.progress import wait_while_moving

NAME, HEAD = "jobs", 10


async def test_a_command_waits_while_read_models_move(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten steps of forty seconds are waited for by whoever gives up after sixty without any. A step that never comes is given up.

    Soon where the read model is stopped, late where it is at work: one batch takes minutes on a machine that is busy with something else.
    """
    passed, stands, told = 0.0, False, list[tuple[int, int]]()
    async with access.log(settings) as log:
        async with log.pool.connection() as connection:
            await connection.execute("DELETE FROM projections")
            values = (NAME, NAME)
            await connection.execute("INSERT INTO projections (name, schema_name, version, role) VALUES (%s, %s, 1, 'live')", values)

        async def step(*_: object, **__: object) -> bool:
            nonlocal passed
            passed += 40
            async with log.pool.connection() as connection:
                await connection.execute("UPDATE projections SET position = position + %s", (0 if stands else 1,))
                return await progress._reached(connection, [NAME], HEAD if not stands else HEAD + 1)

        monkeypatch.setattr(progress, "wait_for", step)
        monkeypatch.setattr(clock, "monotonic", lambda: passed)
        assert await wait_while_moving(log.pool, [NAME], HEAD, seconds=60, tell=lambda *far: told.append(far))
        assert told == [(done, HEAD) for done in range(1, HEAD)]
        stands = True
        for status, patience in (("running", 600), ("stopped", 60)):
            begun = passed
            async with log.pool.connection() as connection:
                await connection.execute("UPDATE projections SET status = %s", (status,))
            assert not await wait_while_moving(log.pool, [NAME], HEAD + 1, seconds=60)
            assert patience <= passed - begun <= patience + 80
