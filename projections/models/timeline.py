"""Every event by its clear tags, for looking around: filtered, newest first, in pages that cost the same however long the log is.

A page walks one btree backwards and checks the other filters on the way. Which one: a probe of each filter's newest rows tells
how thin it is; the thinnest leads. A walk that finds little stops after a bounded number of rows and says where to go on.

None of these statements is prepared: which index is right depends on the values, and a plan made for any value walks the whole log in
search of an outcome that hardly any turn had.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.pq import PipelineStatus
from psycopg.rows import class_row

from engine.events import all_types
from engine.store import Stored
from projections.base import Projection, clear, execute, sql

PROBE = 1_000
"""Newest rows of a filter that are looked at to estimate how thin it is."""
WINDOW = 5_000
"""Rows walked by one statement."""
WINDOWS = 8
"""Statements per page: a page reads at most WINDOW * WINDOWS rows."""

_TYPES = frozenset(name for name, _ in all_types())
_WITH_DETAILS = frozenset({"turn.generation_started", "turn.completed", "turn.failed", "turn.declined", "reply.failed"})
_COLUMNS = (
    "position",
    "event_id",
    "type",
    "recorded_at",
    "occurred_at",
    "guild",
    "channel",
    "user_id",
    "character",
    "turn",
    "category",
    "model",
)

_LOAD = f"""
INSERT INTO {{schema}}.entries ({", ".join(_COLUMNS)})
SELECT {", ".join(f"e.{name}" for name in _COLUMNS[:-2])}, d.category, d.model
FROM events e LEFT JOIN LATERAL json_to_record(CASE WHEN e.type IN ({", ".join(f"'{name}'" for name in sorted(_WITH_DETAILS))})
                                                    THEN convert_from(e.data, 'UTF8')::json END) AS d(category text, model text) ON true
WHERE e.position > %(after)s AND e.position <= %(until)s AND e.type IN ({", ".join(f"'{name}'" for name in sorted(_TYPES))})
ORDER BY e.position
"""


_INSERT = f"""
INSERT INTO {{schema}}.entries ({", ".join(_COLUMNS)})
SELECT * FROM unnest(%s::bigint[], %s::uuid[], %s::text[], %s::timestamptz[], %s::timestamptz[], %s::bigint[], %s::bigint[], %s::bigint[],
                     %s::uuid[], %s::uuid[], %s::text[], %s::text[])
"""


class Timeline(Projection):
    name = "timeline"
    decodes = _WITH_DETAILS
    version = 2
    types = _TYPES
    ddl = """
    CREATE TABLE {schema}.entries (
        position bigint PRIMARY KEY,
        event_id uuid NOT NULL,
        type text COLLATE "C" NOT NULL,
        recorded_at timestamptz NOT NULL,
        occurred_at timestamptz NOT NULL,
        guild bigint,
        channel bigint,
        user_id bigint,
        character uuid,
        turn uuid,
        category text COLLATE "C",
        model text COLLATE "C"
    );
    """
    late = """
    CREATE INDEX ON {schema}.entries (type, position);
    CREATE INDEX ON {schema}.entries (recorded_at, position);
    CREATE INDEX ON {schema}.entries (guild, position) WHERE guild IS NOT NULL;
    CREATE INDEX ON {schema}.entries (channel, position) WHERE channel IS NOT NULL;
    CREATE INDEX ON {schema}.entries (user_id, position) WHERE user_id IS NOT NULL;
    CREATE INDEX ON {schema}.entries (character, position) WHERE character IS NOT NULL;
    CREATE INDEX ON {schema}.entries (turn, position) WHERE turn IS NOT NULL;
    CREATE INDEX ON {schema}.entries (category, position) WHERE category IS NOT NULL;
    CREATE INDEX ON {schema}.entries (model, position) WHERE model IS NOT NULL;
    """

    async def load(self, connection: AsyncConnection, schema: str, after: int, until: int) -> None:
        """The same rows by one statement."""
        await execute(connection, schema, _LOAD, after, until)

    async def apply(self, connection: AsyncConnection, schema: str, rows: Sequence[Stored]) -> None:
        if connection.pgconn.pipeline_status != PipelineStatus.OFF:  # where nothing can be copied
            await connection.execute(sql(_INSERT, schema), _columns_of(rows))
            return
        async with (
            connection.cursor() as cursor,
            cursor.copy(sql(f"COPY {{schema}}.entries ({', '.join(_COLUMNS)}) FROM STDIN", schema)) as copy,
        ):
            for row in rows:
                await copy.write_row(_values(row))


def _values(row: Stored) -> tuple[object, ...]:
    data = clear(row) if row.type in _WITH_DETAILS else {}
    tags = (row.guild, row.channel, row.user, row.character, row.turn)
    return (row.position, row.id, row.type, row.recorded_at, row.occurred_at, *tags, data.get("category"), data.get("model"))


def _columns_of(rows: Sequence[Stored]) -> list[list[object]]:
    return [list(column) for column in zip(*map(_values, rows), strict=True)]


@dataclass(frozen=True, slots=True)
class Filter:
    """What an entry must match; empty fields do not restrict. `since` (inclusive) and `before` compare with the time of recording."""

    types: frozenset[str] = frozenset()
    guild: int | None = None
    channel: int | None = None
    user: int | None = None
    character: UUID | None = None
    turn: UUID | None = None
    category: str | None = None
    model: str | None = None
    since: datetime | None = None
    before: datetime | None = None


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """One event's clear tags."""

    position: int
    event_id: UUID
    type: str
    recorded_at: datetime
    occurred_at: datetime
    guild: int | None
    channel: int | None
    user_id: int | None
    character: UUID | None
    turn: UUID | None
    category: str | None
    model: str | None


@dataclass(frozen=True, slots=True)
class Page:
    """Entries, newest first. `older` is the position to go on before, None at the beginning of the log.

    `complete` False: the walk stopped before the page was full, and there may be more to find from `older` on.
    """

    entries: tuple[TimelineEntry, ...]
    older: int | None = None
    complete: bool = True


@dataclass(frozen=True, slots=True)
class _Test:
    """One restriction: a column must have one of these values."""

    column: str
    values: tuple[object, ...]


@dataclass(frozen=True, slots=True)
class _Span:
    """Positions that may be looked at, both ends exclusive."""

    after: int
    until: int


@dataclass(frozen=True, slots=True)
class _Walk:
    entries: list[TimelineEntry] = field(default_factory=list)
    edge: int | None = None
    rows: int = 0


def _tests(wanted: Filter) -> list[_Test]:
    singles = {
        "turn": wanted.turn,
        "user_id": wanted.user,
        "channel": wanted.channel,
        "category": wanted.category,
        "character": wanted.character,
        "model": wanted.model,
        "guild": wanted.guild,
    }
    found = [_Test(column, (value,)) for column, value in singles.items() if value is not None]
    return [*found, _Test("type", tuple(sorted(wanted.types)))] if wanted.types else found


async def page(
    connection: AsyncConnection, wanted: Filter, *, before: int | None = None, limit: int = 50, schema: str = "timeline"
) -> Page:
    """The newest entries before a position that match, at most `limit`."""
    span = await _span(connection, wanted, before, schema)
    tests = _tests(wanted)
    lead = await _thinnest(connection, tests, span, schema)
    rest = [test for test in tests if test is not lead]
    found: list[TimelineEntry] = []
    for _ in range(WINDOWS):
        size = WINDOW if rest else limit + 1
        walk = await _walk(connection, lead, rest, span, size, limit + 1 - len(found), schema)
        found += walk.entries
        if len(found) > limit:
            return Page(tuple(found[:limit]), found[limit - 1].position)
        if walk.edge is None or walk.rows < size:
            return Page(tuple(found))
        span = _Span(span.after, walk.edge)
    return Page(tuple(found), span.until, complete=False)


async def newer(
    connection: AsyncConnection, wanted: Filter, after: int, *, limit: int = 200, schema: str = "timeline"
) -> list[TimelineEntry]:
    """The matching entries after a position, newest first; of more than `limit` the newest."""
    tests = _tests(wanted)
    where, parameters = _conditions(tests)
    statement = (
        f"SELECT {', '.join(_COLUMNS)} FROM {{schema}}.entries WHERE position > %(after)s{where} ORDER BY position DESC LIMIT %(limit)s"
    )
    async with connection.cursor(row_factory=class_row(TimelineEntry)) as cursor:
        await cursor.execute(sql(statement, schema), parameters | {"after": after, "limit": limit}, prepare=False)
        return await cursor.fetchall()


async def next_after(connection: AsyncConnection, wanted: Filter, after: int, *, schema: str = "timeline") -> TimelineEntry | None:
    """The first matching entry after a position."""
    where, parameters = _conditions(_tests(wanted))
    statement = f"SELECT {', '.join(_COLUMNS)} FROM {{schema}}.entries WHERE position > %(after)s{where} ORDER BY position LIMIT 1"
    async with connection.cursor(row_factory=class_row(TimelineEntry)) as cursor:
        await cursor.execute(sql(statement, schema), parameters | {"after": after}, prepare=False)
        return await cursor.fetchone()


async def head(connection: AsyncConnection, *, schema: str = "timeline") -> int:
    """Position of the newest entry; 0 when there is none."""
    row = await (await connection.execute(sql("SELECT max(position) FROM {schema}.entries", schema))).fetchone()
    return int(row[0]) if row and row[0] is not None else 0


async def positions_at(connection: AsyncConnection, moments: Sequence[datetime], *, schema: str = "timeline") -> list[int]:
    """For each moment the position of the first entry recorded then or later; the head's and one where there is none."""
    statement = """
    SELECT coalesce((SELECT position FROM {schema}.entries WHERE recorded_at >= wanted.at ORDER BY recorded_at, position LIMIT 1),
                    (SELECT max(position) + 1 FROM {schema}.entries), 1)
    FROM unnest(%s::timestamptz[]) WITH ORDINALITY AS wanted(at, n) ORDER BY wanted.n
    """
    return [row[0] for row in await (await connection.execute(sql(statement, schema), (list(moments),))).fetchall()]


async def values(connection: AsyncConnection, column: str, *, limit: int = 100, schema: str = "timeline") -> list[str]:
    """The distinct categories or models there are, by hopping from one to the next in the index."""
    if column not in {"category", "model"}:
        raise ValueError(f"{column} has no list of values")
    statement = f"""
    WITH RECURSIVE hop(value) AS (
        (SELECT {column} FROM {{schema}}.entries WHERE {column} IS NOT NULL ORDER BY {column} LIMIT 1)
        UNION ALL
        SELECT (SELECT {column} FROM {{schema}}.entries WHERE {column} > hop.value ORDER BY {column} LIMIT 1)
        FROM hop WHERE hop.value IS NOT NULL
    )
    SELECT value FROM hop WHERE value IS NOT NULL LIMIT %s
    """
    cursor = await connection.execute(sql(statement, schema), (limit,))
    return [row[0] for row in await cursor.fetchall()]


async def _span(connection: AsyncConnection, wanted: Filter, before: int | None, schema: str) -> _Span:
    """Times as positions: both grow together, so a span of time is a span of positions and needs no index of its own per filter."""
    after, until = 0, before if before is not None else (1 << 62)
    if wanted.since is not None:
        first = await _first_at(connection, wanted.since, schema)
        after = max(after, first - 1 if first is not None else until)
    if wanted.before is not None and (end := await _first_at(connection, wanted.before, schema)) is not None:
        until = min(until, end)
    return _Span(after, until)


async def _first_at(connection: AsyncConnection, moment: datetime, schema: str) -> int | None:
    statement = "SELECT position FROM {schema}.entries WHERE recorded_at >= %s ORDER BY recorded_at, position LIMIT 1"
    row = await (await connection.execute(sql(statement, schema), (moment,))).fetchone()
    return int(row[0]) if row else None


async def _thinnest(connection: AsyncConnection, tests: Sequence[_Test], span: _Span, schema: str) -> _Test | None:
    """The test whose newest PROBE rows reach back furthest: the fewest rows per position."""
    if len(tests) < 2:
        return tests[0] if tests else None
    parameters: dict[str, object] = {"after": span.after, "until": span.until, "size": PROBE}
    probes = []
    for number, test in enumerate(tests):
        arms = _arms(test, "position", parameters)
        probes.append(
            f"SELECT {number} AS test, CASE WHEN count(*) < %(size)s THEN 0 ELSE min(position) END AS reach, count(*) AS rows"
            f" FROM (SELECT position FROM ({arms}) AS arms ORDER BY position DESC LIMIT %(size)s) AS probe"
        )
    statement = sql(" UNION ALL ".join(probes) + " ORDER BY reach, rows LIMIT 1", schema)
    cursor = await connection.execute(statement, parameters, prepare=False)
    row = await cursor.fetchone()
    return tests[int(row[0])] if row else tests[0]


async def _walk(
    connection: AsyncConnection, lead: _Test | None, rest: Sequence[_Test], span: _Span, size: int, limit: int, schema: str
) -> _Walk:
    parameters: dict[str, object] = {"after": span.after, "until": span.until, "size": size, "limit": limit}
    columns = ", ".join(_COLUMNS)
    source = (
        _arms(lead, columns, parameters)
        if lead
        else f"SELECT {columns} FROM {{schema}}.entries WHERE {_BETWEEN} ORDER BY position DESC LIMIT %(size)s"
    )
    where, more = _conditions(rest)
    statement = f"""
    WITH walked AS MATERIALIZED (SELECT * FROM ({source}) AS arms ORDER BY position DESC LIMIT %(size)s)
    SELECT edge, rows, hit.* FROM (SELECT min(position) AS edge, count(*) AS rows FROM walked) AS span
    LEFT JOIN LATERAL (SELECT {columns} FROM walked WHERE true{where} ORDER BY position DESC LIMIT %(limit)s) AS hit ON true
    ORDER BY hit.position DESC
    """
    cursor = await connection.execute(sql(statement, schema), parameters | more, prepare=False)
    rows = await cursor.fetchall()
    return _Walk([TimelineEntry(*row[2:]) for row in rows if row[2] is not None], rows[0][0], rows[0][1])


_BETWEEN = "position > %(after)s AND position < %(until)s"


def _arms(test: _Test, columns: str, parameters: dict[str, object]) -> str:
    """One backward walk of the column's index per value. Adds the values to `parameters`."""
    arms = []
    for number, value in enumerate(test.values):
        name = f"{test.column}_{number}"
        parameters[name] = value
        arms.append(
            f"(SELECT {columns} FROM {{schema}}.entries WHERE {test.column} = %({name})s AND {_BETWEEN}"
            " ORDER BY position DESC LIMIT %(size)s)"
        )
    return " UNION ALL ".join(arms)


def _conditions(tests: Sequence[_Test]) -> tuple[str, dict[str, object]]:
    """The tests as conditions on rows that are being walked anyway."""
    where = "".join(f" AND {test.column} = ANY(%(any_{test.column})s)" for test in tests)
    return where, {f"any_{test.column}": list(test.values) for test in tests}


TIMELINE = Timeline()
