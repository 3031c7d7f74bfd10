"""Connections that are warm are lent first."""

from engine.store import connect


async def test_the_connection_that_came_back_last_is_lent_next(dsn: str) -> None:
    """Whatever else rests: its plans are made and its caches full. Several at once get one each."""
    async with connect.pool(dsn, size=4) as pool:
        async with pool.connection() as first, pool.connection() as second, pool.connection() as third:
            assert len({id(first), id(second), id(third)}) == 3
        for _ in range(3):
            async with pool.connection() as again:
                assert again is first
            async with pool.connection() as again, pool.connection() as beside:
                assert again is first
                assert beside is second
