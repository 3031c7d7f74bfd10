"""The schema that the migrations make, as SQL: kept in migrations/schema.sql, so that a reader sees it whole and a test sees it change.

`python -m engine.embedded.dump` (make schema) writes it anew.
"""

import asyncio
import re
import subprocess

from engine.embedded.account import installation
from engine.embedded.folder import EmbeddedError
from engine.embedded.temporary import temporary_postgres
from engine.migrate import FOLDER, migrate

SNAPSHOT = FOLDER / "schema.sql"
_NOISE = re.compile(r"^(--.*|SET .*|SELECT pg_catalog\.set_config.*|\\(un)?restrict .*|)$")


def schema_of(dsn: str) -> str:
    """Tables, indexes, functions and constraints of a database, in pg_dump's order, without its comments and session settings."""
    command = [str(installation() / "bin" / "pg_dump"), "--schema-only", "--no-owner", "--no-privileges", f"--dbname={dsn}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise EmbeddedError(f"pg_dump failed: {done.stderr.strip().splitlines()[-1:]}")
    statements = "\n".join("" if _NOISE.match(line) else line for line in done.stdout.splitlines())
    return re.sub(r"\n{3,}", "\n\n", statements).strip() + "\n"


async def snapshot() -> str:
    """The schema of a fresh database with all migrations."""
    async with temporary_postgres(durable=False) as server:
        await migrate(server.dsn)
        return await asyncio.to_thread(schema_of, server.dsn)


if __name__ == "__main__":
    SNAPSHOT.write_text(asyncio.run(snapshot()))
