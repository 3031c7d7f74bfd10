"""Data keys on a real database: rotation of the master key through kills, erasure, and what a wrong key is told."""

import asyncio
import os
import secrets
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from engine import erasure, ids, rotation, sealing, subjects, vault
from engine.config import Settings
from engine.errors import KeyDestroyed, SettingsError, WrongKey
from engine.events import build
from engine.events.base import Tags, user_subject
from engine.events.message import MessageReceived
from engine.store import Log, NewEvent, Query, open_log
from engine.vault import MasterKey, create_master_key, read_master_key
from tests.support import forks

CANARY = "canary-7f3a"


def said(number: int, user: int, text: str = "hello") -> NewEvent:
    event = MessageReceived(message_id=number, channel_id=1, author_id=user, venue="playground", text=text, author_name="Ann")
    return NewEvent(event, "channel:1", ids.message_event(number, "received"), Tags(channel=1, user=user), (user_subject(user),))


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "master.key"
    create_master_key(path)
    return path


@pytest.fixture
async def log(dsn: str, key_file: Path) -> AsyncIterator[Log]:
    async with open_log(dsn, read_master_key(key_file)) as opened:
        yield opened


async def texts(log: Log) -> list[str]:
    return [r.event.text async for r in log.read() if isinstance(r.event, MessageReceived)]


async def wrapped_by(log: Log) -> set[str]:
    async with log.pool.connection() as connection:
        return {row[0] for row in await (await connection.execute("SELECT DISTINCT master_key_id FROM data_keys")).fetchall()}


async def test_rotation_wraps_every_key_anew(log: Log, dsn: str, key_file: Path) -> None:
    """The new file opens everything, the old key nothing, and an event says so."""
    await asyncio.gather(*(log.append(said(n, user=n)) for n in range(1, 30)))
    old = read_master_key(key_file)
    done = await rotation.rotate_file(log, key_file)
    new = read_master_key(key_file)
    assert (done.from_key_id, done.to_key_id, done.keys) == (old.id, new.id, 29)
    assert await wrapped_by(log) == {new.id}
    async with open_log(dsn, new) as fresh:
        assert await texts(fresh) == ["hello"] * 29
    async with open_log(dsn, MasterKey.of(old.secret)) as stale:
        with pytest.raises(WrongKey, match=new.id):
            await texts(stale)


async def test_running_processes_follow_a_rotation(log: Log, dsn: str, key_file: Path) -> None:
    """One that was started with the old file reads on, and wraps new keys with the new one."""
    await log.append(said(1, user=1))
    async with open_log(dsn, read_master_key(key_file)) as other:
        assert await texts(other) == ["hello"]
        await rotation.rotate_file(log, key_file)
        other.vault.forget(user_subject(1))
        await other.append(said(2, user=2))
        assert await texts(other) == ["hello", "hello"]
    assert await wrapped_by(log) == {read_master_key(key_file).id}


async def test_a_process_without_the_file_is_told(log: Log, dsn: str, key_file: Path) -> None:
    """A master key from the environment that was rotated away wraps nothing any more."""
    stale = MasterKey.of(read_master_key(key_file).secret)
    await rotation.rotate_file(log, key_file)
    async with open_log(dsn, stale) as other:
        with pytest.raises(WrongKey, match="rotated away"):
            await other.append(said(2, user=2))


ROTATE = """
import asyncio, sys
from pathlib import Path
from engine import rotation
from engine.store import open_log
from engine.vault import read_master_key

async def main() -> None:
    path = Path(sys.argv[2])
    rotation.BATCH = 7
    async with open_log(sys.argv[1], read_master_key(path)) as log:
        await rotation.rotate_file(log, path)

asyncio.run(main())
"""


async def test_rotation_survives_kills(log: Log, dsn: str, key_file: Path) -> None:
    """Killed after each kind of step and run again, it ends with every key under one master key and every text readable."""
    await asyncio.gather(*(log.append(said(n, user=n)) for n in range(1, 30)))
    for failpoint in ("rotation.after_batch:kill:1", "rotation.after_batch:kill:2", "rotation.before_replace:kill", ""):
        environment = os.environ | {"UNSAFE_FAILPOINTS": "true", "CHAOS_FAIL": failpoint}
        child = await forks.script(ROTATE, dsn, str(key_file), environment=environment)
        assert (child.code == 0) == (failpoint == ""), child.errors
        async with open_log(dsn, read_master_key(key_file)) as anybody:
            assert await texts(anybody) == ["hello"] * 29
    assert await wrapped_by(log) == {read_master_key(key_file).id}
    assert not list(key_file.parent.glob("*.next"))


async def test_erasure_makes_texts_unreadable_and_keeps_the_rest(log: Log) -> None:
    """The erased person's texts are blank, others' stay, the events stay; a repeat finds nothing left and says so."""
    await log.append(said(1, user=1, text=CANARY))
    await log.append(said(2, user=2, text="mine"))
    would = await erasure.preview(log, 1)
    assert (would.had_key, would.events) == (True, 1)
    done = await erasure.erase(log, 1, requested_by=1)
    assert done.had_key
    assert await texts(log) == ["[erased]", "mine"]
    again = await erasure.erase(log, 1, requested_by=1)
    assert (again.had_key, again.events) == (False, 0)
    assert await log.head() == 3


async def test_an_erased_person_may_come_back(log: Log, dsn: str, key_file: Path) -> None:
    """What they write then is sealed with a new key: readable, while the old stays shut, and it can be erased as well."""
    await log.append(said(1, user=1, text=CANARY))
    await erasure.erase(log, 1, requested_by=1)
    await log.append(said(2, user=1, text="back"))
    async with open_log(dsn, read_master_key(key_file)) as other:
        await other.append(said(3, user=1, text="again"))
        assert await texts(other) == ["[erased]", "back", "again"]
    done = await erasure.erase(log, 1, requested_by=1)
    assert (done.had_key, done.events) == (True, 2)
    await log.append(said(4, user=1, text="third"))
    assert await texts(log) == ["[erased]"] * 3 + ["third"]
    erased = [recorded async for recorded in log.read(Query(types=frozenset({"privacy.user_erased"})))]
    assert len(erased) == 2


async def test_a_text_of_several_people_closes_with_the_first_of_them(log: Log, dsn: str, key_file: Path) -> None:
    """It opens while all their keys exist, in any process; erasing one shuts it, and it stays shut when they come back."""
    both = build.sealed_for(said(1, user=1, text=CANARY), "user:2", "user:1")
    await log.append(both, said(2, user=2, text="mine"), said(3, user=1, text="other"))
    assert [row.subject async for row in log.rows(Query(until=1))] == ["user:1+user:2"]
    async with open_log(dsn, read_master_key(key_file)) as other:
        assert await texts(other) == [CANARY, "mine", "other"]
    assert (await erasure.preview(log, 2)).events == 2
    assert (await erasure.erase(log, 2, requested_by=2)).events == 2
    await log.append(said(4, user=2, text="back"))
    assert await texts(log) == ["[erased]", "[erased]", "other", "back"]


async def test_what_belongs_to_an_erased_text_cannot_be_sealed_with_a_newer_key(log: Log) -> None:
    """A subject pinned to a key means that key: the answer to a message that was erased meanwhile is refused."""
    await log.append(said(1, user=1))
    await log.append(build.sealed_for(said(2, user=1, text="answer"), subjects.pinned("user:1")))
    await erasure.erase(log, 1, requested_by=1)
    await log.append(said(3, user=1, text="back"))
    with pytest.raises(KeyDestroyed):
        await log.append(build.sealed_for(said(4, user=1), subjects.pinned("user:1")))
    await log.append(build.sealed_for(said(5, user=1, text="answer"), subjects.pinned("user:1:2")))
    assert await texts(log) == ["[erased]", "[erased]", "back", "answer"]


async def test_a_seal_does_not_open_elsewhere(log: Log) -> None:
    """A sealed part moved to another event, another type or under another key does not open."""
    await log.append(said(1, user=1))
    await log.append(said(2, user=1))
    one, two = [row async for row in log.rows()]
    with pytest.raises(WrongKey):
        await log.open([one._replace(sealed=two.sealed)])
    with pytest.raises(WrongKey):
        await log.open([one._replace(type="turn.failed")])
    assert one.sealed is not None
    with pytest.raises(WrongKey):
        await log.open([one._replace(sealed=one.sealed[:-1] + bytes([one.sealed[-1] ^ 1]))])


async def test_another_process_forgets_in_time(log: Log, dsn: str, key_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that has the key in memory stops reading once its cache is over, without being told."""
    monkeypatch.setattr(vault, "CACHE_SECONDS", 0.05)
    await log.append(said(1, user=1, text=CANARY))
    async with open_log(dsn, read_master_key(key_file)) as other:
        assert await texts(other) == [CANARY]
        await erasure.erase(log, 1, requested_by=1)
        async with asyncio.timeout(20):
            while await texts(other) != ["[erased]"]:
                await asyncio.sleep(0.01)


def test_key_files_are_private_and_made_once(tmp_path: Path) -> None:
    """Mode 600, no partial file left, and a second making finds the first key."""
    path = tmp_path / "folder" / "master.key"
    first = create_master_key(path)
    assert create_master_key(path) == first
    assert path.stat().st_mode & 0o777 == 0o600
    assert [file.name for file in path.parent.iterdir()] == ["master.key"]
    assert first.secret.hex() not in repr(first)


def test_nonces_never_repeat() -> None:
    """Ten thousand seals of the same bytes are ten thousand different ones, over many refills of the store."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    key = AESGCM(secrets.token_bytes(32))
    assert len({sealing.seal(key, b"same", b"")[: sealing.NONCE_BYTES] for _ in range(10_000)}) == 10_000


@pytest.mark.parametrize("left", ["", "\n", "00" * 31, "zz" * 32])
def test_half_a_master_key_is_never_believed(tmp_path: Path, left: str) -> None:
    """Where nothing was sealed yet it is made anew, else it is said; it is never taken for a key."""
    file = tmp_path / "master.key"
    file.write_text(left)
    with pytest.raises(ValueError, match=r"."):
        read_master_key(file)
    settings = Settings(_env_file=None, tzurot_data=tmp_path, master_key=None, database_url=None)
    (tmp_path / "postgres" / "data").mkdir(parents=True)
    (tmp_path / "postgres" / "data" / "PG_VERSION").write_text("18")
    with pytest.raises(SettingsError, match=r"master\.key is empty or damaged"):
        vault.load_master_key(settings)
    assert file.read_text() == left
    (tmp_path / "postgres" / "data" / "PG_VERSION").unlink()
    assert len(vault.load_master_key(settings).secret) == 32
