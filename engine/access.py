"""How a command comes to the database: DATABASE_URL, or the embedded one, which is joined when it runs and started when it does not."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from engine import embedded, erasure
from engine.config import Settings
from engine.embedded.folder import read_secret
from engine.errors import SettingsError
from engine.migrate import migrate
from engine.store import Log, open_log
from engine.vault import load_master_key


@asynccontextmanager
async def database(settings: Settings, *, migrated: bool = True) -> AsyncIterator[str]:
    """The DSN, for as long as the block lasts; the schema is brought up to date unless told otherwise."""
    async with AsyncExitStack() as stack:
        dsn = settings.database_url or await _embedded(settings.tzurot_data, stack)
        if migrated:
            await migrate(dsn)
        yield dsn


async def prepare(settings: Settings, dsn: str) -> tuple[list[str], tuple[int, ...]]:
    """Bring a database to today's schema, and erase again what was put back by other means than `tzurot restore`.

    Returns the names of the migrations applied now, and whose words were erased again.
    """
    return await migrate(dsn), await erasure.after_start(settings, dsn)


async def _embedded(folder: Path, stack: AsyncExitStack) -> str:
    try:
        server = await stack.enter_async_context(embedded.postgres(folder))
    except embedded.Busy:
        return running(folder)
    return server.dsn


def running(folder: Path) -> str:
    """The DSN of the embedded server that another process runs in this data folder. Raises SettingsError."""
    server = embedded.Postgres(folder.resolve() / "postgres")
    try:
        server.port = int((server.folder / "port").read_text())
        server.password = read_secret(server.folder.parent / "postgres.password")
    except (OSError, ValueError):
        raise SettingsError(f"The database in {folder} is being started by another process. Try again in a moment.") from None
    return server.dsn


@asynccontextmanager
async def log(settings: Settings) -> AsyncIterator[Log]:
    """The log, opened with the master key of these settings."""
    async with database(settings) as dsn, open_log(dsn, load_master_key(settings)) as opened:
        yield opened
