"""The data folder may be called anything a folder can be called."""

from pathlib import Path

import psycopg
import pytest

from engine import backup, embedded
from engine.migrate import migrate
from engine.vault import MasterKey


@pytest.mark.parametrize("name", ["my data%41 &'\"#?=@:+ü名\\", "a,b", "x" * 120])
async def test_the_database_runs_in_a_folder_of_any_name(tmp_path: Path, name: str) -> None:
    """It starts there, is found by another process, and its backup can be made: blanks, percent signs, commas, long names."""
    folder = tmp_path / name
    async with embedded.postgres(folder, durable=False) as server:
        await migrate(server.dsn)
        assert embedded.running_dsn(folder) == server.dsn
        async with await psycopg.AsyncConnection.connect(server.admin_dsn) as connection:
            assert connection.info.dbname == "postgres"
        made = await backup.backup(server.dsn, folder / "one.dump", MasterKey.of(b"\x01" * 32))
        assert made.events == 0
