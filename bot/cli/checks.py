"""What `tzurot doctor` looks at, and what `tzurot setup` prepares."""

import asyncio
import os
import platform
import shutil
import socket
import stat
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from bot.cli import model
from bot.cli.supervisor.outside import console_port, greeting_of
from engine import access, config, embedded
from engine.config import Settings
from engine.embedded import account, broker
from engine.embedded.folder import Busy, claim, kept_secret, writable
from engine.errors import TzurotError
from engine.migrate import clock_ahead, pending
from engine.outside import given
from engine.outside.checks import BROUGHT
from engine.resources.craft import mcp
from engine.store import connect
from engine.vault import load_master_key, read_master_key
from projections.live import heartbeats

LEAST_FREE = 100_000_000
"""Bytes that a start needs: a database without a word in it takes some 50 MB, and its log a segment of 16 beside."""
MOST_SKEW_S = 30.0
NO_PROVIDER = "none: a toy model on this CPU answers, or the local stand-in, which is no model; set PROVIDER_API_KEY for a real one"


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
        applied, _ = await access.prepare(settings, dsn)
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
        try:
            settings = settings.model_copy(update={"tzurot_data": Path(given.folder(str(data)))})
        except ValueError as error:
            return [_python(), Check("data folder", False, f"--data {error}.")]
    remarks = [Check("settings", False, remark) for remark in config.remarks()]
    return [_python(), *(remarks or [Check("settings", True, "can be read")]), *_of(settings)]


def _of(settings: Settings) -> Iterator[Check]:
    running = _running(settings.tzurot_data)
    yield Check("running", True, f"process {running}" if running else "no")
    yield _try("data folder", lambda: data_folder(settings.tzurot_data))
    yield _try("database", lambda: _database(settings))
    yield _try("broker", lambda: _broker(settings))
    if not running:
        yield _try("console", lambda: "port {} {}".format(*console_port(settings, settings.tzurot_data, keep=False)).strip())
    yield _try("door", lambda: _door(settings))
    yield _master_key(settings)
    yield Check("Discord", True, "a token is set" if settings.discord_token else "off: no DISCORD_TOKEN")
    provided = without_password(settings.provider_base_url or "") or ("OpenRouter" if settings.provider_api_key else "")
    yield _try("model", lambda: decides(settings))
    yield Check("provider", True, provided or NO_PROVIDER)
    if settings.mcp_servers_file is not None:
        yield _try("MCP servers", lambda: ", ".join(mcp.load(settings.mcp_servers_file)) or "none are named")
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


def data_folder(data: Path) -> str:
    """Look at the data folder, or at where it will be made; what was found. Raises TzurotError with what to do."""
    there = next(folder for folder in (data, *data.parents) if folder.exists())
    if dangling := next((folder for folder in (data, *data.parents) if folder.is_symlink() and not folder.exists()), None):
        raise TzurotError(f"{dangling} is a link to a folder that is not there. Make that folder, or choose another with TZUROT_DATA.")
    if not there.is_dir():
        raise TzurotError(f"{there} is no folder. Choose another with TZUROT_DATA.")
    if data.exists():
        writable(data)  # writes a few bytes, as a full disk or a read-only one is known by nothing else
    elif not os.access(there, os.W_OK | os.X_OK):
        raise TzurotError(f"{data} cannot be made in {there}. Make that writable, or choose another folder with TZUROT_DATA.")
    free = shutil.disk_usage(there).free
    if free < LEAST_FREE:
        raise TzurotError(
            f"There is no room on the disk of {data}: {free / 1e6:,.0f} MB are free. Free some, at least {LEAST_FREE / 1e6:.0f} MB."
        )
    return f"{data}{'' if data.exists() else ' will be made at the first start'}"


def _database(settings: Settings) -> str:
    if settings.database_url is None:
        password, data = settings.tzurot_data / "postgres.password", settings.tzurot_data / "postgres" / "data"
        if (data / "PG_VERSION").exists():
            kept_secret(password, needed=True)
        return f"embedded Postgres at {account.installation()}"
    waiting = asyncio.run(pending(settings.database_url))
    ahead = asyncio.run(clock_ahead(settings.database_url))
    if abs(ahead) > MOST_SKEW_S:
        way = "ahead of" if ahead > 0 else "behind"
        raise TzurotError(f"The clock of DATABASE_URL's server is {abs(ahead):.0f} s {way} this machine's. Set both by NTP.")
    return f"the one of DATABASE_URL answers and has pgvector; {len(waiting)} migrations to apply"


def _door(settings: Settings) -> str:
    if said := config.open_door(settings):
        raise TzurotError(said)
    return f"a password, at {settings.public_url or settings.console_host}" if settings.console_password else "for this machine only"


def decides(settings: Settings) -> str:
    """Say which preset decides what model is asked: bot.cli.model."""
    return model.decides(settings, running=bool(_running(settings.tzurot_data)))


def without_password(address: str) -> str:
    """A web address as it may be shown: neither user nor password nor query, which may hold a key. Pure."""
    parts = urlsplit(address)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()


def _broker(settings: Settings) -> str:
    if settings.nats_url is None:
        return f"embedded NATS at {broker.program()}"
    asyncio.run(greeting_of(settings.nats_url))
    return "the one of NATS_URL answers"


def _master_key(settings: Settings) -> Check:
    if settings.master_key is not None:
        return Check("master key", True, "from MASTER_KEY")
    file = settings.tzurot_data / "master.key"
    if not file.exists():
        return Check("master key", True, f"{file} will be made at the first start")
    try:
        read_master_key(file)
    except (OSError, ValueError):
        return Check(
            "master key", False, f"{file} is empty or damaged. Restore it from your backup; delete it only if nothing was said yet."
        )
    private = stat.S_IMODE(file.stat().st_mode) & 0o077 == 0
    return Check("master key", private, str(file) if private else f"others may read {file}. Run: chmod 600 {file}")
