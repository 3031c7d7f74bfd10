"""Answers of read models that did not change since they were given.

Each read model says in `projections.changed` which of its states it is in: another mark with each batch that concerned it and with
each set of tables that took its place. A snapshot that sees the same marks sees the same rows, so what they gave before is what they
would give now. What changes with every turn is never found again, and only takes room.
"""

from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from psycopg import AsyncConnection
from psycopg.rows import tuple_row

MOST = 2_000
"""Answers kept by a process; the one used longest ago goes first."""
ROWS = 50
CHARACTERS = 16_000
"""An answer of more rows, or of more than so much text and so many bytes, is not kept: all of them take some 32 MB at most."""
type Answers = OrderedDict[tuple[object, ...], list[Any]]


@dataclass(frozen=True, slots=True)
class Unchanged:
    """The answers a process keeps. They hold what tables hold: nothing that was opened."""

    _answers: Answers = field(default_factory=OrderedDict)

    @contextmanager
    def within(self, connection: AsyncConnection, marks: Mapping[str, str]) -> Iterator[None]:
        """For the block, which is one snapshot on this connection: read models are in the states that `marks` tell by name."""
        token = _SNAPSHOT.set(_Snapshot(connection, marks, self._answers))
        try:
            yield
        finally:
            _SNAPSHOT.reset(token)


@dataclass(frozen=True, slots=True)
class _Snapshot:
    connection: AsyncConnection
    marks: Mapping[str, str]
    answers: Answers


_SNAPSHOT: ContextVar[_Snapshot | None] = ContextVar("snapshot", default=None)


async def rows(
    connection: AsyncConnection, models: Sequence[str], statement: bytes, parameters: Mapping[str, object] | Sequence[object]
) -> Sequence[Any]:
    """The rows of a statement that depends on these read models and its parameters alone, as tuples; not to be changed.

    Within `Unchanged.within` those of the last time, where the read models stand as they did then; else they are asked.
    """
    snapshot = _SNAPSHOT.get()
    if snapshot is None or snapshot.connection is not connection or any(model not in snapshot.marks for model in models):
        return await _asked(connection, statement, parameters)
    key = (statement, _hashable(parameters), *(snapshot.marks[model] for model in models))
    answers = snapshot.answers
    if (known := answers.get(key)) is not None:
        answers.move_to_end(key)
        return known
    found = await _asked(connection, statement, parameters)
    if len(found) <= ROWS and sum(map(_size, found)) <= CHARACTERS:
        answers[key] = found
        if len(answers) > MOST:
            answers.popitem(last=False)
    return found


async def _asked(connection: AsyncConnection, statement: bytes, parameters: Mapping[str, object] | Sequence[object]) -> list[Any]:
    async with connection.cursor(row_factory=tuple_row) as cursor:
        await cursor.execute(statement, parameters)
        return await cursor.fetchall()


def _size(row: Sequence[Any]) -> int:
    """About how many bytes a row takes."""
    return sum(len(value if isinstance(value, bytes | str) else repr(value)) for value in row)


def _hashable(parameters: Mapping[str, object] | Sequence[object]) -> tuple[object, ...]:
    values = sorted(parameters.items()) if isinstance(parameters, Mapping) else enumerate(parameters)
    return tuple((name, type(value).__name__, tuple(value) if isinstance(value, list) else value) for name, value in values)
