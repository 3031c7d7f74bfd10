"""migrations/schema.sql is what the migrations make."""

import asyncio

from engine.embedded.dump import SNAPSHOT, schema_of
from engine.migrate import migrate


async def test_the_snapshot_is_what_the_migrations_make(empty_dsn: str) -> None:
    """Whoever adds a migration renews it, so that a review sees both."""
    await migrate(empty_dsn)
    assert await asyncio.to_thread(schema_of, empty_dsn) == SNAPSHOT.read_text(), "run: make schema"
