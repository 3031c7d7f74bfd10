"""A whole Tzurot in a temporary folder, every part a real process that can be killed, stopped, paused and started alone.

    async with running(Shape()) as tzurot:
        message = await tzurot.discord.say("general", "ann", "@Lilith hello")
        await tzurot.kill("worker")
        await tzurot.start("worker", fail="turn.after_append:kill:1")

Nothing outlives the block, nor this process, even when it is killed.
"""

import asyncio
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bot.cli.supervisor.parts import Ended, Module, Ready
from bot.cli.supervisor.plan import module
from engine import embedded, ids, seed
from engine.clock import monotonic
from engine.embedded import shim
from engine.embedded.cluster import Cluster
from engine.events.quota import LimitsChanged
from engine.store import NewEvent, open_log
from engine.vault import MasterKey
from tests.support import clusters, forks
from tests.support.discord.server import StandinDiscord
from tests.support.discord.validate import Spec
from tests.support.proxy import Inspector, Proxy
from tests.support.stage import MODEL

MODULES = {
    "projections": "projections",
    "projections2": "projections",
    "worker": "worker",
    "worker2": "worker",
    "worker3": "worker",
    "console": "bot.console",
    "bot": "bot.discord",
    "bot2": "bot.discord",
    "twin": "tests.support.headstrong",
    "twin2": "tests.support.headstrong",
}
Server = embedded.Postgres | embedded.Nats
START_S = 120.0
GENEROUS = LimitsChanged(user_per_minute=10_000, guild_per_minute=100_000)
"""What a crowd on one server needs; the limits themselves have tests of their own."""
MASTER_KEY = "5a" * 32
_KEPT = ("PATH", "PYTHONPATH", "HOME", "LANG", "TMPDIR", "COVERAGE_PROCESS_START")


@dataclass(frozen=True, slots=True)
class Shape:
    """What runs. `fail` maps part names to CHAOS_FAIL; `settings` go to every part; `provider` is the address of one.

    `lanes` are channels lane-0, lane-1, ... of the stand-in Discord; `spec` holds its exchanges against Discord's OpenAPI.
    With `inspect` every part reaches Postgres through a proxy with that inspector, with `proxied` through one without; with
    `bus_proxied` it reaches NATS through one. With `cluster` there are three servers of NATS and two of Postgres, by the names of
    `Cluster.nodes`.
    """

    parts: tuple[str, ...] = ("projections", "worker", "bot")
    discord: bool = True
    proxied: bool = False
    bus_proxied: bool = False
    cluster: bool = False
    inspect: Callable[[], Inspector] | None = None
    settings: Mapping[str, str] = field(default_factory=dict)
    fail: Mapping[str, str] = field(default_factory=dict)
    provider: str | None = None
    lanes: int = 0
    spec: Spec | None = None


class Tzurot:
    """A running system. Made by `running`."""

    def __init__(self, folder: Path, shape: Shape, servers: Mapping[str, Server], cluster: Cluster | None = None) -> None:
        self.folder = folder
        self.shape = shape
        self.servers = servers
        self.cluster = cluster
        self.proxy: Proxy | None = None
        self.bus_proxy: Proxy | None = None
        self.parts: dict[str, Module] = {}
        self.ready: dict[str, Ready] = {}
        self._discord: StandinDiscord | None = None

    @property
    def postgres(self) -> embedded.Postgres:
        """The only one, or of a cluster the one that was the first primary."""
        found = self.servers.get("postgres") or self.servers["db1"]
        assert isinstance(found, embedded.Postgres)
        return found

    @property
    def nats(self) -> embedded.Nats:
        """The only one, or one of a cluster."""
        found = self.servers.get("nats") or self.servers["nats1"]
        assert isinstance(found, embedded.Nats)
        return found

    @property
    def dsn(self) -> str:
        """The database itself, past any proxy; of a cluster the one that takes what is stored."""
        return self.postgres.dsn if self.cluster is None else self.cluster.dsn

    @property
    def discord(self) -> StandinDiscord:
        """The stand-in, which lives on whatever is killed."""
        assert self._discord is not None, "this system was started without Discord"
        return self._discord

    @property
    def console(self) -> str:
        """Address of the console."""
        address = self.ready["console"].address
        assert address is not None
        return address

    def log_of(self, part: str) -> str:
        """What a part has logged so far."""
        file = self.folder / "logs" / f"{part}.log"
        return file.read_text(errors="replace") if file.exists() else ""

    def pid(self, part: str) -> int:
        return self.servers[part].pid if part in self.servers else self.parts[part].pid

    async def start(self, part: str, fail: str = "") -> None:
        """Start a part and wait until it is ready, with these failpoints."""
        if part in self.servers:
            await self.servers[part].start()
            return
        made = self.parts[part] = await self._made(part, self._environment(fail))
        try:
            async with asyncio.timeout(START_S):
                self.ready[part] = await made.start()
        except Ended as error:
            # The folder goes when the block ends, and with it the log the sentence speaks of.
            raise Ended(f"{error}\n{self.log_of(part)[-2000:]}", error.exit_code) from error

    async def _made(self, part: str, environment: Mapping[str, str]) -> Module:
        """What a miniature in the suite starts is a process that has its imports already: they are most of what it would compute."""
        log = self.folder / "logs" / f"{part}.log"
        if "PYTEST_VERSION" in os.environ:
            await forks.warm()
            return forks.Forked(part, MODULES[part], environment, log, self.folder)
        command = [sys.executable, "-I", "-S", shim.__file__, str(os.getpid()), str(int(signal.SIGKILL)), "-", "-", str(self.folder)]
        return Module(part, command + module(MODULES[part]), environment, log)

    async def kill(self, part: str) -> None:
        """SIGKILL."""
        if part in self.servers:
            self.servers[part].kill()
        else:
            self.parts[part].kill()

    async def stop(self, part: str) -> None:
        """A graceful end."""
        await (self.servers[part] if part in self.servers else self.parts[part]).stop()

    async def restart(self, part: str, fail: str = "") -> None:
        """Kill and start again."""
        await self.kill(part)
        await self.start(part, fail)

    def pause(self, part: str) -> None:
        """SIGSTOP: the process is neither dead nor alive."""
        os.kill(self.pid(part), signal.SIGSTOP)

    def resume(self, part: str) -> None:
        """SIGCONT."""
        os.kill(self.pid(part), signal.SIGCONT)

    async def died(self, part: str, within: float = 90.0) -> int:
        """Wait until a part ends by itself (a failpoint's kill); its exit code. TimeoutError when it lives on."""
        async with asyncio.timeout(within):
            code, _ = await self.parts[part].wait()
            return code

    def _environment(self, fail: str) -> dict[str, str]:
        found = {name: os.environ[name] for name in _KEPT if name in os.environ}
        found |= {"TZUROT_DATA": str(self.folder / "data"), "DATABASE_URL": self._dsn_of_parts(), "NATS_URL": self._nats_of_parts()}
        if self.cluster is not None:
            found |= {"DATABASE_READ_URL": self.cluster.read_dsn, "NATS_REPLICAS": str(len(self.cluster.brokers))}
        found |= {"MASTER_KEY": MASTER_KEY, "CONSOLE_PORT": "0", "LOG_FORMAT": "json"}
        if self.shape.provider:
            found["PROVIDER_BASE_URL"] = self.shape.provider
        if self._discord is not None:
            found |= {"DISCORD_TOKEN": self._discord.token, "DISCORD_API_BASE": self._discord.api_base}
            found.setdefault("DISCLOSURE", "false")
        if fail:
            found |= {"UNSAFE_FAILPOINTS": "true", "CHAOS_FAIL": fail}
        return found | dict(self.shape.settings)

    def _nats_of_parts(self) -> str:
        if self.cluster is not None:
            return self.cluster.nats_url
        return self.nats.url if self.bus_proxy is None else self.nats.url.replace(f":{self.nats.port}", f":{self.bus_proxy.port}")

    def _dsn_of_parts(self) -> str:
        return self.dsn if self.proxy is None else self.postgres.tcp_dsn.replace(f":{self.postgres.port}/", f":{self.proxy.port}/")


@asynccontextmanager
async def running(shape: Shape) -> AsyncIterator[Tzurot]:
    """Start everything in a temporary folder and wait until it is ready; at the end stop it and remove the folder."""
    folder = Path(tempfile.mkdtemp(prefix="tzurot-"))
    folder.chmod(0o755)  # so that Postgres, which is not root, may enter
    (folder / "logs").mkdir()
    async with AsyncExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        tzurot = await _with_servers(folder, shape, stack)
        async with open_log(tzurot.dsn, MasterKey.of(bytes.fromhex(MASTER_KEY))) as log:
            await seed.plant(log, MODEL)
            await log.append(NewEvent(GENEROUS, stream="limits", id=ids.derived("limits", "of a rig")))
        if shape.proxied or shape.inspect:
            tzurot.proxy = await stack.enter_async_context(Proxy.start(tzurot.postgres.port, shape.inspect))
        if shape.bus_proxied:
            tzurot.bus_proxy = await stack.enter_async_context(Proxy.start(tzurot.nats.port))
        if shape.discord:
            tzurot._discord = await stack.enter_async_context(StandinDiscord.start(spec=shape.spec))
            for lane in range(shape.lanes):
                tzurot._discord.add_channel(f"lane-{lane}")
        stack.push_async_callback(_end, tzurot)
        await asyncio.gather(*(tzurot.start(part, shape.fail.get(part, "")) for part in shape.parts))
        yield tzurot


async def _with_servers(folder: Path, shape: Shape, stack: AsyncExitStack) -> Tzurot:
    """The servers that the shape asks for, running; stopped when the stack ends."""
    if not shape.cluster:
        postgres = await stack.enter_async_context(clusters.migrated(folder / "data"))
        return Tzurot(folder, shape, {"postgres": postgres, "nats": await stack.enter_async_context(embedded.nats(folder / "data"))})
    first = folder / "cluster" / "db1"
    await asyncio.to_thread(clusters.copied, first)
    await asyncio.to_thread(shutil.copy2, first / "postgres.password", first.parent)
    cluster = Cluster(first.parent)
    stack.push_async_callback(cluster.stop)
    await cluster.start()
    return Tzurot(folder, shape, cluster.nodes, cluster)


async def _end(tzurot: Tzurot) -> None:
    """Paused parts too: SIGKILL reaches those."""
    for part in tzurot.parts.values():
        part.kill()
    await asyncio.gather(*(part.stop() for part in tzurot.parts.values()))


async def until[T](look: Callable[[], Awaitable[T | None]], within: float, what: str) -> T:
    """Look every few milliseconds until something truthy is seen; TimeoutError that says what did not happen."""
    deadline, pause = monotonic() + within, 0.005
    while not (seen := await look()):
        if monotonic() >= deadline:
            raise TimeoutError(f"not within {within:g} s: {what}")
        await asyncio.sleep(pause)
        pause = min(pause * 1.3, 0.1)
    return seen
