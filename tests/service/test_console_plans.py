"""Query plans: no page of the console and no debug query reads a table from end to end that grows with what people say."""

import itertools
import json
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import psycopg
import pytest
from starlette.routing import Route

from bot import turn_lines
from bot.console.app import ROUTES
from engine import ids
from engine.config import Settings
from engine.store import open_log
from engine.vault import load_master_key
from projections.models import timeline
from projections.models.timeline import Filter
from tests.bench.append import talk
from tests.support.site import Said, Site, site

TURNS = 200
GROWN = 150
"""Rows from which a table counts as one that grows with what people say."""


@pytest.fixture
async def here(settings: Settings) -> AsyncIterator[Site]:
    settings = settings.model_copy(update={"nats_url": None})
    assert settings.database_url is not None
    async with open_log(settings.database_url, load_master_key(settings)) as log:
        await talk.fill(log, TURNS * 7)
    async with site(settings) as opened:
        yield opened


@dataclass(slots=True)
class Asked:
    """Statements that the console's pages asked, with parameters of the first time; `page` is whose they are now."""

    page: str = ""
    found: dict[str, tuple[str, Any]] = field(default_factory=dict)


@contextmanager
def listening(monkeypatch: pytest.MonkeyPatch, pool: object) -> Iterator[Asked]:
    """Note every question that is asked over a connection of this pool."""
    asked, real = Asked(), psycopg.AsyncCursor.execute

    async def execute(self: Any, query: Any, params: Any = None, **how: Any) -> Any:
        text = query.decode() if isinstance(query, bytes) else str(query)
        if getattr(self.connection, "_pool", None) is pool and text.split(None, 1)[0].upper().lstrip("(") in {"SELECT", "WITH"}:
            asked.found.setdefault(text, (asked.page, params))
        return await real(self, query, params, **how)

    with monkeypatch.context() as patched:
        patched.setattr(psycopg.AsyncCursor, "execute", execute)
        yield asked


@dataclass(frozen=True, slots=True)
class Tables:
    """Those that grow, and indexes that hold a few of their rows only, such as what is not over yet."""

    grown: frozenset[str]
    narrow: frozenset[str]


def whole_reads(node: Mapping[str, Any], tables: Tables, *, limited: bool = False) -> Iterator[str]:
    """Tables that a plan reads from end to end: without a condition on an index, and nothing above stops after some rows. Pure."""
    kind, conditions = node["Node Type"], ("Index Cond", "Recheck Cond", "TID Cond")
    table, index = f"{node.get('Schema', '')}.{node.get('Relation Name', '')}", node.get("Index Name")
    whole = kind == "Seq Scan" or not (limited or index in tables.narrow or any(name in node for name in conditions))
    if table in tables.grown and whole:
        yield f"{kind} of {table}"
    stops = kind == "Limit" or (limited and kind not in {"Sort", "Incremental Sort", "Aggregate", "WindowAgg", "Hash", "Materialize"})
    for below in node.get("Plans", ()):
        yield from whole_reads(below, tables, limited=stops)


_NARROW = """
SELECT c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
WHERE i.indpred IS NOT NULL AND pg_get_expr(i.indpred, i.indrelid) !~ '^[(][a-z_]+ IS NOT NULL[)]$'
"""


async def tables_of(connection: psycopg.AsyncConnection) -> Tables:
    """What statistics and the catalogue of Postgres say."""
    await connection.execute("ANALYZE")
    cursor = await connection.execute(
        "SELECT format('%%s.%%s', relnamespace::regnamespace, relname) FROM pg_class WHERE relkind = 'r' AND reltuples >= %s", (GROWN,)
    )
    grown = frozenset(row[0] for row in await cursor.fetchall())
    return Tables(grown, frozenset(row[0] for row in await (await connection.execute(_NARROW.encode())).fetchall()))


async def judged(connection: psycopg.AsyncConnection, text: str, params: Any, tables: Tables) -> list[str]:
    """What a statement reads whole. Where an index can be used it is, however small the table: that is not what is judged."""
    await connection.execute("SET LOCAL enable_seqscan = off")
    cursor = await connection.execute(f"EXPLAIN (VERBOSE, FORMAT JSON) {text}".encode(), params, prepare=False)
    row = await cursor.fetchone()
    assert row is not None
    plan = row[0] if isinstance(row[0], list) else json.loads(row[0])
    return list(whole_reads(plan[0]["Plan"], tables))


CHANNEL, PERSON, CHARACTER = talk.FIRST_ID + 3, talk.FIRST_ID + 7, ids.derived("bench character", 1)
NOBODY = UUID(int=1)
FILTERS = (
    f"character={CHARACTER}",
    f"user={PERSON}",
    f"channel={CHANNEL}",
    f"guild={talk.FIRST_ID}",
    "model=some/model",
    "category=timeout",
    "since=2020-01-01T00:00",
    f"character={CHARACTER}&user={PERSON}&model=some/model&before=2999-01-01T00:00",
)
LEFT_OUT = frozenset({"/past", "/connect/nearby", "/chats/{channel:id}/stream", "/live/stream", "/timeline/stream", "/jobs/stream"})
"""Folds the log from its beginning, as it says; asks the neighbours; and what asks the same as its page, or is asked below."""


def addresses(said: Said) -> Mapping[str, list[str]]:
    """What is asked of each address that has something in it. The same is asked for what there is and for what there is not."""
    turn = said.turns[0]
    found = {
        "/chats/{channel:id}": [f"/chats/{said.channel}"],
        "/turns/{key}": [f"/turns/{turn}", f"/turns/{turn}?status=completed&user=1", f"/turns/{said.message_id}"],
        "/turns/{key}/prompt": [f"/turns/{turn}/prompt"],
        "/turns/{key}/experiments/{experiment:uuid}": [f"/turns/{turn}/experiments/{NOBODY}"],
        "/events/{key}": ["/events/20"],
        "/channels/{number:id}": [f"/channels/{CHANNEL}"],
        "/servers/{number:id}": [f"/servers/{talk.FIRST_ID}"],
        "/servers/{number:id}/scripts": [f"/servers/{talk.FIRST_ID}/scripts"],
        "/why": ["/why", f"/why?message={said.message_id}"],
        "/usage": [f"/usage?days={days}" for days in (1, 7, 90)],
        "/turns": ["/turns", "/turns?sort=-took", "/turns?status=failed", *(f"/turns?{query}" for query in FILTERS)],
        "/timeline": ["/timeline", *(f"/timeline?{query}" for query in FILTERS), "/timeline?view=events"],
        "/memory": ["/memory", f"/memory?person={PERSON}"],
        "/chats/{channel:int}/export.{form}": [f"/chats/{said.channel}/export.jsonl"],
        "/api/chats/{channel:id}/messages": [f"/api/chats/{said.channel}/messages"],
        "/api/turns/{turn:uuid}": [f"/api/turns/{turn}"],
        "/pictures/{address}": ["/pictures/none"],
        "/sounds/{address}": ["/sounds/none"],
        "/pictures/{address}/{form}": ["/pictures/none/webp"],
        "/lore/{id:uuid}/entries/{uid:id}": [f"/lore/{NOBODY}/entries/1"],
    }
    for path in (route.path for route in ROUTES if isinstance(route, Route) and "GET" in (route.methods or ())):
        found.setdefault(path, [re.sub(r"\{[a-z]+:uuid\}", str(NOBODY), path).replace("{form}", "png")])
    assert not [path for path, asked in found.items() if any("{" in one for one in asked) and path not in LEFT_OUT]
    return {path: asked for path, asked in found.items() if path not in LEFT_OUT}


async def test_no_page_reads_a_whole_table(here: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each address that is looked at, lists by each filter, live lists' questions, and the debug query of Discord and CLI."""
    log = here.console.log
    said = await here.say("Hello, what a night", character="wren")
    await here.complete(said.turns[0], "Yes.")
    await here.settled()
    wanted = [Filter(), Filter(user=PERSON), Filter(channel=CHANNEL), Filter(character=CHARACTER, model="some/model", category="timeout")]
    with listening(monkeypatch, log.pool) as asked:
        for asked.page in itertools.chain.from_iterable(addresses(said).values()):
            answer = await here.http.get(asked.page)
            assert answer.status_code in {200, 302, 303, 404, 422}, (asked.page, answer.status_code)
        asked.page = "the debug query"
        for one in wanted:
            assert await turn_lines.recent(log, one) or one.category
        asked.page = "live lists"
        async with log.pool.connection() as connection:
            for one in wanted:
                await timeline.newer(connection, one, 20)
    assert len(asked.found) > 80
    async with log.pool.connection() as connection, connection.transaction():
        tables = await tables_of(connection)
        assert {"public.events", "turns.turns", "timeline.entries", "history.entries", "deliveries.deliveries"} <= tables.grown
        wrong = [(page, await judged(connection, text, params, tables), text) for text, (page, params) in asked.found.items()]
        assert [one for one in wrong if one[1]] == []
        for text in (
            "SELECT * FROM turns.turns WHERE reason = ''",
            "SELECT count(*) FROM timeline.entries",
            "SELECT max(reason) FROM turns.turns",
        ):
            assert await judged(connection, text, None, tables), text
        assert not await judged(connection, "SELECT max(position), min(position) FROM timeline.entries", None, tables)
