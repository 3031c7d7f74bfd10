"""A Postgres that is not the embedded one: what it cannot do for us is said in one sentence before anything is begun."""

import asyncio
from pathlib import Path

import psycopg
import pytest
from psycopg import AsyncConnection, sql

from bot.cli import checks
from engine import embedded, migrate
from engine.errors import MigrationError
from tests.support import clusters
from tests.support.pooler import Pooler

OLD = """
CREATE SCHEMA fake;
CREATE FUNCTION fake.current_setting(text) RETURNS text LANGUAGE sql AS $$
  SELECT CASE $1 WHEN 'server_version' THEN '17.6' WHEN 'server_version_num' THEN '170006' ELSE pg_catalog.current_setting($1) END $$;
"""
NO_VECTOR = "CREATE SCHEMA fake; CREATE VIEW fake.pg_available_extensions AS SELECT 'x'::name AS name"


async def refusal(dsn: str) -> str:
    """Why this server cannot be used, the same at start as when doctor asks."""
    with pytest.raises(MigrationError) as asked:
        await migrate.pending(dsn)
    with pytest.raises(MigrationError) as begun:
        await migrate.migrate(dsn)
    assert str(asked.value) == str(begun.value)
    return str(asked.value)


@pytest.mark.parametrize(("answers", "says"), [(OLD, "Postgres 17.6; 18 is needed"), (NO_VECTOR, "no pgvector")])
async def test_a_server_that_lacks_something_is_refused(empty_dsn: str, answers: str, says: str) -> None:
    """Its version, or an extension: functions of ours stand before Postgres' own and answer as an older server would."""
    async with await AsyncConnection.connect(empty_dsn, autocommit=True) as connection:
        await connection.execute(answers.encode())
        name = sql.Identifier(connection.info.dbname)
        await connection.execute(sql.SQL("ALTER DATABASE {} SET search_path = fake, pg_catalog, public").format(name))
    assert says in await refusal(empty_dsn)


async def test_a_database_in_another_encoding_is_refused(postgres: embedded.Postgres) -> None:
    """It could not hold what people write."""
    async with await AsyncConnection.connect(postgres.admin_dsn, autocommit=True) as admin:
        await admin.execute("CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
    try:
        assert "encoded in LATIN1" in await refusal(_renamed(postgres.admin_dsn, "latin"))
    finally:
        await embedded.drop_database(postgres.admin_dsn, "latin")


async def test_a_standby_is_refused(tmp_path: Path) -> None:
    """It can only be read: a real one, which waits for a primary server's log."""
    async with clusters.migrated(tmp_path / "standby", durable=False, standby=True) as server:
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            async with await AsyncConnection.connect(server.dsn, autocommit=True) as connection:
                await connection.execute("CREATE TABLE a ()")
        assert "leads to a standby" in await refusal(server.dsn)


async def test_a_pooler_that_lends_connections_by_transaction_is_refused(dsn: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Locks and notifications would be lost; doctor says the same. One that lends by session is none of our business."""
    monkeypatch.setenv("TZUROT_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("CONSOLE_PORT", "0")
    async with Pooler.before(dsn, "transaction") as address:
        said = await refusal(address)
        assert "pooler" in said
        assert "pool_mode" in said
        monkeypatch.setenv("DATABASE_URL", address)
        assert [each.detail for each in await asyncio.to_thread(checks.examine, None) if not each.ok] == [said]
    async with Pooler.before(dsn, "session") as address:
        assert await migrate.pending(address) == []
        monkeypatch.setenv("DATABASE_URL", address)
        assert [each.detail for each in await asyncio.to_thread(checks.examine, None) if not each.ok] == []


def _renamed(dsn: str, name: str) -> str:
    return psycopg.conninfo.make_conninfo(dsn, dbname=name)
