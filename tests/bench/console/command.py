"""`tzurot bench console`: how long each page of the console takes on a long log, beside a page that asks nothing of the database."""

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import httpx
import psycopg
import typer
from pydantic import SecretStr

from bot.console import menu
from bot.console.__main__ import address_of, listening, serving, working
from engine import config, ids
from engine.config import Settings
from engine.store import Log, open_log
from engine.vault import MasterKey
from projections.follow import rebuild
from projections.models import turns
from projections.registry import ALL
from tests.bench.append import talk
from tests.bench.append.talk import CHANNELS, CHARACTERS, FIRST_ID, PEOPLE
from tests.support import clusters

KEY = bytes(32)
EVENTS_PER_TURN = 7
BASELINE = "/static/mark.svg"
LEFT_OUT = frozenset({"/past"})
"""Folds the log: how long that takes is `bench replay`'s to say."""


@dataclass(frozen=True, slots=True)
class Row:
    """One page: milliseconds from the request to the last byte, by `samples` requests one after the other.

    `bytes` are those of its largest answer.
    """

    name: str
    p50_ms: float
    p95_ms: float
    samples: int
    bytes: int


def console(
    turns: Annotated[int, typer.Option(min=20, help="Turns in the log, seven events each.")] = 100_000,
    samples: Annotated[int, typer.Option(min=2, help="Requests of each page, after one that is not counted.")] = 40,
    as_json: Annotated[bool, typer.Option("--json", help='Print {"rows": [...]} on standard output.')] = False,
) -> None:
    """Measure every page, the turns list by each filter, and `/admin debug recent`. The baseline is a file the console sends as it is."""
    report = asyncio.run(measure(turns, samples, lambda line: print(line, file=sys.stderr)))
    if as_json:
        print(json.dumps(report))
        return
    for row in report["rows"]:
        print(f"{row['name']:<46} p50 {row['p50_ms']:>8.1f} ms   p95 {row['p95_ms']:>8.1f} ms   {row['bytes']:>9,} bytes")
    print(f"slowest p95: {report['slowest']}")


async def measure(turns: int, samples: int, note: Callable[[str], None]) -> dict[str, Any]:
    """All rows, on a server of their own."""
    with TemporaryDirectory(prefix="tzurot-bench-") as folder:
        async with clusters.temporary() as server:
            dsn = server.dsn
            async with open_log(dsn, MasterKey.of(KEY)) as log:
                began = time.perf_counter()
                await talk.fill(log, turns * EVENTS_PER_TURN)
                note(f"{await log.head():,} events written in {time.perf_counter() - began:.0f} s")
                await rebuild.rebuild(dsn, ALL)
                note(f"read models built after {time.perf_counter() - began:.0f} s")
                await _vacuum(dsn)
                rows = await _pages(_settings(dsn, Path(folder)), log, samples)
    pages = [row for row in rows if row.name != BASELINE]
    slowest = max(pages, key=lambda row: row.p95_ms)
    return {"rows": [asdict(row) for row in rows], "turns": turns, "slowest": f"{slowest.name}: {slowest.p95_ms:.1f} ms"}


def _settings(dsn: str, folder: Path) -> Settings:
    return config.load(None).model_copy(
        update={"database_url": dsn, "tzurot_data": folder, "master_key": SecretStr(KEY.hex()), "nats_url": None, "console_password": None}
    )


@asynccontextmanager
async def _opened(settings: Settings, log: Log) -> AsyncIterator[httpx.AsyncClient]:
    with listening("127.0.0.1", 0) as listener:
        async with (
            working(settings, log, None) as open_console,
            serving(open_console, listener),
            httpx.AsyncClient(base_url=address_of(listener), timeout=120) as http,
        ):
            yield http
            open_console.feed.close()


async def _pages(settings: Settings, log: Log, samples: int) -> list[Row]:
    async with log.pool.connection() as connection:
        latest = await turns.recent(connection, limit=samples)
    asked = addresses({str(turn.turn): turn.message_id for turn in latest})
    async with _opened(settings, log) as http:
        return [await _row(http, name, paths, samples) for name, paths in asked.items()]


def addresses(latest: Mapping[str, int]) -> Mapping[str, Sequence[str]]:
    """Name of a row -> the addresses it asks for in turn; `latest` are turns with their messages. Pure."""
    plain = [entry.path for entry in (*menu.PAGES, *menu.MORE) if entry.path not in LEFT_OUT]
    character = ids.derived("bench character", 3)
    narrowed = {
        "by character": f"character={character}",
        "by person": f"user={FIRST_ID + PEOPLE // 2}",
        "by channel": f"channel={FIRST_ID + CHANNELS // 2}",
        "by model": "model=some/model",
        "by status": "status=failed",
        "by all": f"character={character}&user={FIRST_ID + 7 * CHARACTERS}&model=some/model",
    }
    found: dict[str, Sequence[str]] = {path: [path] for path in (BASELINE, *plain)}
    found |= {f"/turns {name}": [f"/turns?{query}"] for name, query in narrowed.items()}
    found |= {f"/timeline {name}": [f"/timeline?{query}"] for name, query in narrowed.items() if name != "by status"}
    found |= {f"/usage of {days} days": [f"/usage?days={days}"] for days in ("1", "7", "90")}
    found |= {"/turns/…": [f"/turns/{turn}" for turn in latest], "/why": [f"/why?message={message}" for message in latest.values()]}
    return found | {path: [path] for path in ("/healthz", "/metrics")}


async def _row(http: httpx.AsyncClient, name: str, paths: Sequence[str], samples: int) -> Row:
    found, size = [], 0
    for number in range(samples + 1):
        began = time.perf_counter()
        answer = await http.get(paths[number % len(paths)], follow_redirects=True)
        taken = (time.perf_counter() - began) * 1000
        if answer.status_code != 200:
            raise RuntimeError(f"{paths[number % len(paths)]} answered {answer.status_code}")
        size = max(size, len(answer.content))
        found += [taken] if number else []
    found.sort()
    return Row(name, found[len(found) // 2], found[min(int(len(found) * 0.95), len(found) - 1)], len(found), size)


async def _vacuum(dsn: str) -> None:
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
        await connection.execute("VACUUM (ANALYZE)")
