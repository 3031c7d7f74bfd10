"""A disk that is really full, under the database: it is said where somebody waits, and it goes on by itself when there is room."""

import asyncio
import errno
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

import psycopg
import pytest
from nats.js import JetStreamContext
from psycopg import sql

from bot.cli import archives, files, main
from bot.cli.supervisor.parts import Server
from bot.discord import answers
from engine import embedded
from engine.archive.container import ArchiveManifest
from engine.backup import backup
from engine.bus import broker, subjects
from engine.config import Settings
from engine.embedded import broker as embedded_broker
from engine.embedded import folder
from engine.errors import StorageFull, TzurotError
from engine.migrate import migrate
from engine.store import connect, open_log, sqlstate
from engine.vault import MasterKey
from tests.chaos.store.lab import message
from tests.support.site import Site, site
from tests.support.system import until

DISK_MB = 160


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small disk of its own."""
    with mounted(tmp_path / "disk", f"size={DISK_MB}m") as folder:
        yield folder


@contextmanager
def mounted(folder: Path, options: str) -> Iterator[Path]:
    """A disk with these options; needs root."""
    folder.mkdir()
    try:
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"{options},mode=0755", "tmpfs", folder], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("mounting a small disk needs root")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=False)


def fill(ballast: Path) -> None:
    """Take all there is but a few pages."""
    with ballast.open("wb", buffering=0) as file, suppress(OSError):
        while file.write(bytes(1 << 20)):
            pass
    with ballast.open("r+b") as file:
        file.truncate(max(0, ballast.stat().st_size - (1 << 17)))


async def said(here: Site, text: str) -> tuple[int, str]:
    answer = await here.http.post("/api/chats", json={"character": "wren", "text": text})
    return answer.status_code, answer.text


async def ready(here: Site, code: int, sentence: str) -> None:
    """Wait until readiness is told with this code and a sentence that begins so: a probe is given up early where the machine is busy."""

    async def told() -> bool:
        answer = await here.http.get("/readyz")
        return answer.status_code == code and answer.json().get("sentence", "").startswith(sentence)

    await until(told, 60.0, f"readiness {code} {sentence}")


async def test_no_room_is_told_where_somebody_waits(disk: Path, settings: Settings) -> None:
    """R11: a line in the playground, readiness, a start; with room again all go on without a restart."""
    async with embedded.postgres(disk / "one") as postgres:
        await migrate(postgres.dsn)
        async with site(settings.model_copy(update={"database_url": postgres.dsn})) as here:
            assert (await said(here, "Hello."))[0] == 201
            await asyncio.to_thread(fill, disk / "ballast")
            async with asyncio.timeout(60):
                while (found := await said(here, "x" * 2000))[0] == 201:
                    pass
            assert found[0] == 503
            assert "no room on the disk" in found[1]
            await ready(here, 503, "No room on its disk. Free some; it goes on by itself.")
            with pytest.raises(TzurotError, match="no room"):
                async with embedded.postgres(disk / "two"):
                    pass
            (disk / "ballast").unlink()
            await ready(here, 200, "")
            assert (await said(here, "Hello again."))[0] == 201


async def publish_much(stream: JetStreamContext) -> None:
    for _ in range(2_000):
        await stream.publish(subjects.of_event("test", None), bytes(2_000), timeout=1)


async def test_the_broker_stores_again_when_there_is_room(disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would not by itself, whatever room there is: who keeps it ends it then, and starts it anew."""
    monkeypatch.setattr(embedded_broker, "LOOK_S", 0.05)
    async with embedded.nats(disk) as nats:
        part = Server("nats", nats, "JetStream")
        kept = asyncio.create_task(part.wait())
        async with broker.connected(nats.url, "test") as stream:
            await broker.declare(stream, [])
            await asyncio.to_thread(fill, disk / "ballast")
            with pytest.raises(broker.TROUBLE):
                await publish_much(stream)
            assert not kept.done()
            (disk / "ballast").unlink()
            async with asyncio.timeout(60):
                _, sentence = await kept
        assert "no room" in sentence
        await part.start()
        async with broker.connected(nats.url, "test") as stream:
            await broker.declare(stream, [])
            await stream.publish(subjects.of_event("test", None), b"x")


async def test_a_person_s_first_words_are_refused_too(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The key that they need finds no room: that is told and not waited out, as an outage is."""

    async def full(*_: object) -> None:
        raise psycopg.errors.DiskFull("could not extend file")

    async with open_log(dsn, MasterKey.of(b"k" * 32)) as log:
        monkeypatch.setattr(log.vault, "prefetch", full)
        async with asyncio.timeout(20):
            with pytest.raises(StorageFull):
                await log.append(message(1))


async def test_what_finds_no_room_is_whole_or_not_there(tmp_path: Path, dsn: str) -> None:
    """Export, archive, backup, password: one sentence, and nothing half-written under a name; also without inodes, and read-only."""
    master = MasterKey.of(b"k" * 32)

    async def archive(file: IO[bytes]) -> ArchiveManifest:
        file.write(bytes(1 << 20))
        raise AssertionError("it was written")

    with mounted(tmp_path / "small", "size=64k") as small:
        (small / "old").write_text("as it was")
        for name in ("old", "new"):
            with pytest.raises(TzurotError, match="no room on the disk"):
                files.write(small / name, bytes(1 << 20))
            with pytest.raises(TzurotError, match="no room on the disk"):
                folder.written(small / name, "x" * (1 << 20))
        with pytest.raises(TzurotError, match="no room on the disk"):
            await archives._written(small / "archive.zip", archive)
        with pytest.raises(TzurotError, match="no room on the disk"):
            await backup(dsn, small / "backup.dump", master)
        assert [(file.name, file.read_text()) for file in small.iterdir()] == [("old", "as it was")]
        files.write(small / "old", b"anew")
        assert [(file.name, file.read_text()) for file in small.iterdir()] == [("old", "anew")]
        subprocess.run(["mount", "-o", "remount,ro", small], check=True)
        for write in (lambda: files.write(small / "new", b"x"), lambda: folder.written(small / "new", "x"), lambda: folder.writable(small)):
            with pytest.raises(TzurotError, match="read-only"):
                write()
    with mounted(tmp_path / "few", "size=1m,nr_inodes=1") as few:
        for write in (lambda: files.write(few / "new", b"x"), lambda: folder.written(few / "new", "x"), lambda: folder.writable(few)):
            with pytest.raises(TzurotError, match="no room on the disk"):
                write()


def test_no_room_where_no_file_is_named_is_one_sentence_too() -> None:
    """What a command's output is sent into."""
    for number in (errno.ENOSPC, errno.EDQUOT):
        assert "no room on the disk" in str(main._of_file(OSError(number, "No space left on device")))


@pytest.mark.parametrize("refused", [psycopg.errors.DiskFull("could not extend file"), StorageFull("Postgres has no disk space left")])
async def test_a_command_says_which_disk_is_full(refused: Exception) -> None:
    """On Discord and at the command line: not that the database were away, and not that something broke."""

    async def store() -> str:
        raise refused

    assert (await answers._told(store)).text == answers.FULL
    assert "no room on the disk of the database" in str(main._of_database(refused))


@pytest.fixture
async def narrow(dsn: str) -> AsyncIterator[str]:
    """A database in which nothing may be sorted on the disk."""
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
        name = sql.Identifier(connection.info.dbname)
        for setting in ("temp_file_limit = 0", "work_mem = 64"):
            await connection.execute(sql.SQL("ALTER DATABASE {} SET {}").format(name, sql.SQL(setting)))
        yield dsn
        await connection.execute(sql.SQL("ALTER DATABASE {} RESET ALL").format(name))  # the next test gets it, too


async def test_a_limit_of_temporary_files_that_is_met_is_named_and_stops_no_append(narrow: str) -> None:
    """An operator's limit, really met: the statement that met it passes when it is raised, and a message is stored meanwhile."""
    async with await psycopg.AsyncConnection.connect(narrow, autocommit=True) as connection:
        with pytest.raises(psycopg.errors.ConfigurationLimitExceeded) as met:
            await connection.execute(
                "SELECT count(*) FROM (SELECT repeat('x', 50) || g AS x FROM generate_series(1, 20000) g ORDER BY x) s"
            )
    assert not sqlstate.lasts(met.value)
    assert "temp_file_limit" in str(connect.translate(met.value))
    async with open_log(narrow, MasterKey.of(b"k" * 32)) as log:
        assert (await log.append(message(1))).positions


def test_a_database_that_goes_away_under_a_command_is_one_sentence() -> None:
    """What is no fault of the database stays what it is."""
    assert "`tzurot doctor`" in str(main._of_database(psycopg.OperationalError("server closed the connection")))
    with pytest.raises(ZeroDivisionError):
        main._of_database(ZeroDivisionError())
