"""Looks at the forms of events before they are folded: none that this program does not know may be passed over, and old ones are upcast."""

from collections.abc import Iterable, Mapping
from functools import cache

from psycopg import AsyncConnection
from psycopg.types.json import Jsonb

from engine.errors import StoreError
from engine.events import all_types, class_of
from engine.store import Stored
from engine.store.foreign import FOREIGN_VERSION
from projections.base import Projection

_OTHERS = """
SELECT type, schema_version, min(position) FROM events
WHERE position > %(after)s AND position <= %(until)s AND schema_version <> %(foreign)s
  AND (type, schema_version) NOT IN (SELECT * FROM unnest(%(types)s::text[], %(versions)s::smallint[]))
GROUP BY type, schema_version ORDER BY 3
"""


def check(rows: Iterable[Stored]) -> None:
    """Make sure that this program knows every one of these events. Raises UnknownEvent."""
    for row in rows:
        if row.schema_version != FOREIGN_VERSION:
            _known(row.type, row.schema_version)


@cache
def _known(type_: str, version: int) -> None:
    class_of(type_, version)


async def has_older(connection: AsyncConnection, projection: Projection, after: int, until: int) -> bool:
    """Whether a range of the log holds an older form of what the projection reads. Raises UnknownEvent for one that is not known."""
    names, versions = zip(*((name, cls.VERSION) for name, cls in all_types()), strict=True)
    parameters = {"after": after, "until": until, "foreign": FOREIGN_VERSION, "types": list(names), "versions": list(versions)}
    found = await (await connection.execute(_OTHERS, parameters)).fetchall()
    older = {class_of(type_, version).TYPE for type_, version, _ in found}
    return not older.isdisjoint(projection.reads)


def of(projection: Projection) -> Jsonb:
    """The forms a set of tables is made of, to be kept beside it: type to schema version."""
    return Jsonb(projection.forms)


async def outdated(connection: AsyncConnection, projection: Projection) -> bool:
    """Whether the serving tables are of another make than this program's. Raises StoreError when a newer program made them."""
    cursor = await connection.execute(
        "SELECT version, fingerprint, forms FROM projections WHERE name = %s AND role = 'live'", (projection.name,)
    )
    row = await cursor.fetchone()
    if row is None:
        return False
    version, fingerprint, forms = row
    if version > projection.version or _newer(forms or {}):
        raise StoreError(
            f"{projection.name} was built in version {version} by a newer program; this one knows version {projection.version}"
            " and older forms of events. Update it."
        )
    return bool(fingerprint != projection.fingerprint)


async def standing(connection: AsyncConnection, projections: Iterable[Projection]) -> dict[str, int]:
    """Positions of those whose serving tables are of this program's make, by name."""
    makes = {projection.name: projection.fingerprint for projection in projections}
    cursor = await connection.execute(
        "SELECT name, position, fingerprint, forms FROM projections WHERE role = 'live' AND name = ANY(%s)", (list(makes),)
    )
    rows = await cursor.fetchall()
    return {name: position for name, position, fingerprint, forms in rows if fingerprint == makes[name] and not _newer(forms or {})}


def _newer(forms: Mapping[str, int]) -> bool:
    known = {name: cls.VERSION for name, cls in all_types()}
    return any(version > known.get(name, 0) for name, version in forms.items())
