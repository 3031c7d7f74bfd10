"""Reading the log: by position, stream, tags, type and time, as a stream with constant memory."""

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, aclosing, nullcontext
from dataclasses import dataclass
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.rows import args_row

from engine.store.rows import COLUMNS, Query, Stored

PAGE = 500


async def rows(connection: AsyncConnection, query: Query) -> AsyncGenerator[Stored]:
    """The matching rows in order of position."""
    async with aclosing(pages(lambda: nullcontext(connection), query)) as found:
        async for page in found:
            for row in page:
                yield row


async def pages(lend: Callable[[], AbstractAsyncContextManager[AsyncConnection]], query: Query) -> AsyncGenerator[list[Stored]]:
    """The matching rows in order of position, at most PAGE at a time. While one looks at them, no connection is held."""
    after, until, left = query.after, query.until, query.limit
    while left is None or left > 0:
        async with lend() as connection:
            page = await _page(connection, query, after, until, PAGE if left is None else min(PAGE, left))
        if page:
            yield page
        if len(page) < PAGE:
            return
        left = None if left is None else left - len(page)
        if query.backwards:
            until = page[-1].position - 1
        else:
            after = page[-1].position


async def _page(connection: AsyncConnection, query: Query, after: int, until: int | None, size: int) -> list[Stored]:
    statement, parameters = _select(query, after, until, size)
    async with connection.cursor(row_factory=args_row(Stored), binary=True) as cursor:
        await cursor.execute(statement.encode(), parameters)
        return await cursor.fetchall()


def _select(query: Query, after: int, until: int | None, size: int) -> tuple[str, dict[str, object]]:
    tags = query.tags
    restrictions: dict[str, tuple[str, object]] = {
        "after": ("position > %(after)s", after),
        "until": ("position <= %(until)s", until),
        "types": ("type = ANY(%(types)s)", sorted(query.types) or None),
        "stream": ("stream = %(stream)s", query.stream),
        "guild": ("guild = %(guild)s", tags.guild),
        "channel": ("channel = %(channel)s", tags.channel),
        "user": ("user_id = %(user)s", tags.user),
        "character": ("character = %(character)s", tags.character),
        "turn": ("turn = %(turn)s", tags.turn),
        "since": ("occurred_at >= %(since)s", query.since),
        "before": ("occurred_at < %(before)s", query.before),
    }
    used = {name: entry for name, entry in restrictions.items() if entry[1] is not None}
    where = " AND ".join(clause for clause, _ in used.values())
    order = "DESC" if query.backwards else "ASC"
    return (
        f"SELECT {COLUMNS} FROM events WHERE {where} ORDER BY position {order} LIMIT %(size)s",
        {name: value for name, (_, value) in used.items()} | {"size": size},
    )


async def by_id(connection: AsyncConnection, event_id: UUID) -> Stored | None:
    """The row with this event id."""
    async with connection.cursor(row_factory=args_row(Stored), binary=True) as cursor:
        await cursor.execute(f"SELECT {COLUMNS} FROM events WHERE event_id = %s".encode(), (event_id,))
        return await cursor.fetchone()


async def at(connection: AsyncConnection, positions: Sequence[int]) -> list[Stored]:
    """The rows at these positions, in order of position."""
    async with connection.cursor(row_factory=args_row(Stored), binary=True) as cursor:
        await cursor.execute(f"SELECT {COLUMNS} FROM events WHERE position = ANY(%s) ORDER BY position".encode(), (list(positions),))
        return await cursor.fetchall()


async def head(connection: AsyncConnection) -> int:
    """Position of the newest event; 0 for an empty log."""
    row = await (await connection.execute("SELECT position FROM log_head")).fetchone()
    return int(row[0]) if row else 0


@dataclass(frozen=True, slots=True)
class Stats:
    """`events` stored, `head` the newest position, `bytes` of table and indexes, `subjects` with a living key, events per type."""

    events: int
    head: int
    bytes: int
    subjects: int
    types: dict[str, int]


async def stats(connection: AsyncConnection) -> Stats:
    """One look at the whole log; it reads every row's type."""
    async with connection.transaction():
        await connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        types: dict[str, int] = dict(
            await (await connection.execute("SELECT type, count(*) FROM events GROUP BY type ORDER BY 2 DESC")).fetchall()
        )
        row = await (
            await connection.execute(
                "SELECT (SELECT position FROM log_head), pg_total_relation_size('events'),"
                " (SELECT count(*) FROM data_keys WHERE wrapped IS NOT NULL)"
            )
        ).fetchone()
    assert row is not None
    return Stats(sum(types.values()), int(row[0]), int(row[1]), int(row[2]), types)
