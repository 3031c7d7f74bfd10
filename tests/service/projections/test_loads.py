"""Big steps and small ones give the same rows, whatever happened in whatever order and wherever the steps end."""

import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, get_origin

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from psycopg import AsyncConnection

from engine import ids
from engine.events import Event, Tags, all_types
from engine.store import Log, NewEvent, Query, open_log, reader
from engine.vault import MasterKey
from projections.base import Projection
from projections.follow import rebuild, verify
from projections.registry import ALL
from tests.support import generated

CLASSES = dict(all_types())
FIRST = datetime(2026, 11, 23, 23, 59, tzinfo=UTC)
_TURNS, _CHARACTERS, _KEYS = (tuple(ids.derived(kind, number) for number in range(2)) for kind in ("turn", "character", "key"))
_LOREBOOKS = tuple(ids.derived("lorebook", number) for number in range(2))
_VERSIONS = (*_TURNS, *(ids.derived("version", number) for number in range(2)))
_FEW: dict[str, st.SearchStrategy[Any]] = {
    "turn_id": st.sampled_from(_TURNS),
    "character_id": st.sampled_from(_CHARACTERS),
    "version": st.sampled_from(_VERSIONS),
    "of": st.sampled_from(_VERSIONS),
    "shown": st.sampled_from(_VERSIONS),
    "live": st.none() | st.sampled_from(_VERSIONS),
    "key_id": st.sampled_from(_KEYS),
    "preset_id": st.sampled_from(_KEYS),
    "message_id": st.integers(1, 4),
    "channel_id": st.integers(10, 11),
    "guild_id": st.none() | st.integers(20, 21),
    "user_id": st.integers(30, 31),
    "author_id": st.integers(30, 31),
    "model": st.sampled_from(["a", "b"]),
    "provider": st.sampled_from(["p", "q"]),
    "scope": st.sampled_from(["system", *(f"key:{key}" for key in _KEYS)]),
    "day": st.sampled_from(["2026-11-23", "2026-11-24"]),
    "subject": st.sampled_from(["user:30", "system"]),
    "delivered": st.integers(0, 1),
    "lorebook_id": st.sampled_from(_LOREBOOKS),
    "uids": st.lists(st.integers(0, 3), min_size=1, max_size=3).map(tuple),
    "target": st.sampled_from(["", "30"]),
}
"""So few of each that events meet."""
_ONCE = {"message.received": "message_id", "reply.edited": "version", "turn.requested": "turn_id", "key.added": "key_id"} | dict.fromkeys(
    ("turn.completed", "turn.failed", "turn.cancelled"), "turn_id"
)
"""What a log holds once by its event ids."""


@st.composite
def news(draw: st.DrawFn, projection: Projection) -> NewEvent:
    """An event of one of the projection's types about one of few things, with tags as the faces set them, or without."""
    cls = CLASSES[draw(st.sampled_from(sorted(projection.types & CLASSES.keys())))]
    fields = _small(draw(generated.of(cls)).model_dump())
    fields |= {name: draw(few) for name, few in _FEW.items() if name in fields and not _listed(cls, name)}
    if cls.TYPE == "reply.edited":  # a version of a person's own is never a turn's
        fields["version"] = draw(st.sampled_from(_VERSIONS[len(_TURNS) :]))
    if "guild_id" in fields and cls.model_fields["guild_id"].is_required():
        fields["guild_id"] = 20
    names = {"guild": "guild_id", "channel": "channel_id", "user": "user_id", "character": "character_id", "turn": "turn_id"}
    found = {tag: fields.get(name) for tag, name in names.items()}
    if found["turn"] is not None and found["character"] is None:  # what does not name it is tagged with it by its cause
        found["character"] = draw(st.sampled_from(_CHARACTERS))
    # What is said of a reply always names its turn and its character; of others there are old rows without.
    tags = Tags(**found) if cls.TYPE.startswith("reply.") or draw(st.integers(0, 9)) else Tags()
    occurred = FIRST + timedelta(seconds=draw(st.integers(0, 120)), microseconds=draw(st.sampled_from([0, 1, 999_999])))
    subject = f"user:{draw(st.integers(30, 31))}"
    return NewEvent(cls.model_validate(fields), "stream", ids.random_id(), tags, (subject,), occurred)


def _listed(cls: type[Event], field: str) -> bool:
    """Tell whether a field of this type has values of its own: a list of them, or no id where those of others name a reply's version."""
    kind = cls.model_fields[field].annotation
    return get_origin(kind) is Literal or (field in ("of", "version") and kind in (int, str))


@st.composite
def logs(draw: st.DrawFn, projection: Projection) -> list[NewEvent]:
    """Some of them in any order, each as often as a log can hold it: event ids let no second one in."""
    drawn = draw(st.lists(news(projection), min_size=1, max_size=14))
    return list({_natural(new): new for new in drawn}.values())


def _natural(new: NewEvent) -> object:
    kind = new.event.TYPE
    return (_ONCE[kind], kind[:5], getattr(new.event, _ONCE[kind]), kind == "turn.requested") if kind in _ONCE else new.id


def _small(value: Any) -> Any:
    """Counters that add up without leaving their column."""
    if isinstance(value, dict):
        return {name: _small(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_small(inner) for inner in value)
    return value % 10_000 + 1_000 if isinstance(value, int) and abs(value) > 100_000_000 else value


@pytest.fixture
async def log(dsn: str) -> AsyncIterator[Log]:
    async with open_log(dsn, MasterKey.of(b"k" * 32)) as opened:
        yield opened


@pytest.fixture
def accepted() -> Iterator[list[bool]]:
    """Which of the logs drawn were accepted: a comparison of refusals alone would say nothing."""
    found: list[bool] = []
    yield found
    assert sum(found) * 2 > len(found), f"{sum(found)} of {len(found)} logs were accepted"


WAYS = ("singly", "in_batches", "in_loads")
EXAMPLES = 100 if os.environ.get("TZUROT_FULL") else 6


@pytest.fixture
async def tables(log: Log, projection: Projection) -> AsyncIterator[AsyncConnection]:
    """A connection whose transaction, undone at the end, holds a set of the projection's tables for each way."""
    async with log.pool.connection() as connection, connection.transaction(force_rollback=True):
        for schema in WAYS:
            await rebuild.create(connection, projection, schema)
        yield connection


@pytest.mark.parametrize("projection", ALL, ids=lambda projection: projection.name)
@given(data=st.data())
@settings(max_examples=EXAMPLES, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
async def test_steps_of_any_size_give_what_single_events_give(
    log: Log, accepted: list[bool], tables: AsyncConnection, projection: Projection, data: st.DataObject
) -> None:
    """One by one, in batches and in loads cut anywhere: the same rows, or refused by all three."""
    events = data.draw(logs(projection))
    first = (await log.append(*events)).positions[0] - 1
    ends = sorted({*data.draw(st.lists(st.integers(1, len(events)), max_size=3)), len(events)})
    steps = list(zip([first, *(first + end for end in ends)], [first + end for end in ends], strict=False))
    async with tables.transaction(force_rollback=True):
        rows = [row async for row in reader.rows(tables, Query(after=first))]

        async def singly(schema: str) -> None:
            for row in rows:
                await projection.apply(tables, schema, [row])

        async def in_batches(schema: str) -> None:
            for after, until in steps:
                await projection.apply(tables, schema, [row for row in rows if after < row.position <= until])

        async def in_loads(schema: str) -> None:
            for after, until in steps:
                await rebuild.load(tables, projection, schema, after, until)

        wanted = await _outcome(tables, WAYS[0], singly)
        accepted.append(wanted is not None)
        assert await _outcome(tables, WAYS[1], in_batches) == wanted
        assert await _outcome(tables, WAYS[2], in_loads) == wanted


async def _outcome(connection: AsyncConnection, schema: str, work: Callable[[str], Awaitable[None]]) -> verify.Hashes | None:
    """What stands in the tables afterwards; None when it cannot be done."""
    try:
        async with connection.transaction():
            await work(schema)
    except Exception:
        return None
    return await verify.hashes(connection, schema)
