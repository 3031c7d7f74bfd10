"""A whole Tzurot: servers, migrations, children; up in order, kept up, down in order."""

import asyncio
import contextlib
import os
import signal
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from bot.cli.model import overruled
from bot.cli.supervisor.keeper import Keeper, at_once
from bot.cli.supervisor.outside import console_port, greeting_of
from bot.cli.supervisor.parts import Module, Server
from bot.cli.supervisor.plan import STANDIN, ProcessPlan, Wiring, environment, plan
from bot.cli.supervisor.report import Notice, Report
from engine import access, clock, config, embedded, process
from engine.config import Settings
from engine.embedded.folder import claim, kept_port, writable
from engine.errors import TzurotError

_TRIM_EVERY_S = 60.0
_NOTHING: Mapping[str, str] = {}


class System:
    """Everything `tzurot run` runs, for one data folder. `logs=None` lets the children write to standard error."""

    down: Sequence[Sequence[str]] = (("bot", "console"), ("worker",), ("projections", STANDIN), ("nats",), ("postgres",))
    """What is stopped together, one after the other."""

    def __init__(self, settings: Settings, report: Report, *, what: ProcessPlan | None = None, logs: Path | None = None) -> None:
        self.settings = settings
        self.console: str | None = None
        self.keepers: dict[str, Keeper] = {}
        self._report = report
        self._plan = what or plan(settings)
        self._logs = logs
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._data = settings.tzurot_data.expanduser()
        self._port = 0
        self._provider: str | None = None
        self._answers = process.NO_MODEL

    async def run(self, stop: asyncio.Event, up: Callable[[str | None], object] = lambda _: None) -> int:
        """Run until `stop` is set; calls `up` with the console's address once every part is ready or off.

        Returns the exit code: process.FAILED when a part had to be given up. Raises TzurotError when nothing can run at all.
        """
        with contextlib.ExitStack() as claims:
            self._data = writable(self._data).resolve()
            for lock in ("tzurot.lock", "postgres.lock", "nats.lock"):
                claims.enter_context(claim(self._data / lock))
            try:
                if await _unless(stop, self._start()):
                    up(self.console)
                    await self._until(stop)
                return process.FAILED if any(keeper.gave_up for keeper in self.keepers.values()) else process.OK
            except BaseExceptionGroup as group:
                raise process.cause(group) from None
            finally:
                await self._down()

    def hurry(self) -> None:
        """End the children at once. The database still shuts down cleanly."""
        for keeper in self.keepers.values():
            if isinstance(keeper.part, Module):
                keeper.part.kill()

    async def _start(self) -> None:
        begun = clock.monotonic()
        self._port, note = console_port(self.settings, self._data)
        if note:
            self._report.say(Notice("note", "console", note))
        for remark in config.remarks():
            self._report.say(Notice("note", "settings", remark))
        async with asyncio.TaskGroup() as servers:
            servers.create_task(self._start_database())
            servers.create_task(self._start_broker())
            if self._plan.standin:
                servers.create_task(self._start_standin(self._plan.standin))
        for name, command in self._plan.commands.items():
            self._launch(name, command)
        await asyncio.gather(*(keeper.settled.wait() for keeper in self.keepers.values()))
        console = self.keepers.get("console")
        self.console = console.ready.address if console and console.ready else None
        if remark := await overruled(self.settings, self._dsn()):
            self._report.say(Notice("note", "model", remark))
        self._report.say(Notice("up", "tzurot", self._summary(), clock.monotonic() - begun, self.console))

    def _summary(self) -> str:
        off = [name for name, keeper in self.keepers.items() if keeper.gave_up]
        return (f"runs without {', '.join(off)}." if off else "is up.") + (" Console:" if self.console else "")

    async def _start_database(self) -> None:
        if self.settings.database_url is None:
            await self._serve(Server("postgres", embedded.Postgres(self._data / "postgres"), "Postgres 18 with pgvector"))
        await self._schema()

    async def _schema(self) -> None:
        begun = clock.monotonic()
        applied, again = await access.prepare(self.settings.model_copy(update={"tzurot_data": self._data}), self._dsn())
        for user in again:
            self._report.say(Notice("note", "schema", f"What user {user} had erased was here again and is erased again."))
        where = "the database of DATABASE_URL, " if self.settings.database_url else ""
        detail = f"{where}{len(applied)} migrations applied" if applied else f"{where}up to date"
        self._report.say(Notice("ready", "schema", detail, clock.monotonic() - begun))

    async def _start_broker(self) -> None:
        begun = clock.monotonic()
        if self.settings.nats_url is None:
            await self._serve(Server("nats", embedded.Nats(self._data / "nats"), "NATS with JetStream"))
            return
        await greeting_of(self.settings.nats_url)
        self._report.say(Notice("ready", "nats", "the server of NATS_URL", clock.monotonic() - begun))

    async def _serve(self, part: Server) -> None:
        keeper = self.keepers[part.name] = self._keeper(part, at_once)
        await keeper.start()
        keeper.on_ready = self._rewire
        self._tasks[part.name] = asyncio.create_task(keeper.keep(started=True))

    async def _start_standin(self, command: list[str]) -> None:
        # On the same port after a restart, so that nobody else has to be started again.
        port = {"STANDIN_PORT": str(kept_port(self._data / "standin.port"))}
        keeper = self._launch(STANDIN, command, extra=port, needs_servers=False)
        await keeper.settled.wait()
        self._look_at(keeper)

    def _launch(self, name: str, command: Sequence[str], *, extra: Mapping[str, str] = _NOTHING, needs_servers: bool = True) -> Keeper:
        log = writable(self._logs) / f"{name}.log" if self._logs else None
        part = Module(name, command, {**self._environment(name), **extra}, log)
        keeper = self.keepers[name] = self._keeper(part, self._servers_up if needs_servers else at_once)
        keeper.on_ready = self._rewire
        self._tasks[name] = asyncio.create_task(keeper.keep())
        return keeper

    def _keeper(self, part: Server | Module, may_start: Callable[[], Awaitable[object]]) -> Keeper:
        return Keeper(part, self._report, may_start=may_start)

    async def _servers_up(self) -> None:
        for name in ("postgres", "nats"):
            if keeper := self.keepers.get(name):
                await keeper.up.wait()

    def _rewire(self) -> None:
        """After a part came back: hand changed addresses to the children, which must be started again to see them."""
        if standin := self.keepers.get(STANDIN):
            self._look_at(standin)
        for keeper in self.keepers.values():
            if not isinstance(keeper.part, Module) or keeper.part.name == STANDIN:
                continue
            if keeper.part.environment != (found := self._environment(keeper.part.name)):
                keeper.part.environment = found
                keeper.recycle()

    def _look_at(self, standin: Keeper) -> None:
        if standin.ready:
            self._provider, self._answers = standin.ready.address, standin.ready.detail

    def _environment(self, child: str) -> dict[str, str]:
        wiring = Wiring(self._data, self._dsn(), self._nats_url(), self._port, self._provider, self._answers)
        return environment(os.environ, wiring, self.settings, child)

    def _dsn(self) -> str:
        server = self._embedded("postgres")
        return server.dsn if isinstance(server, embedded.Postgres) else self.settings.database_url or ""

    def _nats_url(self) -> str:
        server = self._embedded("nats")
        return server.url if isinstance(server, embedded.Nats) else self.settings.nats_url or ""

    def _embedded(self, name: str) -> embedded.Postgres | embedded.Nats | None:
        part = self.keepers[name].part if name in self.keepers else None
        return part.server if isinstance(part, Server) else None

    async def _until(self, stop: asyncio.Event) -> None:
        """Until `stop`, or a server is given up, or every child is."""
        trimming = asyncio.create_task(self._trim_logs())
        stopped = asyncio.create_task(stop.wait())
        children = asyncio.create_task(_all([task for name, task in self._tasks.items() if name in self._plan.commands]))
        servers = [task for name, task in self._tasks.items() if name in {"postgres", "nats"}]
        waiting: list[asyncio.Task[Any]] = [stopped, children, *servers]
        done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        for task in (trimming, stopped, children):
            task.cancel()
        for task in done:
            task.result()
        if not stop.is_set():
            raise TzurotError("Tzurot cannot go on: the lines above say which part was given up and why.")

    async def _trim_logs(self) -> None:
        while True:
            await asyncio.sleep(_TRIM_EVERY_S)
            for keeper in self.keepers.values():
                if isinstance(keeper.part, Module):
                    await asyncio.to_thread(keeper.part.trim_log)

    async def _down(self) -> None:
        if not self.keepers:
            return
        begun = clock.monotonic()
        self._report.say(Notice("stopping", "tzurot", "is stopping"))
        for names in self.down:
            await asyncio.gather(*(self._end(name) for name in names if name in self.keepers))
        self._report.say(Notice("stopped", "tzurot", "stopped", clock.monotonic() - begun))

    async def _end(self, name: str) -> None:
        task = self._tasks.get(name)
        if task is not None:
            task.cancel()
            await asyncio.wait([task])
        await self.keepers[name].part.stop()


async def _all(tasks: Sequence[asyncio.Task[None]]) -> None:
    """Wait for all tasks, leaving them running when this wait is dropped. Raises what one of them raised."""
    done, _ = await asyncio.wait(tasks)
    for task in done:
        task.result()


async def _unless(stop: asyncio.Event, work: Coroutine[None, None, None]) -> bool:
    """Do the work, but drop it when `stop` is set first. Whether it was done."""
    task, stopped = asyncio.ensure_future(work), asyncio.ensure_future(stop.wait())
    await asyncio.wait([task, stopped], return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    if not task.done():
        task.cancel()
        await asyncio.wait([task])
        return False
    task.result()
    return True


def run_system(system: System, up: Callable[[str | None], object]) -> int:
    """Run until Ctrl-C, SIGTERM or the terminal is closed; a second signal ends the children at once. Returns the exit code."""

    async def main() -> int:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        numbers = [signal.SIGINT, signal.SIGTERM]
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # under nohup it stays ignored
            numbers.append(signal.SIGHUP)
        for number in numbers:
            loop.add_signal_handler(number, partial(_end, system, stop))
        return await system.run(stop, up)

    return asyncio.run(main())


def _end(system: System, stop: asyncio.Event) -> None:
    if stop.is_set():
        system.hurry()
    stop.set()
