"""Appends spare a look at a stream's version where it is known, or as good as known."""

from collections.abc import Sequence
from dataclasses import replace

import psycopg
import pytest

from engine.store import Log, slow_path, writer
from tests.chaos.store.lab import message
from tests.service.store.test_log import deleted, log, other

__all__ = ["log", "other"]


async def test_a_stream_that_is_not_where_it_was_taken_to_be_costs_no_event(log: Log, other: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    """What opens a stream as a rule, and what was read a moment ago, spare a look; the database has the last word all the same."""
    looked: list[str] = []
    heads = slow_path.heads

    async def seen(connection: psycopg.AsyncConnection, streams: Sequence[str]) -> dict[str, int]:
        looked.extend(streams)
        return await heads(connection, streams)

    await log.append(deleted(1))
    monkeypatch.setattr(slow_path, "heads", seen)
    await log.append(message(5, channel=5))
    assert len(await log.stream("channel:5")) == 1
    await log.append(replace(deleted(6), stream="channel:5"))
    assert await log.stream_rows("channel:6") == []
    await log.append(replace(deleted(7), stream="channel:6"))
    assert not looked
    await other.append(message(8, channel=1))  # the stream holds an event already, of which `other` knows nothing
    assert await other.stream_rows("channel:9") == []
    await log.append(message(9, channel=9))
    await other.append(replace(deleted(10), stream="channel:9"))  # and this one has grown meanwhile
    assert [row.version for row in await log.stream_rows("channel:1")] == [1, 2]
    assert [row.version for row in await log.stream_rows("channel:9")] == [1, 2]


async def test_what_is_known_of_streams_is_bounded_also_where_nothing_is_appended(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that only reads holds no more of them than one that writes."""
    monkeypatch.setattr(writer, "_HEADS", 5)
    for number in range(20):
        assert await log.stream_rows(f"channel:{number}") == []
    assert len(log._writer._heads) <= 6
