"""Read models that stand empty before anything happens: making their tables takes longer than what most tests do."""

from engine.store import Log, connect
from projections.follow import runner
from projections.registry import ALL


async def install(dsn: str) -> None:
    """Make the tables of every read model in a migrated database."""
    async with await connect.connect(dsn) as connection:
        for projection in ALL:
            await runner.install(connection, projection)


async def catch_up(log: Log) -> None:
    """Tell every read model the whole log."""
    rows = [row async for row in log.rows()]
    async with log.pool.connection() as connection:
        for projection in ALL:
            await runner.apply(connection, projection, rows)
