"""A pooler before Postgres, as small as one can be: PgBouncer's two ways to lend connections.

    async with Pooler.before(dsn, mode="transaction") as address: ...

Each client brings a connection along, which goes into one pool. In mode `session` a client keeps its own; in mode `transaction` it is
lent the one that waited longest, until Postgres says that no transaction is open. Clients are told made-up process ids.
"""

import asyncio
import struct
from asyncio import StreamReader, StreamWriter
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Literal

from psycopg.conninfo import conninfo_to_dict

from engine.outside.addresses import database_url

Mode = Literal["session", "transaction"]
_KEY, _READY, _IDLE, _TERMINATE = b"K", b"Z", b"I", b"X"


@dataclass(slots=True)
class _Server:
    """A connection to Postgres."""

    reader: StreamReader
    writer: StreamWriter


@dataclass(slots=True)
class Pooler:
    """Listens on loopback; `socket` is Postgres' own."""

    socket: str
    mode: Mode
    _idle: deque[_Server] = field(default_factory=deque)
    _opened: list[StreamWriter] = field(default_factory=list)
    """All connections of either side there ever were: whatever became of a client, none stays open."""

    @classmethod
    @asynccontextmanager
    async def before(cls, dsn: str, mode: Mode) -> AsyncIterator[str]:
        """The address at which the pooler stands before the Postgres of `dsn`, which listens on a socket of its folder."""
        parts = {name: str(value) for name, value in conninfo_to_dict(dsn).items() if value is not None}
        pooler = cls(f"{parts['host']}/.s.PGSQL.{parts.get('port', '5432')}", mode)
        server = await asyncio.start_server(pooler._serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        try:
            yield database_url(parts | {"host": "127.0.0.1", "port": str(port), "sslmode": "disable", "gssencmode": "disable"})
        finally:
            server.close()
            for opened in pooler._opened:
                opened.close()
            for opened in pooler._opened:
                with suppress(OSError):
                    await opened.wait_closed()

    async def _serve(self, reader: StreamReader, writer: StreamWriter) -> None:
        said: asyncio.Queue[bytes] = asyncio.Queue()
        listening = None
        self._opened.append(writer)
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            own = _Server(*await asyncio.open_unix_connection(self.socket))
            self._opened.append(own.writer)
            own.writer.write(await _start(reader))
            listening = asyncio.create_task(_listen(reader, said))
            await self._carry(said, writer, own, until=b"")
            self._idle.append(own)
            while (first := await said.get())[:1] != _TERMINATE:
                server = self._take(own)
                server.writer.write(first)
                await self._carry(said, writer, server, until=_IDLE)
                self._idle.append(server)
        if listening is not None:
            listening.cancel()
        writer.close()

    async def _carry(self, said: asyncio.Queue[bytes], writer: StreamWriter, server: _Server, until: bytes) -> None:
        """Pass messages both ways until Postgres is ready for the next transaction."""
        answers = asyncio.create_task(self._answers(writer, server, until))
        while not answers.done():
            more = asyncio.create_task(said.get())
            await asyncio.wait((more, answers), return_when=asyncio.FIRST_COMPLETED)
            if not more.done():
                more.cancel()
            elif (message := more.result())[:1] == _TERMINATE:
                answers.cancel()
                raise ConnectionResetError
            else:
                server.writer.write(message)
        await answers

    def _take(self, own: _Server) -> _Server:
        if self.mode == "session":
            self._idle.remove(own)
            return own
        return self._idle.popleft()

    async def _answers(self, writer: StreamWriter, server: _Server, until: bytes) -> None:
        while True:
            message = await _message(server.reader)
            if message[:1] == _KEY:
                message = message[:5] + struct.pack("!i", 1) + message[9:]
            writer.write(message)
            if message[:1] == _READY and message[5:6].startswith(until):
                return


async def _listen(reader: StreamReader, said: asyncio.Queue[bytes]) -> None:
    """Put what a client says into the queue; at its end the message that says so."""
    try:
        while True:
            said.put_nowait(await _message(reader))
    except (ConnectionError, asyncio.IncompleteReadError):
        said.put_nowait(_TERMINATE)


async def _start(reader: StreamReader) -> bytes:
    """The first message, which alone has no letter."""
    size = await reader.readexactly(4)
    return size + await reader.readexactly(struct.unpack("!i", size)[0] - 4)


async def _message(reader: StreamReader) -> bytes:
    head = await reader.readexactly(5)
    return head + await reader.readexactly(struct.unpack("!i", head[1:])[0] - 4)
