"""Which models there are, what their provider says of them, and what an operator says instead."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from psycopg import AsyncConnection
from psycopg.rows import class_row

from engine import clock
from engine.decide.spending.turn_model import Known, Model, Quirks, resolve
from engine.outside import clean
from engine.store import Stored
from engine.store.together import together
from projections import unchanged
from projections.base import Projection, clear, sql
from projections.models.model_quirks import QUIRK_TYPES, QUIRKS_DDL, apply_quirks, quirks_at

STALE_AFTER = timedelta(hours=24)
"""A catalogue that could not be fetched for so long is not believed any more: then models count as unknown."""
CHOICES = 25
"""What Discord shows in an autocompletion."""


class Models(Projection):
    name = "models"
    version = 3
    types = frozenset({"model.catalogue_fetched", "model.overridden", "model.override_cleared"} | QUIRK_TYPES)
    ddl = (
        """
    CREATE TABLE {schema}.offered (
        provider text COLLATE "C" NOT NULL,
        model text COLLATE "C" NOT NULL,
        name text NOT NULL,
        context_tokens integer,
        max_output integer,
        price_in double precision,
        price_out double precision,
        reasoning boolean,
        vision boolean,
        tools boolean,
        PRIMARY KEY (provider, model)
    );
    CREATE TABLE {schema}.fetches (
        provider text COLLATE "C" PRIMARY KEY,
        at timestamptz NOT NULL,
        sha256 text NOT NULL,
        models integer NOT NULL
    );
    CREATE TABLE {schema}.overrides (
        model text COLLATE "C" PRIMARY KEY,
        context_tokens integer,
        max_output integer,
        reasoning boolean,
        vision boolean,
        price_in double precision,
        price_out double precision,
        forbidden text[],
        set_by bigint NOT NULL,
        at timestamptz NOT NULL
    );
    """
        + QUIRKS_DDL
    )

    async def apply(self, connection: AsyncConnection, schema: str, rows: Sequence[Stored]) -> None:
        for row in rows:
            data: dict[str, Any] = clear(row) | {"at": row.occurred_at}
            if row.type == "model.catalogue_fetched":
                await _replace(connection, schema, data)
            elif row.type == "model.overridden":
                await connection.execute(sql(_OVERRIDE, schema), data)
            elif row.type in QUIRK_TYPES:
                await apply_quirks(connection, schema, row.type, data)
            else:
                await connection.execute(sql("DELETE FROM {schema}.overrides WHERE model = %(model)s", schema), data)


_OVERRIDE = """
INSERT INTO {schema}.overrides (model, context_tokens, max_output, reasoning, vision, price_in, price_out, forbidden, set_by, at)
VALUES (%(model)s, %(context_tokens)s, %(max_output)s, %(reasoning)s, %(vision)s, %(price_in)s, %(price_out)s, %(forbidden)s,
        %(set_by)s, %(at)s)
ON CONFLICT (model) DO UPDATE SET context_tokens = excluded.context_tokens, max_output = excluded.max_output,
    reasoning = excluded.reasoning, vision = excluded.vision, price_in = excluded.price_in, price_out = excluded.price_out,
    forbidden = excluded.forbidden,
    set_by = excluded.set_by, at = excluded.at
"""
_OFFER = """
INSERT INTO {schema}.offered (provider, model, name, context_tokens, max_output, price_in, price_out, reasoning, vision, tools)
VALUES (%(provider)s, %(id)s, %(name)s, %(context_tokens)s, %(max_output)s, %(price_in)s, %(price_out)s, %(reasoning)s, %(vision)s,
        %(tools)s)
ON CONFLICT DO NOTHING
"""
_FETCH = """
INSERT INTO {schema}.fetches (provider, at, sha256, models) VALUES (%(provider)s, %(at)s, %(sha256)s, %(count)s)
ON CONFLICT (provider) DO UPDATE SET at = excluded.at, sha256 = excluded.sha256, models = excluded.models
"""


async def _replace(connection: AsyncConnection, schema: str, data: dict[str, Any]) -> None:
    await connection.execute(sql("DELETE FROM {schema}.offered WHERE provider = %(provider)s", schema), data)
    async with connection.cursor() as cursor:
        await cursor.executemany(
            sql(_OFFER, schema), [{"tools": None} | offer | {"provider": data["provider"]} for offer in data["models"]]
        )
    await connection.execute(sql(_FETCH, schema), data | {"count": len(data["models"])})


@dataclass(frozen=True, slots=True)
class Offer:
    """A model in the catalogue, as lists show it."""

    provider: str
    model: str
    name: str
    context_tokens: int | None
    max_output: int | None
    price_in: float | None
    price_out: float | None
    reasoning: bool | None
    vision: bool | None
    tools: bool | None


@dataclass(frozen=True, slots=True)
class Fetch:
    """When a provider's catalogue was last seen, and its fingerprint."""

    provider: str
    at: datetime
    sha256: str
    models: int


_OFFERED = "provider, model, name, context_tokens, max_output, price_in, price_out, reasoning, vision, tools"


async def known(
    connection: AsyncConnection, models: Sequence[str], *, now: datetime | None = None, schema: str = "models"
) -> dict[str, Model]:
    """What these models can do, in one round trip: override, then a catalogue that is not stale, then patterns, then caution."""
    moment = now or clock.now()
    oldest = moment - STALE_AFTER
    asked = ([schema], (list(models),))  # no moment among what is asked: the answers hold until the read model changes
    odd, overrides, offers = await together(
        connection, quirks_at(connection, schema, models, moment), _rows(connection, _OVERRIDES, *asked), _rows(connection, _OFFERS, *asked)
    )
    said = {row[0]: _known(row[1:]) for row in overrides}
    listed = {
        row[1]: replace(_known((*row[2:8], None)), tools=row[8]) for row in offers if row[0] > oldest
    }  # sorted: the one seen last counts
    noted = {name: Quirks(tuple(forbidden), renamed, tuple(messages)) for name, forbidden, renamed, messages in odd}
    found = {model: resolve(model, said.get(model), listed.get(model)) for model in models}
    return {model: known.noting(noted[model]) if model in noted else known for model, known in found.items()}


_OVERRIDES = """
SELECT model, context_tokens, max_output, reasoning, vision, price_in, price_out, forbidden FROM {schema}.overrides WHERE model = ANY(%s)
"""
_OFFERS = """
SELECT f.at, o.model, o.context_tokens, o.max_output, o.reasoning, o.vision, o.price_in, o.price_out, o.tools
FROM {schema}.offered o JOIN {schema}.fetches f USING (provider) WHERE o.model = ANY(%s) ORDER BY f.at
"""


async def _rows(connection: AsyncConnection, template: str, models: Sequence[str], parameters: Sequence[object]) -> Sequence[Any]:
    return await unchanged.rows(connection, models, sql(template, models[0]), parameters)


def _known(values: Sequence[Any]) -> Known:
    context_tokens, max_output, reasoning, vision, price_in, price_out, forbidden = values
    return Known(context_tokens, max_output, reasoning, vision, price_in, price_out, tuple(forbidden) if forbidden is not None else None)


async def browse(connection: AsyncConnection, search: str = "", *, limit: int = CHOICES, schema: str = "models") -> list[Offer]:
    """Models whose id or name contains every word of the search, free ones first, then by id."""
    words = [f"%{_literal(word)}%" for word in clean.storable(search.lower()).split()]
    statement = f"""
    SELECT {_OFFERED} FROM {{schema}}.offered WHERE lower(model || ' ' || name) LIKE ALL (%(words)s::text[])
    ORDER BY (coalesce(price_in, 1) = 0 AND coalesce(price_out, 1) = 0) DESC, model LIMIT %(limit)s
    """
    async with connection.cursor(row_factory=class_row(Offer)) as cursor:
        await cursor.execute(sql(statement, schema), {"words": words, "limit": limit})
        return await cursor.fetchall()


async def free(connection: AsyncConnection, *, limit: int, now: datetime | None = None, schema: str = "models") -> list[str]:
    """Models that a catalogue which is not stale prices at nothing, the longest memory first."""
    statement = """
    SELECT o.model FROM {schema}.offered o JOIN {schema}.fetches f USING (provider)
    WHERE o.price_in = 0 AND o.price_out = 0 AND f.at > %s GROUP BY o.model ORDER BY max(o.context_tokens) DESC NULLS LAST, o.model LIMIT %s
    """
    rows = await connection.execute(sql(statement, schema), ((now or clock.now()) - STALE_AFTER, limit))
    return [row[0] for row in await rows.fetchall()]


async def fetched(connection: AsyncConnection, *, schema: str = "models") -> list[Fetch]:
    """Which catalogues there are, and how old."""
    async with connection.cursor(row_factory=class_row(Fetch)) as cursor:
        await cursor.execute(sql("SELECT provider, at, sha256, models FROM {schema}.fetches ORDER BY provider", schema))
        return await cursor.fetchall()


def _literal(word: str) -> str:
    return word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


MODELS = Models()
