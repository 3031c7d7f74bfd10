"""From where the log must be published again to a broker that lost everything."""

from engine.vault import Pool
from projections.models import deliveries, turns


async def unfinished(pool: Pool) -> int:
    """The lowest position whose event somebody may not have finished with. May be too low, never too high.

    What the read models have not digested yet counts as unfinished.
    """
    async with pool.connection() as connection, connection.transaction():
        await connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        row = await (
            await connection.execute("SELECT min(position) + 1 FROM projections WHERE role = 'live' AND name IN ('turns', 'deliveries')")
        ).fetchone()
        digested = int(row[0]) if row and row[0] is not None else 1
        found = (await turns.oldest_pending(connection), await deliveries.oldest_unfinished(connection)) if digested > 1 else ()
    return min([digested, *(position for position in found if position is not None)])
