"""One connection on which appends are sent without waiting for the answer to the one before. Answers come in order.

Written on libpq's pipeline mode directly: the driver's own pipeline waits for a large parameter to be taken before it reads,
which can hang for ever, and its general cursor costs more than the append itself.
"""

import asyncio
from collections import deque
from contextlib import suppress

import psycopg
from psycopg import AsyncConnection, pq

from engine.store import connect
from engine.timeouts import ANSWER_SECONDS

Answer = "asyncio.Future[int]"
_NAME, _TEXT = b"append", b"SELECT append_events($1)"


class Pipe:
    """Open with `Pipe.open`. After a failure of the connection every answer fails and the pipe is of no more use."""

    def __init__(self, connection: AsyncConnection, element_oid: int) -> None:
        self.element_oid = element_oid
        self.broken = False
        self._connection = connection
        self._pgconn = connection.pgconn
        self._socket = connection.pgconn.socket
        self._loop = asyncio.get_running_loop()
        self._due: deque[tuple[asyncio.Future[int], float]] = deque()
        self._value: int | psycopg.Error = 0
        self._writing = False
        self._watch: asyncio.TimerHandle | None = None

    @classmethod
    async def open(cls, dsn: str) -> "Pipe":
        """Connect. Raises StoreUnavailable, psycopg.Error."""
        connection = await connect.connect(dsn, application="tzurot writer", guarded=True)
        try:
            row = await (await connection.execute("SELECT 'new_event'::regtype::oid, 'new_event[]'::regtype::oid")).fetchone()
            assert row is not None
            pipe = cls(connection, int(row[0]))
            await pipe._prepare(int(row[1]))
        except BaseException:
            await connection.close()
            raise
        return pipe

    async def _prepare(self, array_oid: int) -> None:
        self._pgconn.nonblocking = 1
        self._pgconn.enter_pipeline_mode()
        self._loop.add_reader(self._socket, self._readable)
        self._pgconn.send_prepare(_NAME, _TEXT, [array_oid])
        await self._sent()

    def append(self, events: bytes) -> "asyncio.Future[int]":
        """Send an array of `new_event`; the answer is the position before its first. Fails with psycopg.Error."""
        if self.broken:
            return self._failed()
        try:
            self._pgconn.send_query_prepared(_NAME, [events], [1], 1)
        except psycopg.Error as error:
            self._lost(error)
            return self._failed()
        return self._sent()

    def _failed(self) -> "asyncio.Future[int]":
        answer: asyncio.Future[int] = self._loop.create_future()
        answer.set_exception(psycopg.OperationalError("the connection is lost"))
        return answer

    def _sent(self) -> "asyncio.Future[int]":
        answer: asyncio.Future[int] = self._loop.create_future()
        self._due.append((answer, self._loop.time()))
        if self._watch is None:
            self._watch = self._loop.call_later(ANSWER_SECONDS, self._check)
        try:
            self._pgconn.pipeline_sync()
        except psycopg.Error as error:
            self._lost(error)
        else:
            self._flush()
        return answer

    def _flush(self) -> None:
        try:
            more = self._pgconn.flush()
        except psycopg.Error as error:
            return self._lost(error)
        if more and not self._writing:
            self._writing = True
            self._loop.add_writer(self._socket, self._flush)
        elif not more and self._writing:
            self._writing = False
            self._loop.remove_writer(self._socket)
        return None

    def _readable(self) -> None:
        try:
            self._pgconn.consume_input()
            while self._due and not self._pgconn.is_busy():
                self._digest(self._pgconn.get_result())
            if self._pgconn.status == pq.ConnStatus.BAD:
                self._lost(self._value if isinstance(self._value, psycopg.Error) else psycopg.OperationalError("the connection is lost"))
        except psycopg.Error as error:
            self._lost(error)
        else:
            if self._writing:
                self._flush()

    def _digest(self, result: pq.abc.PGresult | None) -> None:
        if result is None:
            return
        status = result.status
        if status == pq.ExecStatus.TUPLES_OK:
            value = result.get_value(0, 0)
            assert value is not None
            self._value = int.from_bytes(value, "big")
        elif status == pq.ExecStatus.PIPELINE_SYNC:
            answer, value_or_error = self._due.popleft()[0], self._value
            self._value = 0
            _answer(answer, value_or_error)
        elif status in (pq.ExecStatus.FATAL_ERROR, pq.ExecStatus.PIPELINE_ABORTED) and not isinstance(self._value, psycopg.Error):
            self._value = psycopg.errors.error_from_result(result)

    def _check(self) -> None:
        self._watch = None
        if not self._due or self.broken:
            return None
        waited = self._loop.time() - self._due[0][1]
        if waited >= ANSWER_SECONDS:
            return self._lost(psycopg.OperationalError("no answer in time"))
        self._watch = self._loop.call_later(ANSWER_SECONDS - waited, self._check)
        return None

    def _lost(self, error: psycopg.Error) -> None:
        if self.broken:
            return
        self.broken = True
        self._detach()
        if not isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
            error = psycopg.OperationalError(type(error).__name__)
        while self._due:
            _answer(self._due.popleft()[0], error)

    def _detach(self) -> None:
        self._loop.remove_reader(self._socket)
        if self._writing:
            self._writing = False
            self._loop.remove_writer(self._socket)
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None

    async def close(self) -> None:
        """Give the connection up; whoever still waits for an answer is told."""
        self._lost(psycopg.OperationalError("the connection was closed"))
        with suppress(psycopg.Error):
            await self._connection.close()


def _answer(future: "asyncio.Future[int]", outcome: int | psycopg.Error) -> None:
    if future.done():
        return
    if isinstance(outcome, psycopg.Error):
        future.set_exception(outcome)
    else:
        future.set_result(outcome)
