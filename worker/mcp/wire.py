"""How a server is reached: as a process that we start, or over HTTP. Either way what it may send is bounded."""

import asyncio
import ipaddress
import os
import signal
import socket
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from engine.outside import sites
from engine.resources.craft.mcp import McpServer

MOST_BYTES = 1024 * 1024
"""Of one message, and of all that comes between one question and the next."""
PATIENCE_S = 2.0
"""Time a process is given to end by itself."""
CONNECT_S, READ_S = 5.0, 30.0
TOO_MUCH = "The server sends too much."
_PASSED_ON = ("HOME", "LANG", "LC_ALL", "LOGNAME", "PATH", "SHELL", "TERM", "TMPDIR", "TZ", "USER")
"""What a process is told of our environment: nothing that could be a secret."""


class TooMuch(Exception):
    """A server sent more than it may."""


@dataclass(slots=True)
class Wire:
    """One connection: what is read from, what is written to, and whether it is over. `why` is a sentence about its end."""

    read: Any = None
    write: Any = None
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    why: str = "The server ended."
    bad: bool = False
    taken: int = 0

    def broke(self, why: str) -> None:
        """Remember what it did that it may not do."""
        self.why, self.bad = why, True

    def took(self, size: int) -> None:
        """Count what came in. Raises TooMuch."""
        self.taken += size
        if self.taken > MOST_BYTES:
            self.broke(TOO_MUCH)
            raise TooMuch

    def asked(self) -> None:
        """A question goes out: what comes now is counted anew."""
        self.taken = 0


@asynccontextmanager
async def process(server: McpServer, wires: list[Wire]) -> AsyncIterator[Wire]:
    """A server as a process of its own group, which ends with the block. Raises OSError when it cannot be started."""
    import anyio

    environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ} | server.env
    started = await asyncio.create_subprocess_exec(
        server.command, *server.args, stdin=PIPE, stdout=PIPE, stderr=DEVNULL, env=environment, limit=MOST_BYTES, start_new_session=True
    )
    to_session, read = anyio.create_memory_object_stream[Any](0)
    write, from_session = anyio.create_memory_object_stream[Any](0)
    wire = Wire(read, write)
    wires.append(wire)
    tasks = [asyncio.create_task(_reading(started, to_session, wire)), asyncio.create_task(_writing(started, from_session, wire))]
    try:
        yield wire
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for stream in (to_session, read, write, from_session):
            stream.close()
        stopping = asyncio.ensure_future(_stopped(started))
        try:
            await asyncio.shield(stopping)
        except asyncio.CancelledError:
            await stopping
            raise


async def _reading(started: Process, to_session: Any, wire: Wire) -> None:
    import anyio
    from mcp.shared.message import SessionMessage
    from mcp_types import jsonrpc_message_adapter

    assert started.stdout is not None
    try:
        while line := await started.stdout.readline():
            wire.took(len(line))
            with suppress(ValueError):  # programs print things; what is no message is passed over
                await to_session.send(SessionMessage(jsonrpc_message_adapter.validate_json(line, by_name=False)))
    except TooMuch:
        pass
    except ValueError:  # a line longer than the limit
        wire.broke(TOO_MUCH)
    except (anyio.ClosedResourceError, anyio.BrokenResourceError, OSError):
        pass
    finally:
        wire.ended.set()
        to_session.close()


async def _writing(started: Process, from_session: Any, wire: Wire) -> None:
    assert started.stdin is not None
    try:
        async for message in from_session:
            wire.asked()
            started.stdin.write(message.message.model_dump_json(by_alias=True, exclude_unset=True).encode() + b"\n")
            await started.stdin.drain()
    except (OSError, RuntimeError):
        wire.ended.set()


async def _stopped(started: Process) -> None:
    """End it: its pipes first, then as kindly as it lets us."""
    assert started.stdin is not None
    assert started.stdout is not None
    started.stdin.close()
    started.stdout._transport.close()  # type: ignore[attr-defined]  # a pipe nobody reads on would be waited for
    for how in (signal.SIGTERM, signal.SIGKILL):
        with suppress(TimeoutError):
            await asyncio.wait_for(started.wait(), PATIENCE_S)
        if started.returncode is not None:
            return
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(started.pid, how)
    await started.wait()


@asynccontextmanager
async def web(server: McpServer, wires: list[Wire]) -> AsyncIterator[Wire]:
    """A server at an address: looked up and vetted for each request, led nowhere else, its answers bounded."""
    import httpx2
    from mcp.client.streamable_http import streamable_http_client

    over = httpx2.AsyncHTTPTransport(trust_env=False)
    wire = Wire()
    wires.append(wire)
    vetted = _vetted(over, server.target(), wire)
    timeout = httpx2.Timeout(READ_S, connect=CONNECT_S)
    async with AsyncExitStack() as stack:
        client = httpx2.AsyncClient(transport=vetted, headers=server.headers, timeout=timeout, follow_redirects=False, trust_env=False)
        await stack.enter_async_context(client)
        wire.read, wire.write = await stack.enter_async_context(
            streamable_http_client(server.url, http_client=client, max_sse_event_size=MOST_BYTES)
        )
        yield wire


def _counted(body: Any, wire: Wire) -> Any:
    """A body of which no more is read than a server may send."""
    import httpx2

    class Counted(httpx2.AsyncByteStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            size = 0
            async for chunk in body:
                size += len(chunk)
                if size > MOST_BYTES:
                    wire.broke(TOO_MUCH)
                    raise httpx2.ReadError("too much")
                yield chunk

        async def aclose(self) -> None:
            await body.aclose()

    return Counted()


def _vetted(over: Any, target: sites.Target, wire: Wire) -> Any:
    """A transport of the library's own client that goes to the one host there is, if that lies where it may."""
    import httpx2

    class Vetted(httpx2.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
            if request.method == "GET":  # what a server says unasked is nothing to us
                return httpx2.Response(405, request=request)
            if not _is_at(request.url, target):
                raise httpx2.ConnectError("led to another host")
            address = await _looked_up(target)
            if address is None:
                wire.broke("The server's host does not lie on the open network.")
                raise httpx2.ConnectError("not on the open network")
            request.headers["accept-encoding"] = "identity"  # so that what is counted is what is read
            request.headers["host"] = target.authority
            request.extensions = {**request.extensions, "sni_hostname": target.host}
            request.url = request.url.copy_with(host=str(address))
            answer: httpx2.Response = await over.handle_async_request(request)
            answer.stream = _counted(answer.stream, wire)
            return answer

        async def aclose(self) -> None:
            await over.aclose()

    return Vetted()


def _is_at(url: Any, target: sites.Target) -> bool:
    return (url.scheme, url.host, url.port or (443 if url.scheme == "https" else 80)) == (target.scheme, target.host, target.port)


async def _looked_up(target: sites.Target) -> sites.Address | None:
    """The number that is connected to; None when the host lies where it may not."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return None
    addresses = [ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in found]
    return addresses[0] if addresses and (target.anywhere or all(map(sites.public, addresses))) else None
