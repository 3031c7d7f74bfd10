"""Whether there is room on the disk of Postgres."""

import psycopg

from engine.errors import StorageFull
from engine.store.connect import Connection

NO_ROOM = (StorageFull, psycopg.errors.DiskFull)
"""What says that there is none: the log's own error, and Postgres' where something else was written."""
_TRY = "CREATE TEMP TABLE room ON COMMIT DROP AS SELECT sha512(n::text::bytea) AS filler FROM generate_series(1, 12000) AS n"
"""About a megabyte, which is gone at the end of the transaction. Nothing but writing tells: free space is not the database's to see."""


async def found(connection: Connection) -> bool:
    """Write a little and drop it again; False when there is no room for it."""
    try:
        async with connection.transaction():
            await connection.execute(_TRY)
    except psycopg.errors.DiskFull:
        return False
    return True
