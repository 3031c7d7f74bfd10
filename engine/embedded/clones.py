"""Databases made and dropped on a server: a template cloned per test, a fresh one per bench run."""

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from engine import migrate
from engine.migrate import drop_database
from engine.outside import addresses

__all__ = ["create_database", "drop_database", "ensure_database", "with_database"]


def with_database(dsn: str, name: str) -> str:
    """The same server and user, another database. A URL stays a URL."""
    if "://" not in dsn:
        return make_conninfo(dsn, dbname=name)
    parts = {key: str(value) for key, value in conninfo_to_dict(dsn).items() if value is not None}
    return addresses.database_url(parts | {"dbname": name})


async def create_database(admin_dsn: str, name: str, template: str | None = None) -> str:
    """Create a database, empty or as a clone of `template` (to which nobody may be connected). Returns its DSN."""
    await migrate.create_database(admin_dsn, name, template)
    return with_database(admin_dsn, name)


async def ensure_database(admin_dsn: str, name: str) -> None:
    """Create the database unless it is there."""
    async with await psycopg.AsyncConnection.connect(admin_dsn, autocommit=True) as connection:
        found = await (await connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,))).fetchone()
        if found is None:
            await connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
