"""What `tzurot doctor` looks at, and what `tzurot setup` prepares."""

import asyncio
import os
import platform
import socket
import stat
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from bot.cli.supervisor.outside import console_port, greeting_of
from engine import access, config, embedded, erasure
from engine.config import Settings
from engine.embedded import account, broker
from engine.embedded.folder import Busy, claim
from engine.errors import TzurotError
from engine.migrate import migrate, pending
from engine.outside.checks import BROUGHT
from engine.store import connect, open_log
from engine.vault import load_master_key
from projections.live import heartbeats
from projections.models import catalog


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at; `detail` is what was found, or what to do when it is not ok."""

    name: str
    ok: bool
    detail: str


async def prepare(settings: Settings) -> list[str]:
    """Create master key and database and apply the migrations; returns the names of those applied now."""
    load_master_key(settings)
    async with access.database(settings, migrated=False) as dsn:
        applied = await migrate(dsn)
        await erasure.after_start(settings, dsn)
    return applied


async def last_beat(settings: Settings, process: str) -> float | None:
    """Seconds since a process of this name on this machine said that it is alive; None when it did not within 15."""
    dsn = settings.database_url or embedded.running_dsn(settings.tzurot_data)
    async with await connect.connect(dsn, application="tzurot alive") as connection:
        here = [beat.age_s for beat in await heartbeats.alive(connection) if beat.process == process and beat.host == socket.gethostname()]
        return min(here, default=None)


def examine(data: Path | None) -> list[Check]:
    """All checks, in the order in which a person would correct them."""
    try:
        settings = config.load()
    except TzurotError as error:
        return [_python(), Check("settings", False, str(error))]
    if data is not None:
        settings = settings.model_copy(update={"tzurot_data": data})
    return [_python(), Check("settings", True, "can be read"), *_of(settings)]


def _of(settings: Settings) -> Iterator[Check]:
    running = _running(settings.tzurot_data)
    yield Check("running", True, f"process {running}" if running else "no")
    yield _try("data folder", lambda: _folder(settings.tzurot_data))
    yield _try("database", lambda: _database(settings))
    yield _try("broker", lambda: _broker(settings))
    if not running:
        yield _try("console", lambda: "port {} {}".format(*console_port(settings, settings.tzurot_data)).strip())
    yield _master_key(settings)
    yield Check("Discord", True, "a token is set" if settings.discord_token else "off: no DISCORD_TOKEN")
    provided = settings.provider_base_url or ("OpenRouter" if settings.provider_api_key else "")
    yield _try("model", lambda: decides(settings))
    yield Check("provider", True, provided or "the local stand-in, which is no model; set PROVIDER_API_KEY for a real one")
    for look in BROUGHT.values():
        yield from (Check(found.name, found.ok, found.detail) for found in look(settings))


def _try(name: str, look: Callable[[], str]) -> Check:
    try:
        return Check(name, True, look())
    except TzurotError as error:
        return Check(name, False, str(error))


def _python() -> Check:
    return Check("Python", sys.version_info >= (3, 12), f"{platform.python_version()} at {sys.executable}")


def _running(data: Path) -> int:
    """Process id of the `tzurot run` of this data folder, 0 when there is none."""
    lock = data / "tzurot.lock"
    if not lock.exists():
        return 0
    try:
        with claim(lock):
            return 0
    except Busy as busy:
        return busy.pid


def _folder(data: Path) -> str:
    if not data.exists():
        return f"{data} will be made at the first start"
    if not os.access(data, os.W_OK):
        raise TzurotError(f"{data} cannot be written. Make it writable, or choose another folder with TZUROT_DATA.")
    return str(data)


def _database(settings: Settings) -> str:
    if settings.database_url is None:
        return f"embedded Postgres at {account.installation()}"
    waiting = asyncio.run(pending(settings.database_url))
    return f"the one of DATABASE_URL answers and has pgvector; {len(waiting)} migrations to apply"


def _broker(settings: Settings) -> str:
    if settings.nats_url is None:
        return f"embedded NATS at {broker.program()}"
    asyncio.run(greeting_of(settings.nats_url))
    return "the one of NATS_URL answers"


def decides(settings: Settings) -> str:
    """Say which preset decides what model is asked where a character has none, and by which command that is changed.

    Raises TzurotError when the database cannot be read.
    """
    first = f"DEFAULT_MODEL ({settings.default_model})"
    if settings.master_key is None and not (settings.tzurot_data / "master.key").exists():
        return f"{first} becomes the default preset's at the first start"
    if settings.database_url is None and not _running(settings.tzurot_data):
        return f"the default preset decides; while Tzurot runs `tzurot preset default` shows it. {first} only counts at the first start"
    preset = asyncio.run(_answering(settings))
    if preset is None:
        return f"no preset is the default: {first} decides until `tzurot preset default NAME` chooses one"
    change = f"`tzurot preset default NAME` or `tzurot preset edit {str(preset.id)[:8]} --model MODEL`"
    return f"the preset {preset.name} decides: {preset.model}. Change it by {change}; {first} only counts at the first start"


async def _answering(settings: Settings) -> catalog.Preset | None:
    """The preset that answers for everybody, None when there is none or the tables are not made yet."""
    dsn = settings.database_url or embedded.running_dsn(settings.tzurot_data)
    if await pending(dsn):
        return None
    async with open_log(dsn, load_master_key(settings)) as log, log.pool.connection() as connection:
        everybody = catalog.Defaults(None, (await catalog.defaults(connection, 0)).everybody)
        return catalog.chosen(await catalog.presets(connection, log.vault), None, everybody, 0)


def _master_key(settings: Settings) -> Check:
    if settings.master_key is not None:
        return Check("master key", True, "from MASTER_KEY")
    file = settings.tzurot_data / "master.key"
    if not file.exists():
        return Check("master key", True, f"{file} will be made at the first start")
    private = stat.S_IMODE(file.stat().st_mode) & 0o077 == 0
    return Check("master key", private, str(file) if private else f"others may read {file}. Run: chmod 600 {file}")
