"""What embedding computed, kept so that no text is embedded twice: sealed with its person's key, found by a keyed digest of the text.

Not derived from the log alone (a model computed it), but computable again from it. `position` is that of the memory it was made for first:
when nobody will meet that again, the row goes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from psycopg import AsyncConnection

from engine import sealing
from engine.sealing import DataKey
from projections.base import sql
from projections.models.memories.memory_scope import FORGOTTEN


@dataclass(frozen=True, slots=True)
class Embedding:
    """One text's, as bytes, under the key of `subject`."""

    subject: str
    digest: str
    position: int
    packed: bytes


def digest(key: DataKey, model: str, text: str) -> str:
    """What the embedding of a text is found by."""
    return key.digest(b"embedding " + model.encode() + b"\n" + text.encode("utf-8", "surrogatepass"))


def _bound_to(model: str, named: str) -> bytes:
    return b"embedding " + model.encode() + named.encode()


async def load(connection: AsyncConnection, model: str, wanted: Mapping[str, str], keys: Mapping[str, DataKey]) -> dict[str, bytes]:
    """Of the wanted digests (digest -> subject) those that are kept, unsealed."""
    statement = "SELECT subject, digest, sealed FROM memory_embeddings WHERE model = %s AND digest = ANY(%s) AND subject = ANY(%s)"
    subjects = sorted(set(wanted.values()))
    async with connection.cursor(binary=True) as cursor:
        await cursor.execute(statement, (model, list(wanted), subjects))
        rows = await cursor.fetchall()
    return {named: sealing.unseal(keys[subject], sealed, _bound_to(model, named)) for subject, named, sealed in rows if subject in keys}


_PUT = """
INSERT INTO memory_embeddings (model, subject, digest, position, sealed)
SELECT %s, made.* FROM unnest(%s::text[], %s::text[], %s::bigint[], %s::bytea[]) AS made ON CONFLICT DO NOTHING
"""


async def put(connection: AsyncConnection, model: str, made: Sequence[Embedding], keys: Mapping[str, DataKey]) -> None:
    """Keep them; what is there already stays."""
    sealed = [sealing.seal(keys[one.subject], one.packed, _bound_to(model, one.digest)) for one in made]
    columns = ([one.subject for one in made], [one.digest for one in made], [one.position for one in made], sealed)
    await connection.execute(_PUT, (model, *columns))


_DEAD = f"""
DELETE FROM memory_embeddings m
WHERE NOT EXISTS (SELECT 1 FROM history.entries e WHERE e.position = m.position AND NOT e.gone AND NOT {FORGOTTEN})
  AND NOT EXISTS (SELECT 1 FROM memory.notes n WHERE n.position = m.position AND NOT n.gone)
"""


async def tidy(connection: AsyncConnection) -> int:
    """Remove what was made for memories that nobody will meet again; returns the number of rows."""
    return (await connection.execute(sql(_DEAD, ""), {"reader": None})).rowcount
