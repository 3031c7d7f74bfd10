"""What was erased cannot be had back: not from the files of the database, not from kept databases, old backups or old keys."""

import asyncio
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from psycopg import AsyncConnection

from engine import backup, embedded, erasure, ids, oldkeys, rotation, scrub, tombstones
from engine.embedded import database
from engine.events.build import new
from engine.events.message import MessageReceived
from engine.store import Log, open_log
from engine.vault import MasterKey, create_master_key, read_master_key
from tests.support import carver, clusters

PERSON, OTHER = 4_711_001, 4_711_002


def said(number: int, user: int) -> MessageReceived:
    return MessageReceived(message_id=number, channel_id=7, author_id=user, venue="discord", text=f"canary {user}", author_name="A")


async def speak(log: Log, *users: int) -> None:
    for user in users:
        await log.append(new(said(ids.Snowflakes().next(), user), ids.random_id()))


async def texts(dsn: str, master: MasterKey) -> dict[int, str]:
    async with open_log(dsn, master) as log:
        return {r.event.author_id: r.event.text async for r in log.read() if isinstance(r.event, MessageReceived)}


@pytest.fixture(scope="module")
def server() -> Iterator[embedded.Postgres]:
    """A server whose every file may be looked at. Each test has a master key of its own, so none finds another's keys."""
    with asyncio.Runner() as runner:
        found = clusters.temporary(durable=False)
        server = runner.run(found.__aenter__())
        yield server
        runner.run(found.__aexit__(None, None, None))


@pytest.fixture
async def dsn(server: embedded.Postgres) -> str:
    """A database of this test's own on it."""
    return await embedded.create_database(server.admin_dsn, f"t_{secrets.token_hex(4)}", "tzurot")


async def test_no_file_holds_an_erased_key(server: embedded.Postgres, dsn: str, tmp_path: Path) -> None:
    """Neither the log of the server, nor dead rows, nor statistics, nor what a vacuum leaves in a page; others' keys are there."""
    folder, master = server.folder, create_master_key(tmp_path / "master.key")
    async with open_log(dsn, master) as log:
        await speak(log, PERSON, OTHER)
        async with log.pool.connection() as connection:
            await connection.execute("CHECKPOINT")
            await connection.execute("ANALYZE")
            await connection.execute("UPDATE data_keys SET created_at = created_at")
        mine, theirs = [f"user:{PERSON}"], [f"user:{OTHER}"]
        before = {file.name for file in (server.data / "pg_wal").iterdir() if file.is_file()}
        assert carver.recover(folder, [master], mine)
        done = await erasure.erase(log, PERSON, PERSON, tmp_path)
        assert done.still_in == ()
        assert carver.recover(folder, [master], mine) == []
        assert carver.recover(folder, [master], theirs)
        assert not before & {file.name for file in (server.data / "pg_wal").iterdir() if file.is_file()}


async def test_segments_that_are_used_again_are_overwritten(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server of one's own recycles its log: what is renamed for later still holds what it held."""
    monkeypatch.setitem(database.SETTINGS, "wal_recycle", "on")
    monkeypatch.setitem(database.SETTINGS, "wal_compression", "off")
    master = MasterKey.of(b"\x07" * 32)
    async with clusters.temporary(durable=False) as server:
        async with open_log(server.dsn, master) as log:
            await speak(log, PERSON)
            await erasure.erase(log, PERSON, PERSON)
        assert carver.recover(server.folder, [master], [f"user:{PERSON}"]) == []


async def test_a_reader_of_old_rows_is_waited_for_or_named(server: embedded.Postgres, dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A backup that runs still sees the key, so rewriting keeps it: erase says that it must be run again."""
    monkeypatch.setattr(scrub, "PATIENCE_SECONDS", 0.0)
    master = MasterKey.of(b"\x08" * 32)
    async with open_log(dsn, master) as log:
        await speak(log, PERSON)
        async with await AsyncConnection.connect(dsn) as reader:
            await reader.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            await reader.execute("SELECT count(*) FROM events")
            done = await erasure.erase(log, PERSON, PERSON)
        assert any("run this again" in place for place in done.still_in)
        assert (await erasure.erase(log, PERSON, PERSON)).still_in == ()
        assert carver.recover(server.folder, [master], [f"user:{PERSON}"]) == []


async def test_a_database_that_a_restore_kept_is_reached(server: embedded.Postgres, dsn: str, tmp_path: Path) -> None:
    """A later erasure shuts it as well, and leaves others' words in it."""
    master = create_master_key(tmp_path / "master.key")
    async with open_log(dsn, master) as log:
        await speak(log, PERSON, OTHER)
    file = tmp_path / "elsewhere" / "before.dump"
    await backup.backup(dsn, file, master)
    kept = (await backup.restore(dsn, file, master, replace=True, folder=tmp_path)).kept
    assert kept is not None
    async with open_log(dsn, master) as log:
        assert (await erasure.erase(log, PERSON, PERSON, tmp_path)).still_in == ()
    assert await texts(embedded.with_database(dsn, kept), master) == {PERSON: "[erased]", OTHER: f"canary {OTHER}"}
    assert carver.recover(server.folder, [master], [f"user:{PERSON}"]) == []


async def test_whatever_puts_old_data_back_is_erased_again(server: embedded.Postgres, dsn: str, tmp_path: Path) -> None:
    """Also a restore by hand, at the next start; who came back after the erasure keeps what they wrote since."""
    master = create_master_key(tmp_path / "master.key")
    async with open_log(dsn, master) as log:
        await speak(log, PERSON, OTHER)
    old = await embedded.create_database(server.admin_dsn, "old", urlsplit(dsn).path[1:])
    async with open_log(dsn, master) as log:
        await erasure.erase(log, PERSON, PERSON, tmp_path)
        await speak(log, PERSON)
        assert await erasure.erase_again(log, tmp_path) == ()
    assert await texts(dsn, master) == {PERSON: f"canary {PERSON}", OTHER: f"canary {OTHER}"}
    async with open_log(old, master) as log:
        assert await erasure.erase_again(log, tmp_path) == (PERSON,)
        assert await erasure.erase_again(log, tmp_path) == ()
    assert await texts(old, master) == {PERSON: "[erased]", OTHER: f"canary {OTHER}"}
    assert len(tombstones.read(tmp_path)) == 1


async def test_an_old_master_key_goes_when_nothing_needs_it(server: embedded.Postgres, dsn: str, tmp_path: Path) -> None:
    """And no file holds a key that it wraps; a backup here keeps it, until the backup is gone; who asked to keep it has it named."""
    path = tmp_path / "master.key"
    first = create_master_key(path)
    async with open_log(dsn, first) as log:
        await speak(log, PERSON)
        assert (await rotation.rotate_file(log, path)).still_in == ()
        assert [file.name for file in tmp_path.glob("master.key*")] == ["master.key"]
        assert carver.recover(server.folder, [first], [f"user:{PERSON}"]) == []
    second = read_master_key(path)
    await backup.backup(dsn, tmp_path / "backups" / "one.dump", second)
    async with open_log(dsn, second) as log:
        done = await rotation.rotate_file(log, path)
        assert len(done.still_in) == 1
        assert "one.dump" in done.still_in[0]
        shutil.rmtree(tmp_path / "backups")
        assert await oldkeys.prune(log.dsn, tmp_path) == []
        assert [file.name for file in tmp_path.glob("master.key*")] == ["master.key"]
    third = read_master_key(path)
    async with open_log(dsn, third) as log:
        await rotation.rotate_file(log, path, keep_old=True)
        assert (tmp_path / f"master.key.{third.id}").exists()
        assert any(third.id in place for place in (await erasure.erase(log, PERSON, PERSON, tmp_path)).still_in)
