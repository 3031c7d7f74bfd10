"""The data folder may be called anything a folder can be called."""

import asyncio
from pathlib import Path

import psycopg
import pytest

from engine import backup, embedded
from engine.migrate import migrate
from engine.vault import MasterKey
from tests.support import clusters

ODDEST = "my data%41 &'\"#?=@:+ü名\\"


@pytest.mark.parametrize("name", [ODDEST, "a,b", "x" * 120])
async def test_the_database_runs_in_a_folder_of_any_name(tmp_path: Path, name: str) -> None:
    """It starts there, is found by another process, and its backup can be made: blanks, percent signs, commas, long names."""
    folder = tmp_path / name
    if name != ODDEST:  # that one is made in such a folder is seen with the oddest name
        await asyncio.to_thread(clusters.copied, folder)
    async with embedded.postgres(folder, durable=False) as server:
        await migrate(server.dsn)
        assert embedded.running_dsn(folder) == server.dsn
        async with await psycopg.AsyncConnection.connect(server.admin_dsn) as connection:
            assert connection.info.dbname == "postgres"
        made = await backup.backup(server.dsn, folder / "one.dump", MasterKey.of(b"\x01" * 32))
        assert made.events == 0
