"""A Tzurot on several machines, all of them this one: a cluster of servers, and of each part those that stand by for it (ADR 75)."""

import asyncio
import json
import os
import signal
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

from bot.cli.supervisor.keeper import Keeper
from bot.cli.supervisor.parts import Module, Server
from bot.cli.supervisor.plan import STANDIN, ProcessPlan, module, plan
from bot.cli.supervisor.report import Report
from bot.cli.supervisor.system import System
from engine.config import Settings
from engine.embedded.cluster import BROKERS, DATABASES, Cluster
from engine.embedded.folder import Busy, claim, written
from engine.errors import TzurotError

FOLDER = "cluster"
PARTS = {
    "projections": "projections",
    "projections2": "projections",
    "worker": "worker",
    "worker2": "worker",
    "worker3": "worker",
    "console": "bot.console",
    "bot": "bot.discord",
    "bot2": "bot.discord",
}
NODES = (*DATABASES, *BROKERS, *PARTS)
_LOOK_S = 0.2


class Machines(System):
    """Everything `tzurot cluster up` runs. A node that was killed with `kill` stays away until `start`."""

    down = (("bot", "bot2", "console"), ("worker", "worker2", "worker3"), ("projections", "projections2", STANDIN), BROKERS, DATABASES)

    def __init__(self, settings: Settings, report: Report, *, logs: Path | None = None) -> None:
        children = ProcessPlan({name: module(target) for name, target in PARTS.items()}, plan(settings).standin)
        super().__init__(settings, report, what=children, logs=logs)
        self.cluster = Cluster(self._data / FOLDER)
        self._watching: asyncio.Task[None] | None = None

    async def _start(self) -> None:
        if self.settings.database_url or self.settings.nats_url:
            raise TzurotError("`tzurot cluster up` brings its own servers: unset DATABASE_URL and NATS_URL, or use `tzurot run`.")
        for name in NODES:
            _mark(self._data, name).unlink(missing_ok=True)
        self._watching = asyncio.create_task(self.cluster.watch(), name="cluster watch")
        await super()._start()

    async def _down(self) -> None:
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)
        await super()._down()

    async def _start_database(self) -> None:
        for name in (self.cluster.primary, self.cluster.replica):
            await self._serve(Server(name, self.cluster.databases[name], "Postgres 18"))
        await self._schema()

    async def _start_broker(self) -> None:
        nodes = self.cluster.brokers.items()
        await asyncio.gather(*(self._serve(Server(name, member, "NATS of a cluster")) for name, member in nodes))

    def _keeper(self, part: Server | Module, may_start: Callable[[], Awaitable[object]]) -> Keeper:
        async def allowed() -> None:
            while _mark(self._data, part.name).exists():
                await asyncio.sleep(_LOOK_S)
            await may_start()

        return super()._keeper(part, allowed)

    def _rewire(self) -> None:
        super()._rewire()
        pids = {name: keeper.part.pid for name, keeper in self.keepers.items() if keeper.ready}
        written(self._data / FOLDER / "pids.json", json.dumps(pids))

    def _dsn(self) -> str:
        return self.cluster.dsn

    def _nats_url(self) -> str:
        return self.cluster.nats_url

    def _environment(self, child: str) -> dict[str, str]:
        found = super()._environment(child.rstrip("0123456789"))
        if child == STANDIN:
            return found
        if child.rstrip("0123456789") != child:  # one port cannot be taken twice
            found = {name: value for name, value in found.items() if not name.endswith("_METRICS_PORT")}
        return found | {"DATABASE_READ_URL": self.cluster.read_dsn, "NATS_REPLICAS": str(len(BROKERS))}


def kill(data: Path, name: str) -> int:
    """SIGKILL a node of a running cluster, which stays away until `start`; returns its process id. Raises TzurotError."""
    supervisor, pid = _supervisor(data), pids(data).get(_known(name), 0)
    if not pid or _parent(pid) != supervisor:
        raise TzurotError(f"{name} does not run. `tzurot cluster start {name}` starts it.")
    written(_mark(data, name), "killed\n")
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    return pid


def start(data: Path, name: str) -> None:
    """Let a node that was killed come back. Raises TzurotError."""
    _supervisor(data)
    if not _mark(data, _known(name)).exists():
        raise TzurotError(f"{name} was not killed. `tzurot cluster status` shows what runs.")
    _mark(data, name).unlink()


def pids(data: Path) -> dict[str, int]:
    """Process ids by node, of a cluster that runs or ran here."""
    try:
        return dict(json.loads((data / FOLDER / "pids.json").read_text()))
    except (OSError, ValueError):
        return {}


def away(data: Path, name: str) -> bool:
    """Whether a node was killed and not started since."""
    return _mark(data, name).exists()


def runs(pid: int, data: Path) -> bool:
    """Whether this process is one of the cluster's."""
    with suppress(TzurotError):
        return _parent(pid) == _supervisor(data)
    return False


def _known(name: str) -> str:
    if name not in NODES:
        raise TzurotError(f"There is no node {name[:40]}. There are {', '.join(NODES)}.")
    return name


def _mark(data: Path, name: str) -> Path:
    return data / FOLDER / f"{name}.down"


def _supervisor(data: Path) -> int:
    """The process id of the `tzurot cluster up` of this data folder. Raises TzurotError when there is none."""
    if (data / FOLDER).exists():
        try:
            with claim(data / "tzurot.lock"):
                pass
        except Busy as busy:
            return busy.pid
    raise TzurotError(f"No cluster runs in {data}. Start it with: tzurot cluster up")


def _parent(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except (OSError, ValueError, IndexError):
        return 0
