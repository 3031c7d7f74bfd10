"""An erasure empties every table that holds something of a person's, one by one, and outlives the backups of before."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from engine import backup, blobs, embedded, erasure, ids, tombstones
from engine.errors import WrongKey
from engine.events.build import new
from engine.events.message import MessageReceived
from engine.store import Log, open_log
from engine.vault import MasterKey
from projections.live import drafts
from projections.models import keys
from projections.models.memories import memory_embeddings
from projections.models.memories.memory_embeddings import Embedding

MASTER = MasterKey.of(b"k" * 32)
PERSON, OTHER = 1, 2


@pytest.fixture
async def log(dsn: str) -> AsyncIterator[Log]:
    async with open_log(dsn, MASTER) as opened:
        yield opened


async def _provider_keys(log: Log, user: int) -> None:
    await keys.add(log, user, "openrouter", "sk-canary-1234567890")


async def _drafts(log: Log, user: int) -> None:
    await drafts.put(log.pool, await log.vault.key(f"user:{user}"), ids.derived("turn", user), 7, "canary")


async def _blobs(log: Log, user: int) -> None:
    await blobs.put(log.pool, log.vault, b"canary", f"user:{user}")
    await blobs.put(log.pool, log.vault, b"canary", f"user:{user}", "user:3")


async def _memory_embeddings(log: Log, user: int) -> None:
    keys_of = {key.subject: key for key in (await log.vault.key(f"user:{user}"), await log.vault.key(f"user:{user}", "user:3"))}
    made = [Embedding(subject, memory_embeddings.digest(key, "m", "canary"), 1, b"canary") for subject, key in keys_of.items()]
    async with log.pool.connection() as connection:
        await memory_embeddings.put(connection, "m", made, keys_of)


FILL = {
    "provider_keys": _provider_keys,
    "drafts": _drafts,
    "blobs": _blobs,
    "memory_embeddings": _memory_embeddings,
}


def test_every_table_has_its_test() -> None:
    """A table that an erasure is to empty is in the list below."""
    assert set(FILL) == set(erasure._DERIVED)


@pytest.mark.parametrize("table", FILL)
async def test_what_a_person_has_in_a_table_goes_and_what_others_have_stays(log: Log, table: str) -> None:
    """Counted before and after, with a preview that says the same."""
    await FILL[table](log, PERSON)
    mine = await _rows(log, table)
    await FILL[table](log, OTHER)
    theirs = await _rows(log, table) - mine
    assert (await erasure.preview(log, PERSON)).deleted[table] == mine > 0
    assert (await erasure.erase(log, PERSON, PERSON)).deleted[table] == mine
    assert await _rows(log, table) == theirs > 0


async def _rows(log: Log, table: str) -> int:
    async with log.pool.connection() as connection:
        row = await (await connection.execute(f"SELECT count(*) FROM {table}".encode())).fetchone()
    return int(row[0]) if row else 0


async def test_a_blob_is_kept_once_sealed_and_bounded(log: Log) -> None:
    """The same content has one address for a subject and another for somebody else; none says what it holds."""
    first = await blobs.put(log.pool, log.vault, b"\x00picture", "user:1")
    assert await blobs.put(log.pool, log.vault, b"\x00picture", "user:1") == first
    other = await blobs.put(log.pool, log.vault, b"\x00picture", "user:2")
    assert other != first
    assert await _rows(log, "blobs") == 2
    assert await blobs.get(log.pool, log.vault, first) == b"\x00picture"
    assert await blobs.damaged(log.pool, log.vault) == []
    with pytest.raises(blobs.BlobTooLarge, match="at most"):
        await blobs.put(log.pool, log.vault, bytes(blobs.MOST_BYTES + 1), "user:1")
    async with log.pool.connection() as connection:
        await connection.execute(
            "UPDATE blobs SET sealed = (SELECT sealed FROM blobs WHERE address = %s) WHERE address = %s", (other, first)
        )
    assert await blobs.damaged(log.pool, log.vault) == [first]
    with pytest.raises(WrongKey):
        await blobs.get(log.pool, log.vault, first)
    assert await blobs.delete(log.pool, other)
    assert await blobs.get(log.pool, log.vault, other) is None
    assert not await blobs.delete(log.pool, other)


async def test_a_restored_backup_of_before_is_erased_again(log: Log, postgres: embedded.Postgres, tmp_path: Path) -> None:
    """`erase` names the backup that still holds the text; restored, it does so no more. Others' texts are as they were."""
    for user in (PERSON, OTHER):
        said = MessageReceived(message_id=user, channel_id=7, author_id=user, venue="discord", text="canary", author_name="A")
        await log.append(new(said, ids.message_event(user, "received")))
    before = tmp_path / "backups" / "before.dump"
    await backup.backup(log.dsn, before, MASTER)
    done = await erasure.erase(log, PERSON, PERSON, tmp_path)
    assert done.still_in == (str(before),)
    assert [t.user_id for t in tombstones.read(tmp_path)] == [PERSON]
    name = f"again_{tmp_path.name[-8:].replace('-', '_')}"
    other = await embedded.create_database(postgres.admin_dsn, name)
    restored = await backup.restore(other, before, MASTER, folder=tmp_path)
    assert restored.erased_again == (PERSON,)
    async with open_log(other, MASTER) as opened:
        found = [r.event for r in [r async for r in opened.read()] if isinstance(r.event, MessageReceived)]
    assert {m.author_id: m.text for m in found} == {PERSON: "[erased]", OTHER: "canary"}
    await embedded.drop_database(postgres.admin_dsn, name)
