"""Lets one process at a time do a thing. The right to it is a lock in Postgres, which ends with the connection that holds it."""

import asyncio
import hashlib

from psycopg import AsyncConnection

from engine.clock import monotonic
from engine.store import connect
from engine.timeouts import CHECK_SECONDS, impatient

ASK_S = 0.5
"""How often a process that waits asks for the right."""
PROVE_S = 2.0
"""How often the process that has it shows that it is alive."""
IDLE_S = 6
"""Whoever has not shown that for so long, frozen or cut off, loses it: Postgres ends the connection."""
REGAIN_S = IDLE_S + 4.0
"""For so long the lock may be held by this process's own dead connection; after that, another one has it."""


class Right:
    """A process's claim to be the one that does what `name` says. One waits in `gain`, then works until `lost` returns.

    An outage of Postgres takes the right from nobody: no other process can get it meanwhile. Two processes may believe to have it
    for a few seconds, so whatever they write must be safe without it; the right saves double work.
    """

    def __init__(self, dsn: str, name: str) -> None:
        self._dsn, self._name = dsn, name
        self._lock = int.from_bytes(hashlib.sha256(f"right {name}".encode()).digest()[:8], signed=True)
        self._connection: AsyncConnection | None = None

    async def gain(self) -> None:
        """Wait until no other process has the right, and take it."""
        while not await self._ask():
            await asyncio.sleep(ASK_S)

    async def lost(self) -> None:
        """Return once another process has the right, or may have it."""
        while True:
            await asyncio.sleep(PROVE_S)
            if not await self._proved() and not await self._regained():
                return

    async def leave(self) -> None:
        """Give the right, or the wait for it, back."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    async def _regained(self) -> bool:
        since = monotonic()
        while monotonic() - since < REGAIN_S:
            if answer := await self._ask():
                return True
            if answer is None:
                since = monotonic()
            await asyncio.sleep(ASK_S)
        return False

    async def _ask(self) -> bool | None:
        """Whether this process has the right now; None while Postgres does not say."""
        try:
            if self._connection is None:
                self._connection = await connect.connect(self._dsn, application=f"tzurot {self._name}")
                await self._connection.execute(f"SET idle_session_timeout = '{IDLE_S}s'")
            asked = self._connection.execute("SELECT pg_try_advisory_lock(%s)", (self._lock,))
            row = await (await impatient(self._connection, asked, CHECK_SECONDS)).fetchone()
        except connect.AWAY:
            await self.leave()
            return None
        return bool(row and row[0])

    async def _proved(self) -> bool:
        if self._connection is None:
            return False
        try:
            await impatient(self._connection, self._connection.execute("SELECT 1"), CHECK_SECONDS)
        except connect.AWAY:
            await self.leave()
            return False
        return True
