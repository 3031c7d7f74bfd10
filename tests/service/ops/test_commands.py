"""The operator's commands, as a program calls them: JSON on standard output, exit codes, previews that change nothing."""

import json
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from engine import backup, embedded, ids
from engine.backup import BackupError
from engine.events.message import MessageReceived
from engine.migrate import migrate
from engine.store import Log, open_log
from engine.vault import MasterKey, create_master_key
from projections.registry import ALL
from tests.bench.append import talk
from tests.support import forks

MASTER = MasterKey.of(b"\x01" * 32)


@pytest.fixture
async def log(dsn: str) -> AsyncIterator[Log]:
    """A log with some 150 events of whole turns."""
    async with open_log(dsn, MASTER) as opened:
        await talk.fill(opened, 150, producers=4)
        yield opened


class Command:
    """Calls `tzurot ... --json` with this test's database."""

    def __init__(self, dsn: str, folder: Path) -> None:
        self.environment = os.environ | {"DATABASE_URL": dsn, "TZUROT_DATA": str(folder), "MASTER_KEY": MASTER.secret.hex(), "NATS_URL": ""}

    async def __call__(self, *words: str, fails: bool = False) -> Any:
        done = await forks.command(*words, "--json", environment=self.environment)
        assert (done.code != 0) == fails, done.errors
        lines = [json.loads(line) for line in done.out.splitlines()]
        return lines[-1] if len(lines) == 1 else lines


@pytest.fixture
def tzurot(dsn: str, tmp_path: Path) -> Command:
    return Command(dsn, tmp_path)


async def test_what_only_looks(log: Log, tzurot: Command) -> None:
    """Tail, show and stats agree with the log; a replay looks at every event; read models as they were. No text unless asked for."""
    head = await log.head()
    tail = await tzurot("log", "tail", "-n", "5")
    assert [row["position"] for row in tail] == list(range(head - 4, head + 1))
    first = next(r for r in [r async for r in log.read()] if isinstance(r.event, MessageReceived))
    shown = await tzurot("log", "show", str(first.position))
    assert shown["hidden"]
    assert "text" not in shown["data"]
    assert isinstance(first.event, MessageReceived)
    opened = await tzurot("log", "show", str(first.id), "--open")
    assert opened["data"]["text"] == first.event.text
    stats = await tzurot("log", "stats")
    assert (stats["events"], stats["head"]) == (head, head)
    assert "error" in (await tzurot("log", "show", "999999", fails=True))
    await _as_of(log, tzurot)
    found = await tzurot("replay")
    assert (found["events"], found["problems"]) == (head, [])
    # An event of a newer program's schema is named by position, and the exit code says so.
    async with log.pool.connection() as connection:
        await connection.execute("ALTER TABLE events DISABLE TRIGGER events_append_only")
        await connection.execute("UPDATE events SET schema_version = 99 WHERE position = 3")
    found = await tzurot("replay", fails=True)
    assert "3: no event type" in found[0]["problems"][0]


@pytest.fixture
async def bare(empty_dsn: str) -> AsyncIterator[Log]:
    """The same log where no read model has ever been made."""
    await migrate(empty_dsn)
    async with open_log(empty_dsn, MASTER) as opened:
        await talk.fill(opened, 150, producers=4)
        yield opened


async def test_rebuild_verify_and_models(bare: Log, tmp_path: Path) -> None:
    """A preview changes nothing; a rebuild from nothing serves; verify is content, and not any more after a change."""
    tzurot = Command(bare.dsn, tmp_path)
    preview = await tzurot("rebuild", "history", "--preview")
    assert preview[0]["to"] == await bare.head()
    assert await tzurot("read-models", "list") == []
    done = await tzurot("rebuild")
    assert {report["name"] for report in done} == {projection.name for projection in ALL}
    assert all(verdict["equal"] for verdict in await tzurot("verify"))
    assert {entry["lag"] for entry in await tzurot("read-models", "list")} == {0}
    async with bare.pool.connection() as connection:
        await connection.execute("DELETE FROM turns.turns WHERE position = (SELECT min(position) FROM turns.turns)")
    found = await tzurot("verify", "turns", fails=True)
    assert "tzurot rebuild turns" in found[1]["error"]
    assert "is not stopped" in (await tzurot("read-models", "resume", "turns", fails=True))["error"]
    assert "there is no read model" in (await tzurot("rebuild", "nonsense", fails=True))["error"]


async def _as_of(log: Log, tzurot: Command) -> None:
    """See rows as they were, filtered by channel; texts only when asked for."""
    message = [r async for r in log.read() if isinstance(r.event, MessageReceived)][2]
    assert isinstance(message.event, MessageReceived)
    words = ("as-of", "history", str(message.position), "--channel", str(message.event.channel_id))
    rows = (await tzurot(*words))["tables"]["entries"]
    assert rows[-1]["position"] == message.position
    assert "text" not in rows[-1]
    opened = (await tzurot(*words, "--open"))["tables"]["entries"]
    assert opened[-1]["text"]["text"] == message.event.text


async def test_erase_previews_first(log: Log, tzurot: Command) -> None:
    """Without --yes nothing is destroyed; with it the texts are blank."""
    someone = next(r.event for r in [r async for r in log.read()] if isinstance(r.event, MessageReceived))
    assert isinstance(someone, MessageReceived)
    would = await tzurot("erase", str(someone.author_id))
    assert would["would_erase"]["events"] >= 1
    log.vault.forget(f"user:{someone.author_id}")
    assert someone in [r.event async for r in log.read()]
    assert (await tzurot("erase", str(someone.author_id), "--yes"))["had_key"]
    log.vault.forget(f"user:{someone.author_id}")
    assert someone not in [r.event async for r in log.read()]


async def test_rotate_key_from_the_environment(log: Log, tzurot: Command) -> None:
    """The new key has to be given, and opens everything afterwards."""
    assert "NEW_MASTER_KEY" in (await tzurot("rotate-key", "--yes", fails=True))["error"]
    tzurot.environment["NEW_MASTER_KEY"] = "02" * 32
    done = await tzurot("rotate-key", "--yes")
    async with open_log(log.dsn, MasterKey.of(b"\x02" * 32)) as after:
        assert not [r async for r in after.read() if r.erased]
    assert done["to_key_id"] == MasterKey.of(b"\x02" * 32).id


async def test_dead_letters_are_listed_and_closed(log: Log, tzurot: Command) -> None:
    """None, then one recorded in the log, then discarded."""
    from engine.events.ops import DeadLettered
    from engine.store import NewEvent

    assert await tzurot("dlq", "list") == []
    event = DeadLettered(consumer="worker", subject="tz.log.turn.requested._", why="the handler failed", error="ValueError", log_position=2)
    await log.append(NewEvent(event, "dead-letters:worker", ids.random_id()))
    letters = await tzurot("dlq", "list")
    if not letters:
        pytest.fail("the dead letter of the consumer `worker` is not listed: are the durables named otherwise?")
    assert (await tzurot("dlq", "show", letters[0]["id"]))["event"]["position"] == 2
    assert (await tzurot("dlq", "discard", letters[0]["id"]))["discarded"]
    assert await tzurot("dlq", "list") == []


async def test_backup_and_restore_drill(log: Log, tzurot: Command, tmp_path: Path, postgres: embedded.Postgres) -> None:
    """Back up, go on writing, lose the database, restore: the log is that of the backup, read models equal their folds, texts open."""
    await tzurot("rebuild")
    file = tmp_path / "drill.dump"
    made = await tzurot("backup", str(file))
    assert made["position"] == await log.head()
    assert "never overwritten" in (await tzurot("backup", str(file), fails=True))["error"]
    name = f"drill_{tmp_path.name[-8:].replace('-', '_')}"
    other = await embedded.create_database(postgres.admin_dsn, name)
    tzurot.environment["DATABASE_URL"] = other
    assert (await tzurot("restore", str(file)))["would_restore"]["events"] == made["events"]
    done = await tzurot("restore", str(file), "--yes")
    assert (done["position"], done["kept"]) == (made["position"], None)
    assert all(verdict["equal"] for verdict in await tzurot("verify"))
    async with open_log(other, MASTER) as restored:
        assert [r.event async for r in restored.read()] == [r.event async for r in log.read()]
        before = await restored.head()
    refused = await tzurot("restore", str(file), "--yes", fails=True)
    assert "--replace" in refused["error"]
    async with open_log(other, MASTER) as restored:
        await talk.fill(restored, 10, start=900_000, producers=1)
    again = await tzurot("restore", str(file), "--yes", "--replace")
    assert again["kept"].startswith(f"{name}_before_")
    async with open_log(other, MASTER) as restored:
        assert await restored.head() == before
    for database in (name, again["kept"]):
        await embedded.drop_database(postgres.admin_dsn, database)


async def test_a_backup_after_an_erasure_cannot_open_the_texts(log: Log, tmp_path: Path, postgres: embedded.Postgres) -> None:
    """Not in the clear, and with the right master key neither; another person's texts open."""
    from engine import erasure

    messages = [r.event async for r in log.read() if isinstance(r.event, MessageReceived)]
    gone = messages[0].author_id
    await erasure.erase(log, gone, gone)
    file = tmp_path / "after.dump"
    await backup.backup(log.dsn, file, MASTER)
    assert messages[0].text.encode() not in file.read_bytes()
    name = f"after_{tmp_path.name[-8:].replace('-', '_')}"
    other = await embedded.create_database(postgres.admin_dsn, name)
    await backup.restore(other, file, MASTER)
    async with open_log(other, MASTER) as restored:
        found = [r.event async for r in restored.read() if isinstance(r.event, MessageReceived)]
    assert {m.text for m in found if m.author_id == gone} == {"[erased]"}
    assert "[erased]" not in {m.text for m in found if m.author_id != gone}
    await embedded.drop_database(postgres.admin_dsn, name)


async def test_what_is_no_whole_backup_is_refused(log: Log, tmp_path: Path, dsn: str) -> None:
    """Damaged, without its manifest, or of another master key: one sentence each."""
    file = tmp_path / "some.dump"
    await backup.backup(dsn, file, MASTER)
    with pytest.raises(BackupError, match="wrapped by master key"):
        await backup.restore(dsn, file, create_master_key(tmp_path / "other.key"))
    file.write_bytes(file.read_bytes()[:-10])
    with pytest.raises(BackupError, match="damaged"):
        await backup.inspect(file)
    backup.manifest_of(file).unlink()
    with pytest.raises(BackupError, match="copy both files"):
        await backup.inspect(file)
