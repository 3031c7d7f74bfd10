"""Two keys of one person for one provider, added at the same time by two processes."""

from uuid import UUID

import pytest

from engine.actor import Actor
from engine.decide.command import Command
from engine.execute import Executed, execute
from engine.store import Log, open_log
from engine.vault import MasterKey
from projections.models import keys

MASTER = MasterKey.of(b"k" * 32)


async def test_of_two_keys_added_at_once_the_last_in_the_log_can_be_opened(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first addition still has to delete what it replaced when the second is through."""
    async with open_log(dsn, MASTER) as first, open_log(dsn, MASTER) as second:
        later: list[UUID] = []

        async def overtaken(log: Log, actor: Actor, command: Command, key: UUID) -> Executed:
            done = await execute(log, actor, command, key)
            if log is first:
                later.append(await keys.add(second, 7, "local", "sk-second-1234567890"))
            return done

        monkeypatch.setattr(keys, "execute", overtaken)
        earlier = await keys.add(first, 7, "local", "sk-first-1234567890")
        async with first.pool.connection() as connection:
            assert await keys.reveal(connection, first.vault, later[0]) == "sk-second-1234567890"
            with pytest.raises(keys.NoSuchKey):
                await keys.reveal(connection, first.vault, earlier)
