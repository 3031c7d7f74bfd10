"""The embedded servers: made once, killed and started again, alone in their folder, gone with the process that started them."""

import asyncio
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import nats
import psycopg
import pytest

from engine import embedded
from engine.clock import monotonic
from engine.embedded import account
from tests.support import clusters


@pytest.fixture
async def made(tmp_path: Path) -> Path:
    """A data folder in which a database stands; that one is made where there is none has tests of its own."""
    await asyncio.to_thread(clusters.copied, tmp_path)
    return tmp_path


@pytest.fixture
async def server(made: Path) -> AsyncIterator[embedded.Postgres]:
    async with embedded.postgres(made) as running:
        yield running


async def _value(dsn: str, query: str) -> object:
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
        cursor = await connection.execute(query.encode())
        row = await cursor.fetchone() if cursor.description else None
        return row[0] if row else None


async def _until(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    deadline = monotonic() + seconds
    while not condition():
        assert monotonic() < deadline, "did not happen in time"
        await asyncio.sleep(0.02)


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split(")")[-1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


async def test_it_is_postgres_18_with_pgvector_and_full_durability_for_who_knows_the_password(tmp_path: Path) -> None:
    """What the design promises is what a new server says of itself. Another user of the machine can reach the port but not the data.

    Under a private folder the database is made and runs all the same, and the folder is as private as before.
    """
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    async with embedded.postgres(home / "data") as server:
        assert stat.S_IMODE(home.stat().st_mode) == 0o700
        assert stat.S_IMODE(server.data.stat().st_mode) == 0o700
        assert stat.S_IMODE((home / "data" / "postgres.password").stat().st_mode) == 0o600
        assert str(await _value(server.dsn, "SHOW server_version")).startswith("18.")
        assert await _value(server.dsn, "SELECT count(*) FROM pg_available_extensions WHERE name = 'vector'") == 1
        for setting in ("fsync", "synchronous_commit", "full_page_writes", "data_checksums"):
            assert await _value(server.dsn, f"SHOW {setting}") == "on", setting
        for dsn in (server.dsn, server.tcp_dsn):
            with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
                await _value(dsn.replace(server.password, "guessed"), "SELECT 1")


async def test_a_failed_statement_does_not_bring_its_row_into_the_log(server: embedded.Postgres) -> None:
    """The server's own log names the error; the text that a person wrote stays out of it. Socket and TCP lead to the same database."""
    await _value(server.dsn, "CREATE TABLE seen AS SELECT 7 AS n")
    assert await _value(server.tcp_dsn, "SELECT n FROM seen") == 7
    await _value(server.dsn, "CREATE TABLE once (text text UNIQUE); INSERT INTO once VALUES ('canary-7421')")
    with pytest.raises(psycopg.errors.UniqueViolation):
        await _value(server.dsn, "INSERT INTO once VALUES ('canary-7421')")
    said = server.log.read_text()
    assert "duplicate key" in said
    assert "canary-7421" not in said


async def test_what_was_committed_survives_a_killed_postmaster(server: embedded.Postgres) -> None:
    """Killed with a client connected and started again at once: orphans are waited for, the row is there, the address stays."""
    before = server.dsn
    async with await psycopg.AsyncConnection.connect(server.dsn, autocommit=True) as client:
        await client.execute("CREATE TABLE kept AS SELECT 1 AS n")
        server.kill()
        await server.start()
    assert server.dsn == before
    assert await _value(server.dsn, "SELECT n FROM kept") == 1


async def test_a_stale_lock_that_names_a_living_stranger_is_no_obstacle(made: Path) -> None:
    """After a crash of the machine, or in a container started anew, the process id in the lock belongs to somebody else."""
    async with embedded.postgres(made) as server:
        folder, locks = server.data, [server.data / "postmaster.pid", server.data / f".s.PGSQL.{server.port}.lock"]
        contents = [lock.read_text() for lock in locks]
    owner = folder.stat().st_uid
    stranger = subprocess.Popen(["sleep", "600"], user=owner if os.geteuid() == 0 else None)
    try:
        for lock, content in zip(locks, contents, strict=True):
            lock.write_text("\n".join([str(stranger.pid), *content.splitlines()[1:]]) + "\n")
            os.chown(lock, owner, -1)
        async with embedded.postgres(made) as server:
            assert await _value(server.dsn, "SELECT 1") == 1
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


async def test_a_folder_is_started_again_with_its_data(made: Path) -> None:
    """Stop and start, as two runs of the program do."""
    for expected in (0, 1):
        async with embedded.postgres(made) as server:
            await _value(server.dsn, "CREATE TABLE IF NOT EXISTS runs (n int)")
            assert await _value(server.dsn, "SELECT count(*) FROM runs") == expected
            await _value(server.dsn, "INSERT INTO runs VALUES (1)")


async def test_an_interrupted_creation_is_begun_anew(tmp_path: Path) -> None:
    """Half a database, left by a kill in the middle of initdb, is never taken for one."""
    half = tmp_path / "postgres" / "new"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("18")
    if owner := account.account_for(half):
        os.chown(half.parent, owner.uid, owner.gid)
    async with embedded.postgres(tmp_path) as server:
        assert await _value(server.dsn, "SELECT 1") == 1
        assert not half.exists()


async def test_a_command_finds_the_database_that_runs_and_starts_one_that_does_not(made: Path) -> None:
    """`attached` gives the same database in both cases. A second owner is refused with the pid of the first: it would destroy it."""
    async with embedded.postgres(made) as server, embedded.attached(made) as dsn:
        assert dsn == server.dsn
        await _value(dsn, "CREATE TABLE kept AS SELECT 1 AS n")
        with pytest.raises(embedded.Busy, match=f"Process {os.getpid()} already uses"):
            async with embedded.postgres(made):
                pass
    async with embedded.attached(made) as dsn:
        assert await _value(dsn, "SELECT n FROM kept") == 1


async def test_a_database_of_another_version_is_left_alone(made: Path) -> None:
    """The sentence says what was found and what to do."""
    (made / "postgres" / "data" / "PG_VERSION").write_text("17\n")
    with pytest.raises(embedded.EmbeddedError, match=r"made by Postgres 17, but 18 is here. Restore a backup"):
        async with embedded.postgres(made):
            pass


async def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """A file stands where the data folder should be; root is stopped by that too."""
    (tmp_path / "data").write_text("")
    for start in (embedded.postgres, embedded.nats):
        with pytest.raises(embedded.EmbeddedError, match=r"data cannot be written .*choose another with TZUROT_DATA"):
            async with start(tmp_path / "data"):
                pass


AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root has a private installation to copy for another user")


@pytest.fixture
def public(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that everybody can enter, standing for the machine's shared temporary folder."""
    place = Path(tempfile.mkdtemp(dir="/var/tmp", prefix="tzurot-test-"))
    place.chmod(0o755)
    monkeypatch.setattr(account, "PUBLIC_FOLDERS", (str(place),))
    yield place
    shutil.rmtree(place)


def _installation_is_private(monkeypatch: pytest.MonkeyPatch) -> None:
    real, home = account.reachable, account.installation()
    monkeypatch.setattr(account, "reachable", lambda path, who: path != home and real(path, who))


@AS_ROOT
async def test_root_copies_programs_that_the_database_user_cannot_reach(made: Path, public: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A clone in root's own home: the programs are copied to a public place, once, and run from there."""
    place = public / "tzurot"
    monkeypatch.setattr(account, "SERVICE_FOLDER", place)
    _installation_is_private(monkeypatch)
    monkeypatch.setattr("engine.embedded.database.reachable", lambda path, who: False)
    for _ in range(2):
        async with embedded.postgres(made) as server:
            assert await _value(server.dsn, "SELECT count(*) FROM pg_available_extensions WHERE name = 'vector'") == 1
            assert Path(f"/proc/{server.pid}/exe").resolve().is_relative_to(place)
            assert Path(f"/proc/{server.pid}").stat().st_uid != 0
    assert len(list(place.iterdir())) == 1


@AS_ROOT
def test_programs_are_copied_to_where_the_database_user_can_go(tmp_path: Path, public: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The system's place and TMPDIR both lie in private folders: the shared folder is taken; without one, a sentence says so."""
    tmp_path.chmod(0o700)
    monkeypatch.setattr(account, "SERVICE_FOLDER", tmp_path / "lib" / "tzurot")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(account, "_copy", lambda home, place: None)
    _installation_is_private(monkeypatch)
    who = account.Account(65534, 65534, frozenset({65534}))
    assert account.installation_for(who).is_relative_to(public / "tzurot-root")
    (public / "tzurot-root").chmod(0o777)
    with pytest.raises(embedded.EmbeddedError, match="can enter none of"):
        account.installation_for(who)


_HOLDER = """
import asyncio, sys
from pathlib import Path
from engine import embedded

async def main():
    async with embedded.postgres(Path(sys.argv[1])) as database, embedded.nats(Path(sys.argv[1])) as broker:
        print(database.pid, broker.pid, flush=True)
        await asyncio.sleep(600)

asyncio.run(main())
"""


async def test_servers_end_with_a_killed_owner_and_the_folder_is_free_again(made: Path) -> None:
    """SIGKILL of the process that started them takes them along, with no cleaning up by hand."""
    owner = subprocess.Popen([sys.executable, "-c", _HOLDER, str(made)], stdout=subprocess.PIPE, text=True)
    assert owner.stdout is not None
    with owner.stdout:
        pids = [int(pid) for pid in (await asyncio.to_thread(owner.stdout.readline)).split()]
    assert len(pids) == 2
    owner.send_signal(signal.SIGKILL)
    owner.wait()
    async with embedded.postgres(made) as server:
        assert await _value(server.dsn, "SELECT 1") == 1
    await _until(lambda: not any(map(_alive, pids)))


async def test_a_temporary_server_leaves_nothing() -> None:
    """No folder, no process."""
    async with embedded.temporary_postgres() as database, embedded.temporary_nats() as server:
        folders = [database.folder.parent, server.folder.parent]
        pids = [database.pid, server.pid]
    assert not any(folder.exists() for folder in folders)
    assert not any(map(_alive, pids))


async def test_nats_speaks_jetstream_with_our_limits_and_only_with_the_password(nats_server: embedded.Nats) -> None:
    """The repository's nats.conf is what runs."""
    client = await nats.connect(nats_server.url)
    assert client.max_payload == 64 * 1024
    await client.jetstream().add_stream(name="S", subjects=["s"])
    await client.close()
    reader, writer = await asyncio.open_connection("127.0.0.1", nats_server.port)
    await reader.readline()
    writer.write(b'CONNECT {"user": "tzurot", "pass": "guessed"}\r\nPING\r\n')
    assert b"Authorization Violation" in await reader.readline()
    writer.close()
    await writer.wait_closed()


async def test_nats_comes_back_with_its_streams_after_a_kill_and_without_them_after_a_wipe(nats_server: embedded.Nats) -> None:
    """The same address each time; a wiped store is empty."""
    url = nats_server.url
    for wipe, expected in ((False, 1), (True, 0)):
        client = await nats.connect(nats_server.url)
        await client.jetstream().add_stream(name="S", subjects=["s"])
        await client.close()
        nats_server.kill()
        if wipe:
            nats_server.wipe()
        await nats_server.start()
        assert nats_server.url == url
        client = await nats.connect(nats_server.url)
        assert (await client.jetstream().account_info()).streams == expected
        await client.close()


async def test_a_running_store_is_not_wiped(nats_server: embedded.Nats) -> None:
    """The files of a live server are not pulled away from it."""
    with pytest.raises(embedded.EmbeddedError, match="cannot be removed while"):
        nats_server.wipe()


async def test_a_broken_configuration_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the server itself says is passed on."""
    broken = tmp_path / "nats.conf"
    broken.write_text("jetstream {")
    monkeypatch.setattr(embedded.Nats, "configuration", broken)
    with pytest.raises(embedded.EmbeddedError, match=r"NATS could not start: .+ The log is"):
        async with embedded.nats(tmp_path / "data"):
            pass
