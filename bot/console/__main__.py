"""The console as a process: `python -m bot.console`."""

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any

import uvicorn

from bot.console import deliver, feed
from bot.console.app import build
from bot.console.connection import TimedConnection
from bot.console.sessions import Signer
from bot.console.state import Console
from engine import config, process, seed
from engine.config import Settings
from engine.errors import SettingsError, TzurotError
from engine.store import Log, open_log
from engine.vault import MasterKey, load_master_key
from engine.watching import tracing
from projections.follow import runner
from projections.live import ended_sessions, heartbeats
from projections.registry import ALL

DRAIN_SECONDS = 5


class CannotListen(TzurotError):
    """The address is taken or is not ours."""

    exit_code = 69
    """sysexits' EX_UNAVAILABLE: tells a taken port from everything else that may be wrong."""


class ConsoleServer(uvicorn.Server):
    """uvicorn, ended by us: signals belong to engine.process."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def main(stop: asyncio.Event) -> None:
    """Serve until `stop` is set, then let open requests finish."""
    settings = config.settings()
    master = load_master_key(settings)
    signer = door(settings, master)
    tracing.export("console")
    with listening(settings.console_host, settings.console_port) as listener:
        async with open_log(config.require_database(settings), master, pool_size=10) as log, working(settings, log, signer) as console:
            async with serving(console, listener):
                address = address_of(listener)
                # Whoever opens the page at a first start shall find somebody to talk to.
                await runner.wait_for(log.pool, ("catalog",), await log.head(), seconds=5.0)
                process.ready("asks for a password" if signer else "for this machine only", address)
                await stop.wait()
                console.feed.close()
            with suppress(Exception):  # on the way out: the row goes stale by itself
                await heartbeats.leave(log.pool, "console")


def door(settings: Settings, master: MasterKey) -> Signer | None:
    """Who may come in: everybody on this machine, or whoever knows the password. Raises SettingsError when the door would stand open."""
    if settings.console_password is not None:
        return Signer.of(master.secret, settings.console_password.get_secret_value())
    if said := config.open_door(settings):
        raise SettingsError(said)
    return None


@contextmanager
def listening(host: str, port: int) -> Iterator[socket.socket]:
    """A bound socket. Raises CannotListen with one sentence."""
    try:
        family, kind, protocol, _, where = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
    except OSError:
        raise CannotListen(f"{host} is no address of this machine. Set CONSOLE_HOST to one that is, such as 127.0.0.1.") from None
    with contextlib.closing(listener):
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(where)
        except OSError as error:
            reason = os.strerror(error.errno or 0).lower()
            raise CannotListen(
                f"The console cannot listen on {host}:{port} ({reason}). End what has it, or set CONSOLE_PORT (0: any free one)."
            ) from None
        yield listener


def address_of(listener: socket.socket) -> str:
    """Where a browser finds it."""
    host, port = listener.getsockname()[:2]
    if host in {"0.0.0.0", "::"}:
        host = "localhost"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


@asynccontextmanager
async def working(settings: Settings, log: Log, signer: Signer | None) -> AsyncIterator[Console]:
    """The console without its web server: the sample characters planted, replies delivered, open pages told what changes."""
    async with log.pool.connection() as connection:
        for projection in ALL:
            await runner.install(connection, projection)
    await seed.plant(log, settings.default_model)
    console = Console(settings, log, signer)
    await ended_sessions.load(log.pool, console.ended)
    await console.look_at_models()
    loops: list[Coroutine[Any, Any, None]] = [
        ended_sessions.follow(log.pool, console.ended),
        feed.follow(console.feed, log, console.look_at_models),
        deliver.run(console),
        process.beat(lambda: heartbeats.beat(log.pool, "console")),
    ]
    if settings.nats_url is not None:
        loops += [feed.follow_drafts(console.feed, console.log, settings.nats_url), console.bus.run(settings.nats_url)]
    tasks = [asyncio.create_task(loop) for loop in loops]
    try:
        yield console
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@asynccontextmanager
async def serving(console: Console, listener: socket.socket) -> AsyncIterator[None]:
    """Answer requests on a bound socket for as long as the block lasts."""
    server = ConsoleServer(
        uvicorn.Config(
            build(console),
            http=TimedConnection,
            log_config=None,
            access_log=False,
            lifespan="off",
            server_header=False,
            proxy_headers=False,
            ws="none",
            timeout_graceful_shutdown=DRAIN_SECONDS,
        )
    )
    running = asyncio.create_task(server.serve(sockets=[listener]), name="web server")
    try:
        while not server.started and not running.done():
            await asyncio.sleep(0.01)
        yield
    finally:
        server.should_exit = True
        await running


if __name__ == "__main__":
    process.run(main, service="console")
