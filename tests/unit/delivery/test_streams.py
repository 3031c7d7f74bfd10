"""Answers that are finished soon are never looked at while they grow."""

from typing import Any, cast
from uuid import uuid4

import pytest

from bot.delivery import streaming
from bot.delivery.streaming import Streams
from engine.store import Log


class Untouched:
    """A log, or a venue, that must not be asked for anything."""

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"asked for {name}")


async def test_what_is_delivered_within_the_first_second_costs_no_question(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a right nor a draft is asked for, and a draft that comes late changes nothing."""
    monkeypatch.setattr(streaming, "FIRST_AFTER_S", 0.01)
    warned: list[object] = []
    monkeypatch.setattr(streaming._log, "warning", lambda *said, **more: warned.append((said, more)))
    streams = Streams(cast(Log, Untouched()), cast(Any, Untouched()), lambda _: None)
    first, second = uuid4(), uuid4()
    await streams.on_draft(7, first)
    await streams.on_draft(7, second)
    [task] = streams._tasks.values()
    streams.ended(first)
    streams.ended(second)
    await streams.on_draft(7, second)
    await task
    assert not warned
    assert not streams._tasks
    assert not streams._waiting


async def test_what_still_grows_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """The end of one answer says nothing about another in the same channel."""
    monkeypatch.setattr(streaming, "FIRST_AFTER_S", 0.01)
    warned: list[object] = []
    monkeypatch.setattr(streaming._log, "warning", lambda *said, **more: warned.append((said, more)))
    streams = Streams(cast(Log, Untouched()), cast(Any, Untouched()), lambda _: None)
    ended, grows = uuid4(), uuid4()
    await streams.on_draft(7, ended)
    await streams.on_draft(7, grows)
    [task] = streams._tasks.values()
    streams.ended(ended)
    await task
    assert warned
