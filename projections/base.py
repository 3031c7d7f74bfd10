"""What a read model is: a name, a version, its tables, and how a batch of events changes them."""

import hashlib
from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar
from uuid import UUID

import orjson
from psycopg import AsyncConnection

from engine.events import all_types, class_of
from engine.store import Query, Stored, reader
from engine.store.foreign import FOREIGN_VERSION
from engine.store.upcast import upcast

BATCH = 2_000


class Projection(ABC):
    """One read model. Its tables live in a Postgres schema of its own, whose name every function takes as a parameter:

    the serving set is in the schema called like the projection, a new version is built in another one beside it, and a view
    of the past in a scratch one. `ddl` creates the tables; `{schema}` stands for the schema's name. Change `version` whenever
    `ddl` or `apply` would give other rows than before. `late` holds the indexes that only readers need: a rebuild makes them
    once all rows are there.
    """

    name: ClassVar[str]
    version: ClassVar[int]
    types: ClassVar[frozenset[str]]
    decodes: ClassVar[frozenset[str] | None] = None
    """Those of `types` whose fields are looked into; None: all. Of the others only the columns are used."""
    ddl: ClassVar[str]
    late: ClassVar[str] = ""

    @abstractmethod
    async def apply(self, connection: AsyncConnection, schema: str, rows: Sequence[Stored]) -> None:
        """Bring the tables from before the first row to after the last, inside the caller's transaction.

        `rows` are those of `types`, in order of position. They are not opened: sealed parts are copied as they are.
        """

    async def load(self, connection: AsyncConnection, schema: str, after: int, until: int) -> None:
        """Bring the tables from position `after` to `until`, straight from the log, inside the caller's transaction.

        The same rows as `apply` gives, however they are made: a projection with many rows does it in one statement.
        """
        await self.fold(connection, schema, after, until, frozenset())

    async def fold(self, connection: AsyncConnection, schema: str, after: int, until: int, skipped: frozenset[int]) -> None:
        """The same by `apply`, a batch at a time, leaving some positions out."""
        batch: list[Stored] = []
        async for row in reader.rows(connection, Query(after=after, until=until, types=self.types)):
            if row.position in skipped:
                continue
            batch.append(row)
            if len(batch) == BATCH:
                await self.apply(connection, schema, batch)
                batch = []
        if batch:
            await self.apply(connection, schema, batch)

    @property
    def reads(self) -> frozenset[str]:
        """The types whose fields it looks into."""
        return self.types if self.decodes is None else self.decodes

    @property
    def forms(self) -> dict[str, int]:
        """Its types with their schema versions, in order."""
        known = dict(all_types())
        return {name: known[name].VERSION if name in known else 0 for name in sorted(self.types)}

    @property
    def fingerprint(self) -> str:
        """Tells two makes of a read model apart: by its version, tables, indexes, types, and the forms of those it looks into.

        Tables of another make are not served and not gone on with, but built anew.
        """
        forms = [(name, version if name in self.reads else 0) for name, version in self.forms.items()]
        make = [self.version, self.ddl.split(), self.late.split(), forms]
        return hashlib.sha256(orjson.dumps(make)).hexdigest()[:16]


def sql(template: str, schema: str) -> bytes:
    """The statement for one set of tables."""
    return template.replace("{schema}", schema).encode()


def decoded(columns: str, types: Iterable[str], more: str = "") -> str:
    """FROM and WHERE of a statement that reads a range of the log: columns of `events e`, clear fields as columns of `d`, `more` joined.

    For `load`, which is asked only for ranges without older forms (projections.follow.forms); parameters `after` and `until`.
    `columns` are names and types: "turn_id uuid, model text". A record made straight from the JSON text costs a quarter of what
    `jsonb` and its operators do.
    """
    names = ", ".join(f"'{name}'" for name in sorted(types))
    return (
        f"FROM events e CROSS JOIN LATERAL json_to_record(convert_from(e.data, 'UTF8')::json) AS d({columns}) {more}"
        f" WHERE e.position > %(after)s AND e.position <= %(until)s AND e.type IN ({names})"
    )


async def execute(connection: AsyncConnection, schema: str, template: str, after: int, until: int) -> int:
    """Run a statement of `load`; returns the number of rows it wrote.

    It is planned anew each time: tables that grow from nothing make every older plan a bad one.
    """
    cursor = await connection.execute(sql(template, schema), {"after": after, "until": until}, prepare=False)
    return cursor.rowcount


def clear(row: Stored) -> dict[str, Any]:
    """The clear fields of a row as the type's current schema has them. What an older one kept clear and today's seals is left out."""
    fields = stored(row)
    if row.schema_version in (FOREIGN_VERSION, (cls := class_of(row.type, row.schema_version)).VERSION):
        return fields
    return {name: value for name, value in upcast(row.type, row.schema_version, fields).items() if name in cls.CLEAR}


def stored(row: Stored) -> dict[str, Any]:
    """The clear fields of a row as they are stored: for a read model that keeps the row's schema version beside them."""
    fields: dict[str, Any] = orjson.loads(row.data)
    return fields


Change = tuple[str, dict[str, Any]]
"""A statement and its parameters."""


async def apply_by_turn(connection: AsyncConnection, schema: str, rows: Iterable[Stored], statements: Mapping[str, str]) -> None:
    """Apply each row by the statement of its type. Those of one turn keep their order; those of other turns go with them.

    A statement gets its wave as one JSON list, `rows`, and takes what it needs of clear fields, type, position, `at` and causation.
    """
    changes = (
        (statements[row.type], clear(row) | {"type": row.type, "position": row.position, "at": row.occurred_at, "causation": row.causation})
        for row in rows
    )
    for statement, many in waves((UUID(change[1]["turn_id"]), change) for change in changes):
        await connection.execute(sql(statement, schema), {"rows": orjson.dumps(many).decode()})


def _about(row: Stored) -> dict[str, object]:
    return {"type": row.type, "position": row.position, "at": row.occurred_at, "causation": row.causation}


def waves(changes: Iterable[tuple[UUID | None, Change]]) -> list[tuple[str, list[dict[str, Any]]]]:
    """Changes with their keys -> statements with many parameters. A key's first change is in the first wave, its second in the second..."""
    counts: dict[UUID | None, int] = defaultdict(int)
    found: dict[tuple[int, str], list[dict[str, Any]]] = defaultdict(list)
    for key, (statement, parameters) in changes:
        found[counts[key], statement].append(parameters)
        counts[key] += 1
    return [(statement, found[wave, statement]) for wave, statement in sorted(found, key=lambda group: group[0])]
