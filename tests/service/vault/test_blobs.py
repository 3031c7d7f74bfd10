"""Sealed files through what happens to everything at once: another master key, a backup and its way back, an erasure after it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from engine import backup, blobs, embedded, erasure, rotation
from engine.errors import WrongKey
from engine.store import Log, open_log
from engine.vault import MasterKey, create_master_key, read_master_key


@pytest.fixture
async def key_file(tmp_path: Path) -> Path:
    create_master_key(tmp_path / "master.key")
    return tmp_path / "master.key"


@pytest.fixture
async def log(dsn: str, key_file: Path) -> AsyncIterator[Log]:
    async with open_log(dsn, read_master_key(key_file)) as opened:
        yield opened


async def test_files_open_with_the_new_master_key_and_not_with_the_old_one(log: Log, dsn: str, key_file: Path) -> None:
    """Their addresses stay as well: they are digests by the data key, which is the same."""
    address = await blobs.put(log.pool, log.vault, b"\x89picture", "user:1", "user:2")
    old = read_master_key(key_file)
    await rotation.rotate_file(log, key_file)
    async with open_log(dsn, read_master_key(key_file)) as fresh:
        assert await blobs.get(fresh.pool, fresh.vault, address) == b"\x89picture"
        assert await blobs.damaged(fresh.pool, fresh.vault) == []
        assert await blobs.put(fresh.pool, fresh.vault, b"\x89picture", "user:1", "user:2") == address
    async with open_log(dsn, MasterKey.of(old.secret)) as stale:
        with pytest.raises(WrongKey):
            await blobs.get(stale.pool, stale.vault, address)


async def test_a_backup_holds_the_files_and_a_restore_leaves_out_whose_were_erased_since(
    log: Log, key_file: Path, postgres: embedded.Postgres, tmp_path: Path
) -> None:
    """What is not erased comes back whole; what was is neither readable nor there, also where it was several people's."""
    of_all = {
        of: await blobs.put(log.pool, log.vault, b"\x89" + of[0].encode(), *of) for of in (("user:1",), ("user:2",), ("user:1", "user:2"))
    }
    file, master = tmp_path / "before.dump", read_master_key(key_file)
    await backup.backup(log.dsn, file, master)
    await erasure.erase(log, 1, 1, tmp_path)
    name = f"blobs_{tmp_path.name[-8:].replace('-', '_')}"
    other = await embedded.create_database(postgres.admin_dsn, name)
    await backup.restore(other, file, master, folder=tmp_path)
    async with open_log(other, master) as restored:
        found = {of: await blobs.get(restored.pool, restored.vault, address) for of, address in of_all.items()}
        assert found == {("user:1",): None, ("user:2",): b"\x89user:2", ("user:1", "user:2"): None}
        assert await blobs.damaged(restored.pool, restored.vault) == []
        async with restored.pool.connection() as connection:
            row = await (await connection.execute("SELECT count(*) FROM blobs")).fetchone()
        assert row == (1,)
    await embedded.drop_database(postgres.admin_dsn, name)
