"""A character sees only what it was there for, on real Postgres: who was absent has no byte of it in its prompt (A18)."""

from collections.abc import AsyncIterator
from uuid import UUID

import pytest

from bot import requests
from bot.triggers import Decision, Trigger
from engine import ids, seed
from engine.actor import operator
from engine.config import Settings
from engine.decide.channel import Purge, ResetContext, RestoreContext, Where
from engine.decide.rejected import Rejected
from engine.decide.speaking.scene import Mark, Narrate
from engine.events.turn import GenerationStarted
from engine.execute import execute
from engine.execute import undo as take_back
from engine.store import Query
from projections.follow import runner
from projections.models import history
from projections.models.places import scenes
from projections.prompt.rebuild import rebuild
from projections.registry import ALL
from tests.support.provider.room import Person, room, with_provider
from tests.support.provider.server import FaultServer, Reply

ADA, BEN = (sample.character_id for sample in seed.samples()[:2])
BOSS = operator(99)


@pytest.fixture
async def provider() -> AsyncIterator[FaultServer]:
    async with FaultServer.running() as server:
        server.decide = lambda asked: Reply(f"Noted, number {len(server.journal)}.")
        yield server


class Stage:
    """One channel with two characters, and what a model was last told."""

    def __init__(self, host: Person, provider: FaultServer) -> None:
        self.person, self.provider = Person(host.log, venue="discord", guild=1), provider
        self.place = Where(self.person.channel, 1, "discord")

    async def say(self, text: str, *to: UUID) -> str:
        """Say something, to characters or to nobody; returns the last prompt."""
        for turn in await self.person.say(text, *to):
            await self.person.end(turn)
        return str(self.provider.journal[-1].body["messages"]) if self.provider.journal else ""

    async def do(self, command: Mark | Narrate | ResetContext | RestoreContext | Purge) -> UUID:
        key = ids.random_id()
        await execute(self.person.log, BOSS, command, key)
        return key

    async def now(self) -> int:
        assert await runner.wait_for(self.person.log.pool, [p.name for p in ALL], await self.person.log.head(), seconds=60)
        return self.person.snowflakes.next()


async def test_who_is_absent_sees_nothing_of_it_and_a_change_of_the_past_changes_what_it_sees(
    settings: Settings, provider: FaultServer
) -> None:
    """Leaving, coming back, being addressed, whispers, a narrator; a mark at an earlier message; every prompt can be built again."""
    async with room(with_provider(settings, provider.address)) as host:
        stage = Stage(host, provider)
        await stage.say("canary-before", BEN)
        left = await stage.now()
        await stage.do(Mark(stage.place, BEN, left, present=False))
        await stage.say("canary-secret", ADA)
        early = await stage.now()
        await stage.say("canary-later", ADA)
        told = await stage.say("canary-called", BEN)
        assert ["canary-before" in told, "canary-called" in told] == [True, True]
        assert "canary-secret" not in told
        assert "canary-later" not in told
        key = await stage.do(Mark(stage.place, BEN, early, present=True))
        told = await stage.say("canary-again", BEN)
        assert ["canary-secret" in told, "canary-later" in told] == [False, True]
        await take_back(host.log, BOSS, key, ids.random_id())
        told = await stage.say("and now", BEN)
        assert ["canary-later" in told, "canary-called" in told] == [False, True]
        await stage.do(Narrate(stage.place, BEN, narrates=True))
        told = await stage.say("narrator", BEN)
        assert "canary-secret" in told
        async for one in host.log.read(Query(types=frozenset({"turn.generation_started"}))):
            assert isinstance(one.event, GenerationStarted)
            assert (await rebuild(host.log, one.event)).equal
        async with host.log.pool.connection() as connection:
            assert await scenes.absent(connection, stage.person.channel, await stage.now()) == {BEN}


async def test_a_whisper_and_what_answers_it_are_for_one_alone(settings: Settings, provider: FaultServer) -> None:
    async with room(with_provider(settings, provider.address)) as host:
        stage = Stage(host, provider)
        message = stage.person.message("canary-whisper")
        events = requests.received(message, Decision([Trigger(ADA, "command", "a command calls it")]))
        await host.log.append(*events, requests.whispered(message, [ADA]))
        await stage.person.end(ids.turn(message.message_id, ADA))
        assert "canary-whisper" in await stage.say("to ada", ADA)
        told = await stage.say("to ben", BEN)
        assert "canary-whisper" not in told
        assert "Noted, number 1." not in told
        assert "to ada" in told


async def test_what_was_cleared_comes_back_and_what_was_purged_does_not(settings: Settings, provider: FaultServer) -> None:
    """`/history clear`, `undo`, `stats`, `purge` (A10)."""
    async with room(with_provider(settings, provider.address)) as host:
        stage = Stage(host, provider)
        with pytest.raises(Rejected, match="Nothing was cleared"):
            await stage.do(RestoreContext(stage.place))
        await stage.say("canary-one", ADA)
        key = await stage.do(ResetContext(stage.place))
        assert "canary-one" not in await stage.say("hello", ADA)
        async with host.log.pool.connection() as connection:
            await stage.now()
            found = await history.stats(connection, stage.person.channel)
        assert (found.messages, found.replies, found.people, found.hidden) == (2, 2, 1, 2)
        await take_back(host.log, BOSS, key, ids.random_id())
        assert "canary-one" in await stage.say("hello again", ADA)
        await stage.do(ResetContext(stage.place))
        await stage.do(Purge(stage.place))
        with pytest.raises(Rejected, match="Nothing was cleared"):
            await stage.do(RestoreContext(stage.place))
        assert "canary-one" not in await stage.say("who are you", ADA)
