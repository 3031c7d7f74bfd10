"""The fault proxy does to a connection what its toxics say, and nothing without one."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.clock import monotonic
from tests.support.proxy import Bandwidth, Inspector, Latency, LimitData, Proxy, ResetPeer, Slicer, SlowClose, Timeout

Echoing = tuple[Proxy, asyncio.StreamReader, asyncio.StreamWriter]


@asynccontextmanager
async def echoing(inspect: Callable[[], Inspector] | None = None) -> AsyncIterator[Echoing]:
    """A connection through a proxy to a server that says everything back."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(1000):
                writer.write(data)
                await writer.drain()
        except OSError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    async with server, Proxy.start(server.sockets[0].getsockname()[1], inspect) as proxy:
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        try:
            yield proxy, reader, writer
        finally:
            writer.close()


async def _within[T](work: Awaitable[T]) -> T:
    return await asyncio.wait_for(work, 10.0)


@settings(max_examples=25)
@given(st.binary(min_size=1, max_size=5000), st.integers(1, 700))
def test_bytes_arrive_as_they_were_sent_whatever_the_slices(data: bytes, size: int) -> None:
    """Slicing changes the pieces, never the content."""

    async def scenario() -> bytes:
        async with echoing() as (proxy, reader, writer):
            proxy.add(Slicer(size))
            writer.write(data)
            return await _within(reader.readexactly(len(data)))

    assert asyncio.run(scenario()) == data


async def test_latency_delays_both_ways() -> None:
    """An echo takes at least the latency of both directions."""
    async with echoing() as (proxy, reader, writer):
        proxy.add(Latency(0.1))
        begun = monotonic()
        writer.write(b"x")
        assert await _within(reader.readexactly(1)) == b"x"
        assert monotonic() - begun >= 0.2


async def test_bandwidth_is_a_bound() -> None:
    """3,000 bytes at 10,000 a second cannot arrive in less than 0.3 s."""
    async with echoing() as (proxy, reader, writer):
        proxy.add(Bandwidth(10_000), "downstream")
        begun = monotonic()
        writer.write(bytes(3000))
        await _within(reader.readexactly(3000))
        assert monotonic() - begun >= 0.3


async def test_a_timeout_of_zero_is_a_half_open_connection() -> None:
    """Nothing gets through and nothing is closed; after `clear` new bytes pass, the lost ones are lost."""
    async with echoing() as (proxy, reader, writer):
        proxy.add(Timeout(), "downstream")
        writer.write(b"lost")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(1), 0.2)
        proxy.clear()
        writer.write(b"seen")
        assert await _within(reader.readexactly(4)) == b"seen"


async def test_a_timeout_closes_after_its_time() -> None:
    """The client sees the end of the connection, not an answer."""
    async with echoing() as (proxy, reader, writer):
        proxy.add(Timeout(0.05), "upstream")
        writer.write(b"x")
        assert await _within(reader.read(1)) == b""


async def test_reset_peer_resets() -> None:
    """The client gets RST and not a polite end."""
    async with echoing() as (proxy, reader, writer):
        proxy.add(ResetPeer(), "downstream")
        writer.write(b"x")
        with pytest.raises(ConnectionResetError):
            await _within(reader.read(1))


async def test_limit_data_closes_after_so_many_bytes() -> None:
    """What is within the limit arrives; what crosses it does not."""
    async with echoing() as (proxy, reader, writer):
        proxy.add(LimitData(10), "downstream")
        writer.write(b"12345")
        assert await _within(reader.readexactly(5)) == b"12345"
        writer.write(b"67890")
        assert await _within(reader.read(10)) == b""


async def test_slow_close_keeps_the_end_back() -> None:
    """The server's end of the connection reaches the client later."""
    async with echoing() as (proxy, reader, writer):
        proxy.add(SlowClose(0.2), "downstream")
        begun = monotonic()
        writer.write_eof()
        assert await _within(reader.read()) == b""
        assert monotonic() - begun >= 0.2


async def test_down_cuts_and_refuses_and_up_listens_on_the_same_port() -> None:
    """As a server that crashed and came back."""
    async with echoing() as (proxy, reader, _):
        await proxy.down()
        assert await _within(reader.read(1)) == b""
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", proxy.port)
        await proxy.up()
        again, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        writer.write(b"back")
        assert await _within(again.readexactly(4)) == b"back"
        writer.close()


async def test_an_inspector_may_keep_an_answer_and_cut() -> None:
    """The server got the request, the client gets the end of the connection instead of the answer."""

    class Once:
        heard = b""

        def sent(self, data: bytes) -> None:
            Once.heard += data

        def received(self, data: bytes) -> bytes | None:
            return None

    async with echoing(Once) as (_, reader, writer):
        writer.write(b"x")
        assert await _within(reader.read(1)) == b""
    assert Once.heard == b"x"


async def test_a_frozen_connection_stays_open_and_silent_while_new_ones_work() -> None:
    """Half open: what is sent is lost and nobody is told, until the client itself gives up."""
    async with echoing() as (proxy, reader, writer):
        writer.write(b"before")
        assert await _within(reader.readexactly(6)) == b"before"
        assert proxy.freeze() == 1
        writer.write(b"lost")
        fresh_reader, fresh_writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        fresh_writer.write(b"new")
        assert await _within(fresh_reader.readexactly(3)) == b"new"
        assert (proxy.frozen, proxy.connections, reader.at_eof()) == (1, 2, False)
        writer.close()
        async with asyncio.timeout(60):
            while proxy.frozen:
                await asyncio.sleep(0.01)
        assert len(proxy.silences) == 1
        fresh_writer.close()


async def test_a_frozen_connection_hides_that_its_server_hung_up() -> None:
    """The server ends it, the client is not told."""
    there, leave, left = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there.set()
        await leave.wait()
        writer.close()
        await writer.wait_closed()
        left.set()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    async with server, Proxy.start(server.sockets[0].getsockname()[1]) as proxy:
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        await _within(there.wait())
        proxy.freeze()
        leave.set()
        await _within(left.wait())
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(1), 0.2)
        assert proxy.frozen == 1
        writer.close()
