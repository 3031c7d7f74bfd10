"""What `/admin health` shows: whether each thing the bot needs answers, within a bounded time. Knows nothing of nextcord."""

import asyncio
from collections.abc import Coroutine
from importlib.metadata import version
from typing import Any

from engine import clock
from engine.bus import broker
from engine.config import Settings
from engine.store import Log
from projections import status

PROBE_S = 1.5
_asked: set[asyncio.Task[str]] = set()


async def probe(log: Log, settings: Settings) -> tuple[tuple[str, bool, str], ...]:
    """Ask everything at once: (what, whether it is well, a sentence); within three seconds with anything dead (F7)."""
    return await asyncio.gather(_limited("Postgres", _postgres(log)), _limited("NATS", _nats(settings.nats_url)))


def version_line(started: float) -> str:
    """Say the version and the time since `started`, in seconds of the monotonic clock."""
    seconds = int(clock.monotonic() - started)
    return f"Tzurot {version('tzurot')}, up {seconds // 3600} h {seconds % 3600 // 60} min"


async def _postgres(log: Log) -> str:
    async with log.pool.connection() as connection:
        now = await status.look(connection)
    lags = ", ".join(f"{p.name} {now.head - p.position}" for p in now.progress if p.status != "running" or p.position < now.head)
    running = ", ".join(sorted({p.process for p in now.processes})) or "none"
    return (
        f"{now.server}, {now.head:,} events, relay {now.head - now.relayed} behind; "
        f"read models {'behind: ' + lags if lags else 'up to date'}; {now.pending_turns} turns pending, "
        f"{now.due_deliveries} answers to deliver; {now.active_characters} of {now.characters} characters active; processes: {running}"
    )


async def _nats(url: str | None) -> str:
    if url is None:
        return "not set"
    async with broker.connected(url, "health") as stream:
        info = await stream.account_info()
    return f"{info.streams} streams, {info.consumers} consumers"


async def _limited(name: str, question: Coroutine[Any, Any, str]) -> tuple[str, bool, str]:
    """Ask within PROBE_S. A connection that is being made is not cut off half-way: what was asked ends beside our answer."""
    asked = asyncio.create_task(question, name=f"probe {name}")
    _asked.add(asked)
    asked.add_done_callback(_ended)
    try:
        await asyncio.wait((asked,), timeout=PROBE_S)
        return (name, True, asked.result()) if asked.done() else (name, False, f"no answer within {PROBE_S:g} s")
    except Exception as error:  # a probe that breaks is an answer: this part is not well
        return name, False, type(error).__name__
    finally:
        asked.cancel()


def _ended(asked: asyncio.Task[str]) -> None:
    _asked.discard(asked)
    if not asked.cancelled():
        asked.exception()  # told already, or nobody waits for it any more
