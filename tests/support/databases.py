"""Databases of one server that tests have one after the other: emptied in between, made anew where a test changed more than rows.

Copying a template is some thousand files and takes longer than what most tests do; emptying the tables that hold something is a tenth
of that, and less where few rows are deleted: truncating makes new files for a table and each of its indexes. Each test finds its
database under a name of its own, so that whatever an earlier one left running finds nothing.
"""

import secrets
from dataclasses import dataclass

import psycopg
from psycopg import sql

from engine.embedded import with_database

LENT_MOST = 40
"""Each emptying leaves dead rows in the system's own tables, which nobody sweeps up here."""

# Counts and newest ids see what was made, dropped or replaced; the rest what can be altered in place.
_MAKE = """
SELECT (SELECT (count(*), max(oid), sum(relnatts)) FROM pg_class)::text, (SELECT (count(*), max(oid)) FROM pg_namespace)::text,
  (SELECT (count(*), max(oid)) FROM pg_constraint)::text, (SELECT (count(*), max(oid)) FROM pg_attrdef)::text,
  (SELECT (count(*), max(oid), sum(ascii(tgenabled::text))) FROM pg_trigger)::text, (SELECT (count(*), max(oid)) FROM pg_type)::text,
  (SELECT (count(*), max(oid), sum(hashtext(prosrc)::bigint)) FROM pg_proc WHERE pronamespace <> 'pg_catalog'::regnamespace)::text,
  (SELECT (count(*), max(oid)) FROM pg_event_trigger)::text, (SELECT (count(*), max(oid)) FROM pg_largeobject_metadata)::text,
  (SELECT sum(hashtext(relacl::text || relname)::bigint) FROM pg_class WHERE relacl IS NOT NULL)::text,
  (SELECT count(*) FROM pg_db_role_setting WHERE setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database()))::text
"""
_NOT_EMPTY = """
SELECT format('%I.%I', n.nspname, c.relname), pg_relation_size(c.oid) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND pg_relation_size(c.oid) > 0
"""
_SEQUENCES = "SELECT seqrelid::regclass::text, pg_sequence_last_value(seqrelid) FROM pg_sequence"
FEW_BYTES = 128 * 1024
"""A table that has not grown beyond this is emptied row by row."""


@dataclass
class _Idle:
    name: str
    lent: int


class Databases:
    """Copies of `template`, to which nobody may be connected. Not for several threads."""

    def __init__(self, admin_dsn: str, template: str) -> None:
        self._dsn = admin_dsn
        self._template = template
        self._admin = psycopg.connect(admin_dsn, autocommit=True)
        self._idle: list[_Idle] = []
        self._lent: dict[str, int] = {}
        self._make: tuple[object, ...] = ()
        self._rows: dict[str, bytes] = {}
        self._sequences: dict[str, int | None] = {}

    def close(self) -> None:
        self._admin.close()

    def lend(self) -> str:
        """The DSN of a database as the template is."""
        name = f"t_{secrets.token_hex(6)}"
        while self._idle:
            idle = self._idle.pop()
            if idle.lent < LENT_MOST and self._emptied(idle.name, name):
                self._lent[name] = idle.lent + 1
                return with_database(self._dsn, name)
            self._drop(idle.name)
            self._drop(name)
        self._admin.execute(_named("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY", name, self._template))
        if not self._make:
            self._learn(name)
        self._lent[name] = 1
        return with_database(self._dsn, name)

    def take_back(self, dsn: str) -> None:
        """Cut whoever is connected, and keep it for the next who asks."""
        name = dsn.rpartition("/")[2].partition("?")[0]
        self._cut(name)
        self._idle.append(_Idle(name, self._lent.pop(name)))

    def _cut(self, name: str) -> None:
        self._admin.execute("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s", (name,))

    def _drop(self, name: str) -> None:
        self._admin.execute(_named("DROP DATABASE IF EXISTS {} WITH (FORCE)", name))

    def _emptied(self, old: str, new: str) -> bool:
        """Give it the new name and empty it; False when that cannot be, or more than rows was changed."""
        try:
            self._cut(old)
            self._admin.execute(_named("ALTER DATABASE {} RENAME TO {}", old, new))
        except psycopg.Error:  # a test dropped or renamed it, or somebody keeps coming back to it
            return False
        with psycopg.connect(with_database(self._dsn, new), autocommit=True) as connection:
            if _make(connection) != self._make:
                return False
            _empty(connection, self._rows)
            _set_back(connection, self._sequences)
        return True

    def _learn(self, name: str) -> None:
        with psycopg.connect(with_database(self._dsn, name), autocommit=True) as connection:
            self._make = _make(connection)
            self._rows = {table: _copied(connection, table) for table in _not_empty(connection)}
            self._sequences = _sequences(connection)


def _named(statement: str, *names: str) -> sql.Composed:
    return sql.SQL(statement).format(*map(sql.Identifier, names))


def _make(connection: psycopg.Connection) -> tuple[object, ...]:
    return connection.execute(_MAKE).fetchone() or ()


def _not_empty(connection: psycopg.Connection) -> dict[str, int]:
    """Bytes of each table that has any; deleted rows may be all there is."""
    return {str(table): int(size) for table, size in connection.execute(_NOT_EMPTY)}


def _sequences(connection: psycopg.Connection) -> dict[str, int | None]:
    """What each sequence gave last, None where it gave nothing yet."""
    return {str(name): last for name, last in connection.execute(_SEQUENCES)}


def _copied(connection: psycopg.Connection, table: str) -> bytes:
    with connection.cursor() as cursor, cursor.copy(f"COPY {table} TO STDOUT".encode()) as copy:
        return b"".join(bytes(block) for block in copy)


def _empty(connection: psycopg.Connection, rows: dict[str, bytes]) -> None:
    """Leave in each table what it held in the template, which is nothing in nearly all."""
    sizes = _not_empty(connection)
    changed = [table for table, held in rows.items() if _copied(connection, table) != held]
    large = [table for table, size in sizes.items() if size > FEW_BYTES and table not in rows] + changed
    few = [table for table in sizes if table not in rows and table not in large]
    statements = [f"DELETE FROM {table}" for table in few]
    statements += [f"TRUNCATE {', '.join(large)} CASCADE"] * bool(large)
    if not statements:
        return
    connection.execute("SET session_replication_role = replica")  # no trigger that keeps the log as it is
    with connection.transaction():
        connection.execute("; ".join(statements).encode())
        for table in changed:
            with connection.cursor() as cursor, cursor.copy(f"COPY {table} FROM STDIN".encode()) as copy:
                copy.write(rows[table])


def _set_back(connection: psycopg.Connection, sequences: dict[str, int | None]) -> None:
    for name, last in _sequences(connection).items():
        if last != sequences.get(name):
            start = sequences[name]
            connection.execute("SELECT setval(%s, coalesce(%s, 1), %s)", (name, start, start is not None))
