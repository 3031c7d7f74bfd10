"""Presence over 1,000 pairs of message and character: whoever was absent has no byte of it, whoever was there has all (A18)."""

import random

import pytest

from bot import requests
from bot.triggers import Decision
from engine import ids, seed
from engine.actor import operator
from engine.config import Settings
from engine.decide.channel import Where
from engine.decide.speaking.scene import Mark
from engine.execute import execute
from projections.follow import runner
from projections.models import history_window
from projections.registry import ALL
from tests.support.provider.room import Person, room, with_provider

MESSAGES = 500
CAST = [sample.character_id for sample in seed.samples()]
BOSS = operator(99)


@pytest.mark.timeout(300)
async def test_nobody_meets_what_was_said_in_its_absence(settings: Settings) -> None:
    """Characters come and go at random while people talk; each then has exactly the messages of its presence, in their order."""
    draw = random.Random(18)
    async with room(with_provider(settings, "http://127.0.0.1:1")) as host:
        person = Person(host.log, venue="discord", guild=1)
        place, there = Where(person.channel, 1, "discord"), dict.fromkeys(CAST, True)
        expected: dict[object, list[int]] = {one: [] for one in CAST}
        for number in range(MESSAGES):
            if draw.random() < 0.12:
                who = draw.choice(CAST)
                there[who] = not there[who]
                await execute(host.log, BOSS, Mark(place, who, person.snowflakes.next(), present=there[who]), ids.random_id())
            message = person.message(f"canary-{number}")
            await host.log.append(*requests.received(message, Decision([])))
            for who in CAST:
                expected[who] += [message.message_id] if there[who] else []
        assert await runner.wait_for(host.log.pool, [p.name for p in ALL], await host.log.head(), seconds=60)
        async with host.log.pool.connection() as connection:
            for who in CAST:
                met = await history_window.before(
                    connection, person.channel, 2**62, reader=who, limit=MESSAGES, since=None, most_bytes=2**40
                )
                assert [line.message_id for line in met] == expected[who]
    absent = MESSAGES * len(CAST) - sum(map(len, expected.values()))
    assert MESSAGES * len(CAST) >= 1_000
    assert absent > MESSAGES // 4, "there was nothing to keep from anybody"
