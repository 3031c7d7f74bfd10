"""Keys are fetched while a connection is held; that must never wait for the very connections that wait for it."""

import asyncio

from engine.store import open_log
from engine.vault import MasterKey

READERS = 2


async def test_readers_that_need_a_key_do_not_wait_for_one_another(dsn: str) -> None:
    """As many readers as the pool has connections, each holding one, all get a key that nobody has cached."""
    async with open_log(dsn, MasterKey.of(b"k" * 32), pool_size=READERS) as log:
        all_hold = asyncio.Barrier(READERS)

        async def read(subject: str) -> bool:
            async with log.pool.connection():
                await all_hold.wait()
                return bool(await log.vault.current({(subject,)}))

        async with asyncio.timeout(60):  # a starved pool raises after ten
            assert await asyncio.gather(*(read(f"user:{number}") for number in range(READERS))) == [True] * READERS
