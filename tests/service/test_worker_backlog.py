"""Answers that come late, because the worker was away while people went on talking."""

import asyncio

import pytest

from engine import ids, seed
from engine.config import Settings
from engine.events.preset import Window
from engine.events.quota import LimitsChanged
from engine.events.turn import GenerationStarted, TurnCompleted
from projections.models.turns import Turn
from tests.support.provider.room import Person, local_standin, reading, with_provider
from worker.__main__ import working
from worker.turn import context
from worker.turn.context import SPARE_ENTRIES

WREN = seed.samples()[0].character_id


async def test_a_message_is_answered_however_much_was_said_after_it(settings: Settings) -> None:
    """It lies far behind the newest entries of its channel; its prompt ends with it, and holds what came before it."""
    later = 2 * (Window().max_messages + SPARE_ENTRIES)
    async with local_standin() as url:
        own = with_provider(settings, url, default_model="standin/0")
        async with reading(own) as log:
            person = Person(log)
            for n in range(3):
                await person.say(f"Before, {n}")
            [turn] = await person.say("Is anybody there?", WREN)
            await asyncio.gather(*(person.say(f"Meanwhile, {n}") for n in range(later)))
            async with working(own):
                end = await person.end(turn)
            assert isinstance(end, TurnCompleted), end
            [started] = [e.event for e in await person.events(turn) if isinstance(e.event, GenerationStarted)]
            assert len(started.history_ids) == 4
            asked = await log.find(ids.message_event(end.message_id, "received"))
            assert asked is not None
            assert started.history_ids[-1] == asked.position


async def test_everything_that_waited_in_one_channel_is_answered(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last lies behind more answers than a prompt takes in. Recall takes up what was said when nobody waits any more."""
    taken_up: list[Turn] = []
    monkeypatch.setattr(context, "learn", lambda work, turn, position: taken_up.append(turn))
    monkeypatch.setattr(context, "SPARE_ENTRIES", 5)
    window = Window(max_messages=10)
    asked = window.max_messages + context.SPARE_ENTRIES + 5
    async with local_standin() as url:
        own = with_provider(settings, url, default_model="standin/0")
        async with reading(own) as log:
            person = Person(log)
            await person.tell(LimitsChanged(user_per_minute=10_000), "limits")
            await person.preset("standin/0", window=window)
            waiting = [(await person.say(f"Number {n}?", WREN))[0] for n in range(asked)]
            async with working(own):
                ends = [await person.end(turn) for turn in waiting]
    assert {type(end).__name__ for end in ends} == {"TurnCompleted"}
    assert len(taken_up) <= 2
