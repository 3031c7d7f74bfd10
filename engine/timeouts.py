"""Not waiting for ever for a server that has fallen silent."""

import asyncio
import os
import socket
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any

import psycopg
from psycopg import AsyncConnection

ANSWER_SECONDS = 8.0
"""An answer that takes longer will not come (R10 allows 15 s until another connection has done the work)."""
CHECK_SECONDS = 3.0


async def impatient[T](connection: AsyncConnection, work: Coroutine[Any, Any, T], seconds: float = ANSWER_SECONDS) -> T:
    """Work on a connection that is cut when it takes too long.

    Raises psycopg.OperationalError then. (Cancelling the work would make the driver ask that same peer to cancel, and wait.)
    """
    cutting = asyncio.get_running_loop().call_later(seconds, cut, connection)
    try:
        return await work
    finally:
        cutting.cancel()


def cut(connection: AsyncConnection) -> None:
    """Shut the socket down under the driver, which then sees the end of the connection."""
    with suppress(OSError, psycopg.Error), socket.socket(fileno=os.dup(connection.fileno())) as found:
        found.shutdown(socket.SHUT_RDWR)
