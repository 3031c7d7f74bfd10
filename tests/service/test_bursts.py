"""Quick messages of one person get one answer (A16), on real Postgres and NATS."""

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID

import pytest

from engine import seed
from engine.config import Settings
from engine.events.turn import TurnCancelled, TurnCompleted
from tests.support.provider.room import End, Person, room, with_provider
from tests.support.provider.server import FaultServer, Reply

LILITH = seed.samples()[0].character_id


@pytest.fixture
async def provider() -> AsyncIterator[FaultServer]:
    async with FaultServer.running() as server:
        server.decide = lambda asked: Reply(f"Answer {asked.call}.", before=1.0 if len(server.journal) == 1 else 0.0)
        yield server


def bursting(settings: Settings, provider: FaultServer, seconds: float = 1.0) -> Settings:
    return with_provider(settings, provider.address).model_copy(update={"burst_seconds": seconds})


async def said(person: Person, *lines: str) -> list[UUID]:
    return [(await person.say(text, LILITH))[0] for text in lines]


def superseded(end: End) -> bool:
    return isinstance(end, TurnCancelled) and end.why == "superseded"


async def test_three_quick_messages_get_one_answer_to_the_last(settings: Settings, provider: FaultServer) -> None:
    """One call; the model sees all three; the others' turns end without a word."""
    async with room(bursting(settings, provider)) as host:
        ann = Person(host.log, venue="discord", guild=1, trigger="activation")
        ends = [await ann.end(turn) for turn in await said(ann, "first", "second", "third")]
    assert [superseded(end) for end in ends] == [True, True, False]
    assert isinstance(ends[2], TurnCompleted)
    assert len(provider.journal) == 1
    assert all(word in str(provider.journal[0].body) for word in ("first", "second", "third"))


async def test_somebody_else_ends_the_run(settings: Settings, provider: FaultServer) -> None:
    """Each person is answered; who calls by name waits for nothing."""
    async with room(bursting(settings, provider)) as host:
        ann = Person(host.log, user=1, venue="discord", guild=1, trigger="activation")
        bob = Person(host.log, user=2, venue="discord", guild=1, trigger="activation")
        turns = [*await said(ann, "ann one", "ann two"), *await said(bob, "bob one"), *await said(ann, "ann three")]
        ends = [await ann.end(turn) for turn in turns]
        ann.trigger = "name"
        named = [await ann.end(turn) for turn in await said(ann, "lilith one", "lilith two")]
    assert [superseded(end) for end in ends] == [True, False, False, False]
    assert not any(superseded(end) for end in named)


async def test_what_is_said_while_an_answer_is_written_is_answered_together(settings: Settings, provider: FaultServer) -> None:
    """In the playground nobody waits: the first line is answered at once, what came meanwhile afterwards."""
    async with room(bursting(settings, provider)) as host:
        ann = Person(host.log, trigger="activation")
        [slow] = await said(ann, "slowly, please")
        async with asyncio.timeout(20):
            while not provider.journal:
                await asyncio.sleep(0.01)
        ends = [await ann.end(turn) for turn in (slow, *await said(ann, "one", "two", "three"))]
    assert [superseded(end) for end in ends] == [False, True, True, False]


async def test_where_it_is_switched_off_each_message_gets_its_answer(settings: Settings, provider: FaultServer) -> None:
    """BURST_SECONDS=0."""
    async with room(bursting(settings, provider, 0.0)) as host:
        ann = Person(host.log, venue="discord", guild=1, trigger="activation")
        ends = [await ann.end(turn) for turn in await said(ann, "first", "second")]
    assert not any(superseded(end) for end in ends)
