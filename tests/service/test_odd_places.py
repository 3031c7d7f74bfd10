"""Two processes at one message, and one odd place among many: nobody's newer word is lost, and nobody else is held up."""

from types import SimpleNamespace
from typing import Any, cast
from uuid import uuid4

import pytest

from bot import requests
from bot.discord import service
from bot.discord.bulletins import Bulletins
from bot.discord.changes import Changes
from bot.discord.rest import Busy
from bot.discord.translate import Us
from bot.triggers import Decision
from engine import ids, seed
from engine.actor import operator
from engine.config import Settings
from engine.decide.channel import Activate, Edit, Where
from engine.decide.places import server
from engine.decide.places.bulletin import Publish
from engine.events.message import MessageEdited
from engine.execute import execute
from engine.store import Appended, Log, NewEvent
from projections.live import heartbeats, leases
from projections.models import catalog
from tests.chaos.calls.rig import Rig, rig
from tests.support.provider.room import Person
from worker.jobs import keep
from worker.turn import initiative, sweep


def edit(message: int, moment: int, text: str) -> MessageEdited:
    return MessageEdited(message_id=message, channel_id=7, guild_id=1, author_id=7, venue="discord", edited_ms=moment, text=text)


async def test_what_is_odd_or_idle_costs_nobody_anything(settings: Settings) -> None:
    """In one house: nothing waits; two processes have edits of one message; one place of several is odd."""
    async with rig(settings) as made:
        for act in (nothing_waits, an_older_edit_does_not_come_over_a_newer_one, one_odd_place_holds_up_no_other):
            with pytest.MonkeyPatch.context() as patched:
                await act(made, patched)


async def nothing_waits(made: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """One question a round; of a process that ended long ago the next one's first beat takes the row away, not everybody's each."""
    monkeypatch.delattr(leases, "taken")
    work, pool = made.work("http://127.0.0.1:1"), made.log.pool
    assert await sweep._forgotten(work, set(), sweep.AT_ONCE) == []
    assert await keep._waiting(work, {}, {}) == []
    await heartbeats.beat(pool, "worker")
    async with pool.connection() as connection:
        await connection.execute("UPDATE heartbeats SET beat_at = now() - interval '2 hours'")
        await connection.execute(
            "INSERT INTO heartbeats SELECT process, gen_random_uuid(), pid, host, version, started_at, beat_at, details FROM heartbeats"
        )
        for instance in (heartbeats._INSTANCE, ids.random_id()):
            monkeypatch.setattr(heartbeats, "_INSTANCE", instance)
            await heartbeats.beat(pool, "worker")
            assert await (await connection.execute("SELECT count(*) FROM heartbeats")).fetchone() == (2,)
        assert len(await heartbeats.alive(connection, within=600)) == 2


async def an_older_edit_does_not_come_over_a_newer_one(made: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also when the other process writes between our look and our append; each edit is kept once."""
    log, append = made.log, Log.append
    said = Person(log, user=7, channel=7, guild=1, venue="discord").message("first")
    await log.append(*requests.received(said, Decision([])))
    newer, older = edit(said.message_id, 200, "newer"), edit(said.message_id, 100, "older")

    async def beaten(self: Log, *events: NewEvent, **more: Any) -> Appended:
        monkeypatch.setattr(Log, "append", append)
        await append(log, requests.edited(newer))
        return await append(self, *events, **more)

    monkeypatch.setattr(Log, "append", beaten)
    changes = Changes(log, cast(Any, None))
    assert not await changes.edited(older)
    assert not await changes.edited(newer)
    assert await changes.edited(edit(said.message_id, 300, "newest"))
    texts = [r.event.text for r in await log.stream(older.stream_name) if isinstance(r.event, MessageEdited)]
    assert texts == ["newer", "newest"]


class Held:
    """Discord's REST, where one channel must be left alone for an hour."""

    def __init__(self, channel: int) -> None:
        self.held, self.posted = f"/channels/{channel}/messages", list[str]()

    async def call(self, method: str, path: str, *_: object) -> Any:
        if path.startswith(self.held):
            raise Busy(3600)
        if method == "GET":
            return []
        self.posted.append(path)
        return {"id": "99"}


async def one_odd_place_holds_up_no_other(made: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """News of a release go where they can; characters begin wherever it is time, and where it is not nobody's description is opened."""
    log, rest, boss = made.log, Held(11), operator(99)
    for guild in (1, 2):
        await execute(log, boss, server.Edit(guild, {"news_channel": 10 + guild}), uuid4())
        place = Where(20 + guild, guild, "discord")
        await execute(log, boss, Activate(place, seed.samples()[0].character_id), uuid4())
        await execute(log, boss, Edit(place, {"idle_h": 3.5}), uuid4())
        said = Person(log, user=7, channel=20 + guild, guild=guild, venue="discord").message("good night")
        await log.append(*requests.received(said, Decision([])))
    await execute(log, boss, Publish("1.4.0", "Spring", "New."), uuid4())
    await made.settled()

    news = Bulletins(log, cast(Any, rest), Us(1, 2), lambda channel: channel - 10)
    await news.tend(cast(Any, SimpleNamespace(sessions=0, is_ready=lambda: False)))
    assert rest.posted == ["/channels/12/messages"]

    opened, character = list[object](), catalog.character

    async def counted(*given: Any, **more: Any) -> Any:
        opened.append(given)
        return await character(*given, **more)

    monkeypatch.setattr(catalog, "character", counted)
    assert await initiative.look(log) == 0
    assert opened == []

    async def begun(_: Log, place: Where, *__: object) -> bool:
        if place.channel_id == 21:
            raise ValueError("odd")
        return True

    monkeypatch.setattr(initiative, "_begun", begun)
    assert await initiative.look(log) == 1
    await service._once(begun(log, Where(21, 1, "discord")))
