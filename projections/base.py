"""What a read model is: a name, a version, its tables, and how a batch of events changes them."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

import orjson
from psycopg import AsyncConnection

from engine.store import Stored


class Projection(ABC):
    """One read model. Its tables live in a Postgres schema of its own, whose name every function takes as a parameter:

    the serving set is in the schema called like the projection, a new version is built in another one beside it, and a view
    of the past in a scratch one. `ddl` creates the tables; `{schema}` stands for the schema's name. Change `version` whenever
    `ddl` or `apply` would give other rows than before.
    """

    name: ClassVar[str]
    version: ClassVar[int]
    types: ClassVar[frozenset[str]]
    ddl: ClassVar[str]

    @abstractmethod
    async def apply(self, connection: AsyncConnection, schema: str, rows: Sequence[Stored]) -> None:
        """Bring the tables from before the first row to after the last, inside the caller's transaction.

        `rows` are those of `types`, in order of position. They are not opened: sealed parts are copied as they are.
        """


def sql(template: str, schema: str) -> bytes:
    """The statement for one set of tables."""
    return template.replace("{schema}", schema).encode()


def clear(row: Stored) -> dict[str, object]:
    """The clear fields of a row, as stored."""
    fields: dict[str, object] = orjson.loads(row.data)
    return fields
