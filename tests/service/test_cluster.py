"""Several servers of Postgres and NATS: what was acknowledged survives the loss of one, and whoever connects finds those that are left."""

import asyncio
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psycopg
import pytest

from engine import embedded, seed
from engine.bus import broker, subjects
from engine.embedded.cluster import Cluster, base_backup
from engine.embedded.folder import EmbeddedError
from engine.store import connect, open_log, replica
from engine.vault import MasterKey
from tests.support import clusters
from tests.support.stage import MODEL


@asynccontextmanager
async def _databases(folder: Path) -> AsyncIterator[Cluster]:
    """A migrated primary and what follows it, without brokers."""
    first = folder / "db1"
    await asyncio.to_thread(clusters.copied, first)
    shutil.copy2(first / "postgres.password", folder)
    cluster = Cluster(folder, durable=False, settings={"synchronous_commit": "on"})
    try:
        for database in cluster.databases.values():
            await database.start()
        yield cluster
    finally:
        await asyncio.gather(*(database.stop(fast=True) for database in cluster.databases.values()))


async def _all(dsn: str) -> list[tuple[object, ...]]:
    async with await psycopg.AsyncConnection.connect(dsn) as connection:
        return await (await connection.execute("SELECT position, event_id FROM events ORDER BY position")).fetchall()


async def test_what_was_acknowledged_is_there_after_a_promotion(tmp_path: Path) -> None:
    """An open log finds the new primary by itself; the old one comes back as a copy, and neither is promoted against the other."""
    async with _databases(tmp_path) as cluster, open_log(cluster.dsn, MasterKey.of(b"k" * 32)) as log:
        await seed.plant(log, MODEL)
        before = await _all(cluster.dsn)
        assert before
        with pytest.raises(EmbeddedError, match="db1 still takes what is stored"):
            await cluster.promote()
        cluster.databases["db1"].kill()
        assert await cluster.promote() == "db2"
        assert await _all(cluster.dsn) == before
        await seed.plant(log, "another model")
        assert await log.head() == len(await _all(cluster.dsn))
        await _comes_back_by_itself(cluster)
        await cluster.databases["db1"].start()
        assert await cluster.standing("db1") == "follows db2, 0 bytes behind"
        assert "nothing is acknowledged that its copy has not got" in await cluster.standing("db2")
        assert (await _all(cluster.read_dsn))[: len(before)] == before


async def _comes_back_by_itself(cluster: Cluster) -> None:
    """The old primary, as one that was only thought dead: it takes what it is told, stands first in the address, and is told nothing."""
    old = embedded.Postgres(cluster.databases["db1"].folder, durable=False)
    await old.start()
    try:
        async with await psycopg.AsyncConnection.connect(cluster.dsn) as anybody, await connect.connect(cluster.dsn) as ours:
            ports = [await (await one.execute("SELECT inet_server_port()")).fetchone() for one in (anybody, ours)]
        assert ports == [(old.port,), (cluster.databases["db2"].port,)]
    finally:
        await old.stop(fast=True)


async def test_connections_to_several_hosts_are_used_again(tmp_path: Path) -> None:
    """A pool's go back when their block ends: a new one for each question would cost more than the question."""
    async with _databases(tmp_path) as cluster, connect.pool(cluster.dsn, size=1) as pool:
        backends = set()
        for _ in range(3):
            async with pool.connection() as connection:
                backends.add(connection.info.backend_pid)
        assert len(backends) == 1


async def test_an_archive_is_read_from_the_replica(tmp_path: Path) -> None:
    """All that was stored before stands in it; without one that follows, or with none, the primary is read."""
    async with _databases(tmp_path) as cluster, open_log(cluster.dsn, MasterKey.of(b"k" * 32)) as log:
        await seed.plant(log, MODEL)
        async with replica.reading(log, cluster.read_dsn) as source:
            assert [row.id async for row in source.rows()] == [row.id async for row in log.rows()]
            async with source.pool.connection() as connection:
                assert await (await connection.execute("SELECT pg_is_in_recovery()")).fetchone() == (True,)
        for address in (None, cluster.dsn, "postgresql://u@127.0.0.1:1/x"):
            async with replica.reading(log, address) as source:
                assert source is log


async def test_a_moment_of_the_past_is_restored_from_the_archive(tmp_path: Path) -> None:
    """A base backup and the archived write-ahead log give the log as it was at any moment since: what came later is not there."""
    backup = tmp_path / "restored"
    await asyncio.to_thread(clusters.copied, tmp_path / "first")
    server = embedded.Postgres(tmp_path / "first" / "postgres", durable=False)
    server.more = {"archive_mode": "on", "archive_command": "mkdir -p ../archive && cp %p ../archive/%f"}
    await server.start()
    async with open_log(server.dsn, MasterKey.of(b"k" * 32)) as log:
        await asyncio.to_thread(clusters.copied, backup)
        shutil.rmtree(backup / "postgres" / "data")
        await asyncio.to_thread(base_backup, server, backup / "postgres" / "data")
        await seed.plant(log, MODEL)
        kept = await _all(server.dsn)
        async with log.pool.connection() as connection:
            row = await (await connection.execute("SELECT now()::text")).fetchone()
            await seed.plant(log, "a mistake")
            await connection.execute("SELECT pg_switch_wal()")
        assert row is not None
    await server.stop()
    subprocess.run(["cp", "-a", server.folder / "archive", backup / "postgres"], check=True)
    again = embedded.Postgres(backup / "postgres", durable=False)
    again.more = {
        "restore_command": "cp ../archive/%f %p",
        "recovery_target_time": str(row[0]),
        "recovery_target_action": "promote",
    }
    await again.start()
    try:
        async with await psycopg.AsyncConnection.connect(again.dsn) as connection:
            while await (await connection.execute("SELECT pg_is_in_recovery()")).fetchone() != (False,):
                await asyncio.sleep(0.05)
        assert await _all(again.dsn) == kept
    finally:
        await again.stop(fast=True)


async def test_a_primary_without_its_copy_goes_on_alone_and_says_so(tmp_path: Path) -> None:
    """Nobody waits for ever; the copy that missed something is not promoted by mistake, and is waited for again when it is back."""
    async with _databases(tmp_path) as cluster:
        watching = asyncio.create_task(cluster.watch())
        cluster.databases["db2"].kill()
        async with await psycopg.AsyncConnection.connect(cluster.dsn, autocommit=True) as connection:
            await connection.execute("CREATE TABLE said ()")  # returns once nobody is waited for
        assert "goes on alone" in await cluster.standing("db1")
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        cluster.databases["db1"].kill()
        signal = cluster.databases["db2"].data / "standby.signal"
        assert signal.exists()
        with pytest.raises(EmbeddedError, match="db2 does not answer"):
            await cluster.promote()
        await cluster.databases["db1"].start()
        await cluster.databases["db2"].start()
        assert "nothing is acknowledged that its copy has not got" in await cluster.standing("db1")
        async with await psycopg.AsyncConnection.connect(cluster.read_dsn) as connection:
            await connection.execute("SELECT FROM said")


async def test_the_stream_is_kept_by_three_servers(tmp_path: Path) -> None:
    """One that was declared on a single server is kept on three from then on, and takes messages with any one of them gone."""
    cluster = Cluster(tmp_path)
    await asyncio.gather(*(member.start() for member in cluster.brokers.values()))
    try:
        async with broker.connected(cluster.nats_url, "test") as stream:
            created = await _until_declared(stream, None)
            assert await _until_declared(stream, 3) == created
            info = await stream.stream_info(subjects.STREAM)
            assert info.config.num_replicas == 3
            while len((found := await broker.copies(stream))[1]) < 2:
                await asyncio.sleep(0.05)
            leader, _ = found
            cluster.brokers[leader].kill()
            for _ in range(600):
                try:
                    await stream.publish(subjects.of_event("turn.requested", None), b"{}", timeout=1.0)
                    break
                except broker.TROUBLE:
                    await asyncio.sleep(0.1)
            assert (await stream.stream_info(subjects.STREAM)).state.messages == 1
    finally:
        await asyncio.gather(*(member.stop() for member in cluster.brokers.values()))


async def _until_declared(stream: object, replicas: int | None) -> str:
    for _ in range(600):
        try:
            return await broker.declare(stream, replicas=replicas)  # type: ignore[arg-type]  # a JetStream context of the client
        except broker.TROUBLE:
            await asyncio.sleep(0.1)  # the servers choose who leads
    raise AssertionError("the servers agree on nobody who leads")


async def test_any_of_several_servers_will_do(nats_url: str) -> None:
    """The address may name some that are away."""
    async with broker.connected(f"nats://127.0.0.1:1,{nats_url}", "test") as stream:
        assert await broker.declare(stream)
