"""All read models of a process in step: one reader of the log, one transaction per batch.

Ten models that each follow the log on their own cost a busy process ten reads and ten commits per event. In step they cost one.
A model that falls out of step (poison, another owner, a rebuild) is brought up alone and joins again; the others go on meanwhile.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager, suppress
from functools import partial

import psycopg
from psycopg import AsyncConnection

from engine import log
from engine.errors import StoreUnavailable
from engine.failpoints import failpoint
from engine.store import Query, Stored, connect, reader, tail
from engine.store.pipeline import pipelined
from engine.store.together import answers
from projections.base import Projection
from projections.follow import aside, forms, rebuild, runner
from projections.follow.runner import Stopped, TakenOver

TROUBLE = (psycopg.OperationalError, psycopg.InterfaceError, StoreUnavailable)
TOGETHER_SECONDS = 2.0
"""At a start, how long those that are ready wait for the others: joining later costs everybody a pause."""
FEW = 50
"""Rows of a batch whose statements are sent without waiting for one another: what comes while people talk. More are copied."""
LINGER_SECONDS = 0.012
URGENT = frozenset({"turn.requested"})
"""What somebody waits for who has nothing else to do meanwhile: anything else waits that long for what comes right after it."""
Skips = Mapping[str, frozenset[int]]
Moved = Callable[[int], Awaitable[None]]
"""Called with the position that all have reached."""
_log = log.get("projections")


class _OutOfStep(Exception):
    """These models cannot go on with the others. `stopped`: by poison, until an operator lets them."""

    def __init__(self, *fallen: Projection, stopped: bool = False) -> None:
        self.fallen = fallen
        self.stopped = stopped


async def _nobody_told(_: int) -> None:
    pass


async def run(dsn: str, projections: Sequence[Projection], moved: Moved = _nobody_told) -> None:
    """Follow the log for ever with all of them. After poison one stands still until `runner.resume` or `skip`; the others go on."""
    ready = await _ready(dsn, projections)
    coming = {p: asyncio.create_task(runner.bring_up(dsn, p), name=p.name) for p in projections if p.name not in ready}
    try:
        if coming:
            await asyncio.wait(coming.values(), timeout=TOGETHER_SECONDS)
        while True:
            if len(coming) == len(projections):
                await asyncio.wait(coming.values(), return_when=asyncio.FIRST_COMPLETED)
            for projection in [p for p, task in coming.items() if task.done()]:
                coming.pop(projection).result()
            members = [p for p in projections if p not in coming]
            try:
                await _follow(dsn, members, coming.values(), moved)
            except _OutOfStep as event:
                for p in event.fallen:
                    coming[p] = asyncio.create_task(runner.bring_up(dsn, p, stopped=event.stopped), name=p.name)
            except TROUBLE as error:
                _log.warning("postgres is away, will go on", error=type(error).__name__)
                await asyncio.sleep(0.3)
    finally:
        for task in coming.values():
            task.cancel()
        await asyncio.gather(*coming.values(), return_exceptions=True)


async def _ready(dsn: str, projections: Sequence[Projection]) -> set[str]:
    """Names of those that can go on as they stand, found over one connection: bringing one up takes one each."""
    try:
        async with await connect.connect(dsn, application="tzurot read models") as connection:
            head = await reader.head(connection)
            standing = await forms.standing(connection, projections)
    except TROUBLE:
        return set()
    return {name for name, position in standing.items() if 0 <= head - position <= runner.FAR}


async def _follow(dsn: str, members: Sequence[Projection], coming: Collection[asyncio.Task[None]], moved: Moved) -> None:
    """Until somebody falls out of step or is ready to join."""
    async with await connect.connect(dsn, application="tzurot read models", derived=True) as connection:
        skips = {p.name: await rebuild.skips(connection, p.name, 0, 2**62) for p in members}
        head = await _level(connection, members, skips)
        makes = [p.fingerprint for p in members]
        async with aclosing(tail.follow(dsn, head, linger=LINGER_SECONDS, urgent=URGENT)) as batches:
            while rows := await _unless(coming, anext(batches)):
                await _digest(connection, members, makes, rows, skips)
                await moved(rows[-1].position)


async def _unless(coming: Collection[asyncio.Task[None]], batch: Awaitable[list[Stored]]) -> list[Stored] | None:
    """The next batch; None once somebody is ready to join."""
    reading = asyncio.ensure_future(batch)
    try:
        await asyncio.wait([reading, *coming], return_when=asyncio.FIRST_COMPLETED)
        return None if any(task.done() for task in coming) else reading.result()
    finally:
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)


async def _level(connection: AsyncConnection, members: Sequence[Projection], skips: Skips) -> int:
    """Bring each to the same position, the one that the furthest of them has reached: from there they go on together."""
    head = await reader.head(connection)
    cursor = await connection.execute(
        "SELECT name, position FROM projections WHERE role = 'live' AND name = ANY(%s)", ([p.name for p in members],)
    )
    standing: dict[str, int] = dict(await cursor.fetchall())
    for projection in members:
        if projection.name not in standing or standing[projection.name] > head:
            raise _OutOfStep(projection)
    furthest = max(standing.values(), default=head)
    for projection in members:
        after = standing[projection.name]
        while after < furthest:
            rows = [row async for row in reader.rows(connection, Query(after=after, until=furthest, limit=reader.PAGE))]
            await _alone(connection, projection, rows, skips)
            after = rows[-1].position
    return furthest


async def _digest(
    connection: AsyncConnection, members: Sequence[Projection], makes: Sequence[str], rows: Sequence[Stored], skips: Skips
) -> None:
    """One batch for all in one transaction; when that fails, for each in its own, which finds out whose fault it is."""
    try:
        await _apply(connection, members, makes, rows, skips)
    except Exception as error:  # whatever it was, it is tried again alone and told there
        if aside.is_trouble(error) and not isinstance(error, psycopg.errors.PipelineAborted):
            raise
        fallen: list[_OutOfStep] = []
        for projection in members:
            try:
                await _alone(connection, projection, rows, skips)
            except _OutOfStep as event:
                fallen.append(event)
        if fallen:
            raise _OutOfStep(*(p for event in fallen for p in event.fallen), stopped=all(event.stopped for event in fallen)) from None


async def _apply(
    connection: AsyncConnection, members: Sequence[Projection], makes: Sequence[str], rows: Sequence[Stored], skips: Skips
) -> None:
    """Few rows go in as many round trips as the one read model takes that asks most: none looks into another's tables.

    Postgres itself refuses all of it where the first of the statements, which moves the positions, does not find every read model just
    before the batch.
    """
    forms.check(rows)
    wanted = {p: [row for row in rows if row.type in p.types and row.position not in skips[p.name]] for p in members}
    changed, before = [p.name for p in members if wanted[p]], rows[0].position - 1
    moving = (rows[-1].position, changed, [p.name for p in members], list(makes), before, len(members))
    applied = [partial(p.apply, connection, p.name, wanted[p]) for p in members if wanted[p]]
    async with _at_once(connection) if len(rows) <= FEW else connection.transaction():
        await connection.execute(_MOVE, moving)
        if len(rows) <= FEW:
            await answers(*(apply() for apply in applied))
        else:
            for apply in applied:
                await apply()
        failpoint("projection.before_commit")


_MOVE = """
WITH moved AS (
    UPDATE projections SET position = %s, status = 'running', problem = NULL, updated_at = now(),
        changed = CASE WHEN name = ANY(%s) THEN gen_random_uuid() ELSE changed END
    WHERE role = 'live' AND name = ANY(%s) AND fingerprint = ANY(%s) AND position = %s RETURNING 1)
SELECT 1 / (count(*) = %s)::integer FROM moved
"""


@asynccontextmanager
async def _at_once(connection: AsyncConnection) -> AsyncIterator[None]:
    """A transaction in a pipeline, its BEGIN and COMMIT among the statements: the driver's own waits for an answer at each end."""
    try:
        async with pipelined(connection):
            await connection.execute("BEGIN")
            yield
            await connection.execute("COMMIT")
    except BaseException:
        with suppress(psycopg.Error):
            await connection.rollback()
        raise


async def _alone(connection: AsyncConnection, projection: Projection, rows: Sequence[Stored], skips: Skips) -> None:
    try:
        await runner.digest(connection, projection, rows, skips[projection.name])
    except Stopped:
        raise _OutOfStep(projection, stopped=True) from None
    except TakenOver as error:
        _log.warning("taken over, will look again", projection=projection.name, reason=str(error))
        raise _OutOfStep(projection) from None
