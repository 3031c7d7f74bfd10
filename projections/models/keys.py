"""People's own provider keys: what is known of them, and the sealed keys themselves, which are in no event."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.rows import class_row

from engine import ids, sealing
from engine.actor import Actor, person
from engine.decide import key as key_rules
from engine.errors import TzurotError
from engine.events import user_subject
from engine.events.key import KeyAdded
from engine.execute import execute
from engine.store import Log, Stored
from engine.vault import Vault
from projections.base import Projection, clear, sql


class NoSuchKey(TzurotError):
    """The key was removed, or its person erased."""


class Keys(Projection):
    name = "keys"
    version = 1
    types = frozenset({"key.added", "key.tested", "key.removed", "quota.spend_authorized", "privacy.user_erased"})
    ddl = """
    CREATE TABLE {schema}.keys (
        key_id uuid PRIMARY KEY,
        user_id bigint NOT NULL,
        provider text COLLATE "C" NOT NULL,
        last4 text NOT NULL,
        added_at timestamptz NOT NULL,
        tested_at timestamptz,
        accepted boolean,
        category text,
        last_used_at timestamptz,
        calls bigint NOT NULL DEFAULT 0
    );
    CREATE INDEX ON {schema}.keys (user_id, provider);
    """

    async def apply(self, connection: AsyncConnection, schema: str, rows: Sequence[Stored]) -> None:
        used: dict[str, dict[str, Any]] = {}
        for row in rows:
            data: dict[str, Any] = clear(row) | {"at": row.occurred_at}
            if row.type == "quota.spend_authorized":
                _use(used, data)
                continue
            used = await _write(connection, schema, used)
            for statement in _statements(row.type):
                await connection.execute(sql(statement, schema), data)
        await _write(connection, schema, used)


def _use(used: dict[str, dict[str, Any]], data: dict[str, Any]) -> None:
    """Count a call by the key that pays for it, if one does."""
    scope: str = data["scope"]
    if scope.startswith("key:"):
        key_id = scope.removeprefix("key:")
        before = used.get(key_id, {"calls": 0})
        used[key_id] = {"key_id": key_id, "at": data["at"], "calls": before["calls"] + 1}


async def _write(connection: AsyncConnection, schema: str, used: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """What was counted, each key once; returns a new count."""
    if used:
        async with connection.cursor() as cursor:
            await cursor.executemany(sql(_USED, schema), used.values())
    return {}


_USED = "UPDATE {schema}.keys SET last_used_at = %(at)s, calls = calls + %(calls)s WHERE key_id = %(key_id)s"


def _statements(type_: str) -> Sequence[str]:
    match type_:
        case "key.added":
            return (
                "DELETE FROM {schema}.keys WHERE user_id = %(user_id)s AND provider = %(provider)s",
                (
                    "INSERT INTO {schema}.keys (key_id, user_id, provider, last4, added_at)"
                    " VALUES (%(key_id)s, %(user_id)s, %(provider)s, %(last4)s, %(at)s)"
                ),
            )
        case "key.tested":
            return (
                "UPDATE {schema}.keys SET tested_at = %(at)s, accepted = %(accepted)s, category = %(category)s WHERE key_id = %(key_id)s",
            )
        case "key.removed":
            return ("DELETE FROM {schema}.keys WHERE key_id = %(key_id)s",)
        case "privacy.user_erased":
            return ("DELETE FROM {schema}.keys WHERE user_id = %(user_id)s",)
        case _:
            raise ValueError(f"keys does not know {type_}")


@dataclass(frozen=True, slots=True)
class Key:
    """A person's key, as it may be shown. `accepted` is None until it was tested."""

    key_id: UUID
    user_id: int
    provider: str
    last4: str
    added_at: datetime
    tested_at: datetime | None
    accepted: bool | None
    category: str | None
    last_used_at: datetime | None
    calls: int

    @property
    def usable(self) -> bool:
        """A key that the provider refused is not tried again before it is tested anew or replaced."""
        return self.accepted is not False


_REPLACED = """
DELETE FROM provider_keys WHERE user_id = %(user)s AND provider = %(provider)s AND key_id = ANY(%(earlier)s)
"""
_COLUMNS = "key_id, user_id, provider, last4, added_at, tested_at, accepted, category, last_used_at, calls"


async def browse(connection: AsyncConnection, user_id: int | None = None, *, schema: str = "keys") -> list[Key]:
    """A person's keys, or everybody's."""
    statement = f"SELECT {_COLUMNS} FROM {{schema}}.keys WHERE %(user)s::bigint IS NULL OR user_id = %(user)s ORDER BY user_id, provider"
    async with connection.cursor(row_factory=class_row(Key)) as cursor:
        await cursor.execute(sql(statement, schema), {"user": user_id})
        return await cursor.fetchall()


async def of_user(connection: AsyncConnection, user_id: int, provider: str, *, schema: str = "keys") -> Key | None:
    """The key a person's calls to a provider go with."""
    found = [key for key in await browse(connection, user_id, schema=schema) if key.provider == provider]
    return found[0] if found else None


async def add(log: Log, user_id: int, provider: str, secret: str) -> UUID:
    """Seal a key and say that there is one; it replaces the person's earlier one for this provider."""
    key_id = ids.random_id()
    key = await log.vault.key(user_subject(user_id))
    sealed = sealing.seal(key, secret.encode(), bound_to(key_id, user_id, provider))
    async with log.pool.connection() as connection:
        await put(connection, key_id, user_id, provider, key.subject, sealed)
    command = key_rules.Add(user_id, key_id, provider, secret[-4:] if len(secret) >= 12 else "****")
    await execute(log, person(user_id), command, ids.derived("key-added", key_id))
    earlier = await _before(log, command)
    async with log.pool.connection() as connection:
        await connection.execute(_REPLACED, {"user": user_id, "provider": provider, "earlier": earlier})
    return key_id


async def put(connection: AsyncConnection, key_id: UUID, user_id: int, provider: str, subject: str, sealed: bytes) -> None:
    """Store a sealed key."""
    await connection.execute(
        "INSERT INTO provider_keys (key_id, user_id, provider, subject, sealed) VALUES (%s, %s, %s, %s, %s)",
        (key_id, user_id, provider, subject, sealed),
    )


async def drop(connection: AsyncConnection, user_id: int, *, but: UUID | None) -> None:
    """Delete the sealed keys of a person, except one."""
    await connection.execute("DELETE FROM provider_keys WHERE user_id = %s AND key_id IS DISTINCT FROM %s", (user_id, but))


async def _before(log: Log, added: key_rules.Add) -> list[UUID]:
    """The keys a person added earlier, by the log. Of two additions at once the log's last one stands, for both of them."""
    said = [recorded.event.key_id for recorded in await log.stream(added.stream) if isinstance(recorded.event, KeyAdded)]
    return said[: said.index(added.key_id)]


async def remove(log: Log, key: Key, by: Actor) -> None:
    """Say that a key is gone, and delete what was sealed. Raises Rejected."""
    await execute(log, by, key_rules.Remove(key.user_id, key.key_id), ids.derived("key-removed", key.key_id))
    async with log.pool.connection() as connection:
        await connection.execute("DELETE FROM provider_keys WHERE key_id = %s", (key.key_id,))


async def reveal(connection: AsyncConnection, keys: Vault, key_id: UUID) -> str:
    """The key itself, for the one call it is needed for. Only a worker asks. Raises NoSuchKey, WrongKey."""
    cursor = await connection.execute("SELECT user_id, provider, subject, sealed FROM provider_keys WHERE key_id = %s", (key_id,))
    row = await cursor.fetchone()
    if row is None:
        raise NoSuchKey("the key is not there any more")
    user_id, provider, subject, sealed = row
    data_key = (await keys.keys([subject])).get(subject)
    if data_key is None:
        raise NoSuchKey("the person of this key was erased")
    return sealing.unseal(data_key, sealed, bound_to(key_id, user_id, provider)).decode()


async def purge(connection: AsyncConnection) -> int:
    """Delete sealed keys whose person was erased: nobody can open them any more. Returns how many."""
    cursor = await connection.execute(
        "DELETE FROM provider_keys WHERE subject IN (SELECT subject FROM data_keys WHERE destroyed_at IS NOT NULL)"
    )
    return cursor.rowcount


def bound_to(key_id: UUID, user_id: int, provider: str) -> bytes:
    """What a sealed key is bound to, so that no row's can be opened as another's."""
    return b"provider key" + key_id.bytes + f"{user_id}:{provider}".encode()


KEYS = Keys()
