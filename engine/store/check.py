"""Walks the log as a replay would and says what is wrong with it. Opens nothing and needs no key."""

from collections.abc import Callable
from dataclasses import dataclass

import orjson

from engine import clock
from engine.errors import UnknownEvent
from engine.events import class_of
from engine.store import bulk, codec
from engine.store.foreign import FOREIGN_VERSION
from engine.store.log import Log
from engine.store.upcast import upcast

SHOWN = 100


@dataclass(frozen=True, slots=True)
class Walked:
    """How many events were looked at, how fast, and the first problems."""

    events: int
    seconds: float
    rate: float
    types: dict[str, int]
    problems: tuple[str, ...]


async def walk(log: Log, after: int, until: int | None, tell: Callable[[int, int], None] = lambda *_: None) -> Walked:
    """Every event between two positions: known, upcast to today's schema, valid, and without a gap."""
    began, expected = clock.monotonic(), after + 1
    types, problems = dict[str, int](), list[str]()
    end = await log.head() if until is None else until
    async for page in bulk.pages(log.dsn, after, end):
        for row in page:
            if row[0] != expected and len(problems) < SHOWN:
                problems.append(f"positions {expected} to {row[0] - 1} are missing")
            expected = row[0] + 1
            types[row[2]] = types.get(row[2], 0) + 1
            problem = check(row)
            if problem and len(problems) < SHOWN:
                problems.append(f"{row[0]}: {problem}")
        tell(expected - 1 - after, end - after)
    if expected <= end:
        problems.append(f"positions {expected} to {end} are missing")
    seconds = clock.monotonic() - began
    events = sum(types.values())
    return Walked(events, seconds, events / seconds if seconds else 0.0, dict(sorted(types.items())), tuple(problems))


def check(row: bulk.Row) -> str | None:
    """What is wrong with one row; None when nothing is."""
    _, _, type_, schema_version, _, data, _ = row
    if schema_version == FOREIGN_VERSION:
        return None
    try:
        codec.erased(class_of(type_, schema_version), upcast(type_, schema_version, orjson.loads(data)))
    except UnknownEvent as error:
        return str(error)
    except ValueError as error:
        return f"{type_} in version {schema_version} does not fit today's schema ({type(error).__name__})"
    return None
