"""The suite's own databases: what a test leaves in one, the next does not find."""

import psycopg
import pytest

from engine import embedded
from engine.store import open_log
from engine.vault import MasterKey
from projections.follow import runner
from projections.registry import ALL
from tests.chaos.store.lab import message
from tests.support import standing
from tests.support.databases import Databases

CHANGES = (
    "ALTER TABLE events ADD COLUMN more integer",
    "ALTER TABLE events DISABLE TRIGGER ALL",
    "CREATE SCHEMA more",
    "DROP TABLE catalog.characters",
    "CREATE FUNCTION more() RETURNS integer LANGUAGE sql AS 'SELECT 1'",
)


def _held(dsn: str) -> tuple[int, dict[str, list[tuple[object, ...]]]]:
    """The database's id, and what stands in its tables and sequences."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        (oid,) = connection.execute("SELECT oid FROM pg_database WHERE datname = current_database()").fetchone() or (0,)
        names = "SELECT schemaname, tablename FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
        tables = [f'"{schema}"."{table}"' for schema, table in connection.execute(names).fetchall()]
        held = {table: connection.execute(f"TABLE {table}".encode()).fetchall() for table in tables}
        sequences = "SELECT schemaname, sequencename, last_value FROM pg_sequences ORDER BY 1, 2"
        return oid, held | {"sequences": connection.execute(sequences).fetchall()}


async def test_the_next_finds_nothing_of_what_was_written(postgres: embedded.Postgres, template: str) -> None:
    """The same database, under another name, with the rows of the template; whoever still writes to the old name finds nothing."""
    found = Databases(postgres.admin_dsn, template)
    first = found.lend()
    before = _held(first)
    async with open_log(first, MasterKey.of(b"k" * 32)) as log:
        await log.append(message(1), message(2))
        await standing.catch_up(log)
        assert _held(first) != before
        found.take_back(first)
        second = found.lend()
    assert _held(second) == before
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(first)
    found.take_back(second)
    found.close()


async def test_a_database_in_which_more_than_rows_was_changed_is_made_anew(postgres: embedded.Postgres, template: str) -> None:
    """Tables, columns, triggers, schemas, functions."""
    found = Databases(postgres.admin_dsn, template)
    dsn = found.lend()
    for change in CHANGES:
        before = _held(dsn)
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute(change.encode())
        found.take_back(dsn)
        dsn = found.lend()
        after = _held(dsn)
        assert after[0] != before[0], change
        assert after[1] == before[1], change
    found.take_back(dsn)
    found.close()


async def test_every_read_model_stands_from_the_beginning(dsn: str) -> None:
    """So that no test waits until its tables are made."""
    async with await psycopg.AsyncConnection.connect(dsn) as connection:
        assert {entry.name for entry in await runner.progress(connection)} == {projection.name for projection in ALL}
