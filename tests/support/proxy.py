"""A TCP proxy that is unpleasant on request, with Toxiproxy's vocabulary.

    async with Proxy.start(port) as proxy:
        proxy.add(Latency(0.2))                    # both ways; add(toxic, "downstream") for the server's answers only
        proxy.clear()
        proxy.freeze()                             # open connections fall silent for ever, new ones work
        await proxy.down()                         # refuse and cut; `await proxy.up()` listens on the same port again

Toxics apply to open connections at once.
"""

import asyncio
import random
import socket
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Literal, Protocol

from engine.clock import monotonic

Direction = Literal["upstream", "downstream"]
BOTH: tuple[Direction, ...] = ("upstream", "downstream")
CHUNK = 64 * 1024


@dataclass(frozen=True, slots=True)
class Latency:
    """Everything arrives this many seconds later, give or take `jitter`."""

    seconds: float
    jitter: float = 0.0


@dataclass(frozen=True, slots=True)
class Bandwidth:
    """No more than this many bytes in a second."""

    rate: float


@dataclass(frozen=True, slots=True)
class SlowClose:
    """The end of a connection is passed on this much later."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Timeout:
    """Nothing gets through; what is sent is lost. After `seconds` the connection is closed, with 0 it stays half open for ever."""

    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class ResetPeer:
    """The connection ends with RST, `seconds` after the next data."""

    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Slicer:
    """Data arrives in pieces of `size` bytes with a pause between them."""

    size: int
    pause: float = 0.0


@dataclass(frozen=True, slots=True)
class LimitData:
    """The connection is closed after so many bytes."""

    size: int


Toxic = Latency | Bandwidth | SlowClose | Timeout | ResetPeer | Slicer | LimitData


class Inspector(Protocol):
    """Looks at one connection. `received` returns what the client shall see of an answer; None cuts the connection."""

    def sent(self, data: bytes) -> None: ...
    def received(self, data: bytes) -> bytes | None: ...


class _Cut(Exception):
    """Close both ends."""


class _Reset(Exception):
    """Close both ends with RST."""


@dataclass(slots=True, eq=False)
class _Link:
    """One open connection. `frozen` is since when it is half open (monotonic seconds)."""

    task: "asyncio.Task[None] | None" = field(default_factory=asyncio.current_task)
    frozen: float | None = None


class Proxy:
    """Passes connections to a port of 127.0.0.1. Make one with `Proxy.start`."""

    def __init__(self, target: int, inspect: Callable[[], Inspector] | None = None) -> None:
        self.target = target
        self.port = 0
        self.toxics: dict[Direction, list[Toxic]] = {"upstream": [], "downstream": []}
        self._inspect = inspect
        self._server: asyncio.Server | None = None
        self._links: set[_Link] = set()
        self.silences: list[float] = []
        """How long each frozen connection was kept by its client before it gave it up, in seconds."""

    @classmethod
    @asynccontextmanager
    async def start(cls, target: int, inspect: Callable[[], Inspector] | None = None) -> AsyncIterator["Proxy"]:
        """Listen on a free port until the block ends."""
        proxy = cls(target, inspect)
        await proxy.up()
        try:
            yield proxy
        finally:
            await proxy.down()

    @property
    def connections(self) -> int:
        """How many are open."""
        return len(self._links)

    @property
    def frozen(self) -> int:
        """How many frozen connections their clients still believe in."""
        return sum(link.frozen is not None for link in self._links)

    def freeze(self) -> int:
        """Make every open connection half open: nothing passes any more, and neither side is told. Returns how many."""
        fresh = [link for link in self._links if link.frozen is None]
        for link in fresh:
            link.frozen = monotonic()
        return len(fresh)

    def add(self, toxic: Toxic, *directions: Direction) -> None:
        """Apply a toxic; without a direction, to both."""
        for direction in directions or BOTH:
            self.toxics[direction].append(toxic)

    def clear(self) -> None:
        """No toxic any more."""
        for toxics in self.toxics.values():
            toxics.clear()

    async def up(self) -> None:
        """Accept connections, on the same port as before."""
        if self._server is None:
            self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
            self.port = self._server.sockets[0].getsockname()[1]

    async def down(self) -> None:
        """Refuse new connections and cut the open ones."""
        if self._server is not None:
            self._server.close()
            self._server = None
        await self.cut()

    async def cut(self) -> None:
        """End every open connection; new ones are welcome."""
        tasks = [link.task for link in self._links if link.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        link = _Link()
        self._links.add(link)
        try:
            await self._link(reader, writer, link)
            if link.frozen is not None:
                self.silences.append(monotonic() - link.frozen)
        except asyncio.CancelledError:
            await _close(writer, reset=False)  # by `cut`; the task of a server's callback must not end as cancelled
        finally:
            self._links.discard(link)

    async def _link(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter, link: _Link) -> None:
        try:
            server, to_server = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            return await _close(to_client, reset=True)
        inspector = self._inspect() if self._inspect else None
        reset = False
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(self._pass("upstream", client, to_server, inspector, link))
                both.create_task(self._pass("downstream", server, to_client, inspector, link))
        except* _Reset:
            reset = True
        except* (_Cut, OSError):
            pass
        finally:
            await _close(to_server, reset=reset)
            await _close(to_client, reset=reset)

    async def _pass(
        self, direction: Direction, source: asyncio.StreamReader, target: asyncio.StreamWriter, inspector: Inspector | None, link: _Link
    ) -> None:
        """Read, see what the toxics make of it, write. The stamp lets later data catch up with its own latency."""
        pending: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(64)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(_read(source, pending))
            passed = 0
            while True:
                stamp, data = await pending.get()
                if link.frozen is not None:
                    if data:
                        continue
                    if direction == "upstream":
                        raise _Cut  # the client has given it up
                    return None  # the server has: the client is not told
                if not data:
                    await self._end(direction)
                    return target.write_eof()
                seen = _inspected(inspector, direction, data)
                passed += len(data)
                for piece in await self._suffer(direction, stamp, passed, seen):
                    target.write(piece)
                    await target.drain()
                    await self._pause(direction)

    async def _suffer(self, direction: Direction, stamp: float, passed: int, data: bytes) -> list[bytes]:
        pieces = [data]
        for toxic in list(self.toxics[direction]):
            match toxic:
                case Latency(seconds, jitter):
                    await asyncio.sleep(max(0.0, stamp + seconds + random.uniform(-jitter, jitter) - monotonic()))
                case Bandwidth(rate):
                    await asyncio.sleep(len(data) / rate)
                case Timeout(seconds):
                    if seconds:
                        await asyncio.sleep(seconds)
                        raise _Cut
                    return []
                case ResetPeer(seconds):
                    await asyncio.sleep(seconds)
                    raise _Reset
                case LimitData(size) if passed >= size:
                    raise _Cut
                case Slicer(size):
                    pieces = [piece[at : at + size] for piece in pieces for at in range(0, len(piece), size)]
                case _:
                    continue
        return pieces

    async def _pause(self, direction: Direction) -> None:
        for toxic in self.toxics[direction]:
            if isinstance(toxic, Slicer) and toxic.pause:
                await asyncio.sleep(toxic.pause)

    async def _end(self, direction: Direction) -> None:
        for toxic in self.toxics[direction]:
            if isinstance(toxic, SlowClose):
                await asyncio.sleep(toxic.seconds)


def _inspected(inspector: Inspector | None, direction: Direction, data: bytes) -> bytes:
    if inspector is None:
        return data
    if direction == "upstream":
        inspector.sent(data)
        return data
    seen = inspector.received(data)
    if seen is None:
        raise _Cut
    return seen


async def _read(source: asyncio.StreamReader, pending: "asyncio.Queue[tuple[float, bytes]]") -> None:
    while True:
        try:
            data = await source.read(CHUNK)
        except OSError:
            data = b""
        await pending.put((monotonic(), data))
        if not data:
            return


async def _close(writer: asyncio.StreamWriter, *, reset: bool) -> None:
    raw = writer.get_extra_info("socket")
    if reset and raw is not None:
        with suppress(OSError):
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()
        return
    writer.close()
    with suppress(OSError, asyncio.CancelledError):
        await writer.wait_closed()
