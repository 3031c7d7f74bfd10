"""Characters that say nothing, and characters that speak first, on real Postgres and NATS (A17, A19)."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from bot import explain, requests
from bot import why as words
from bot.triggers import Candidate, Cast, State, decided
from engine import clock, ids, seed
from engine.actor import operator
from engine.config import Settings
from engine.decide.channel import Activate, Edit, Where
from engine.decide.speaking.chat import Delete, Restore
from engine.decide.speaking.silence import TOKEN
from engine.events.turn import GenerationStarted, TurnCompleted, TurnDeclined, TurnRequested
from engine.execute import execute
from engine.resources.channel import ChannelSheet
from engine.store import Query
from projections import measures, why
from projections.follow import runner
from projections.models import turns
from projections.prompt.rebuild import rebuild
from projections.registry import ALL
from tests.support.provider.room import Person, room, with_provider
from tests.support.provider.server import FaultServer, Reply
from worker.turn import initiative

LILITH = seed.samples()[0].character_id
CAST = Cast.of([Candidate(LILITH, ("Lilith",))])
BOSS = operator(99)


@pytest.fixture
async def provider() -> AsyncIterator[FaultServer]:
    async with FaultServer.running() as server:
        yield server


async def hear(person: Person, text: str) -> int:
    """A message in a channel where Lilith is activated and may stay silent, by the faces' own way."""
    message = person.message(text)
    state = State(CAST, active=(LILITH,), sheet=ChannelSheet(silence=True))
    await person.log.append(*requests.received(message, decided(message, state, 0.0)))
    return message.message_id


async def test_silence_is_kept_on_record_shown_to_nobody_and_impossible_when_addressed(settings: Settings, provider: FaultServer) -> None:
    """The exact token ends the turn; with more around it, it is an answer; who calls by name is answered whatever it takes."""
    said = iter([TOKEN, f"I said {TOKEN} once.", TOKEN, "Yes, I am here."])
    provider.decide = lambda asked: Reply(next(said))
    async with room(with_provider(settings, provider.address)) as host:
        ann = Person(host.log, venue="discord", guild=1)
        ends = []
        for text in ("what a day", "and now", "Lilith, are you there?"):
            message = await hear(ann, text)
            ends.append(await ann.end(ids.turn(message, LILITH)))
        silent, quoting, called = ends
        assert isinstance(silent, TurnDeclined)
        assert (silent.why, len(silent.calls)) == ("silence", 1)
        assert isinstance(quoting, TurnCompleted)
        assert TOKEN in quoting.text
        assert isinstance(called, TurnCompleted)
        assert called.text == "Yes, I am here."
        assert ["<silence>" in str(one.body) for one in provider.journal] == [True, True, False, False]
        async for one in host.log.read(Query(types=frozenset({"turn.generation_started"}))):
            assert isinstance(one.event, GenerationStarted)
            assert (await rebuild(host.log, one.event)).equal
        assert await runner.wait_for(host.log.pool, [p.name for p in ALL], await host.log.head(), seconds=60)
        async with host.log.pool.connection() as connection:
            assert await turns.silences(connection, ann.channel) == {LILITH: (1, 3)}
            used = await measures.last_used(connection, LILITH)
            assert used is not None, "C9: from the ends of its turns"
            assert timedelta() <= clock.now() - used < timedelta(hours=2)
            assert await measures.last_used(connection, ids.random_id()) is None
        await execute(host.log, BOSS, Activate(Where(ann.channel, 1, "discord"), LILITH), ids.random_id(), see=["channels"])
        assert any("chose silence 1 of 3 times" in line for line in explain.lines(await explain.look(host.log, ann.channel)))
        assert any("chose to say nothing" in line for line in words.lines(await why.explain(host.log, silent.message_id)))
        assert [row.type async for row in host.log.rows(Query()) if row.type.startswith("reply.")] == []


async def test_a_character_speaks_first_once_and_not_again_before_somebody_answers(settings: Settings, provider: FaultServer) -> None:
    """Where it was switched on, after the hours set; two who look at once begin once; whoever switched it on answers for the cost."""
    provider.decide = lambda asked: Reply(f"Is anybody there? {asked.call[:4]}")
    async with room(with_provider(settings, provider.address)) as host:
        ann = Person(host.log, venue="discord", guild=1)
        then = clock.now() - timedelta(hours=4)
        ann.snowflakes = _Past(ids.snowflake_at(then))
        await ann.say("Good night, all")
        place = Where(ann.channel, 1, "discord")
        await execute(host.log, BOSS, Activate(place, LILITH), ids.random_id(), see=["channels"])
        assert await _looked(host) == 0
        await execute(host.log, BOSS, Edit(place, {"idle_h": 3.5}), ids.random_id(), see=["channels"])
        await execute(host.log, BOSS, Delete(ann.channel), ids.random_id())
        assert await _looked(host) == 0, "in a conversation that was deleted nobody begins"
        await execute(host.log, BOSS, Restore(ann.channel), ids.random_id())
        assert await _looked(host) == 1
        assert await _looked(host) == 0
        [began] = [one.event async for one in host.log.read(Query(types=frozenset({"turn.requested"})))]
        assert isinstance(began, TurnRequested)
        assert (began.trigger, began.user_id) == ("initiative", 99)
        end = await ann.end(began.turn_id)
        assert isinstance(end, TurnCompleted)
        assert "<cue>" in str(provider.journal[0].body)
        assert "Good night, all" in str(provider.journal[0].body)
        assert await _looked(host) == 0


class _Past(ids.Snowflakes):
    """Ids of messages of long ago."""

    def __init__(self, first: int) -> None:
        super().__init__()
        self._next = first

    def next(self) -> int:
        self._next += 1
        return self._next


async def _looked(host: Person) -> int:
    assert await runner.wait_for(host.log.pool, [p.name for p in ALL], await host.log.head(), seconds=60)
    return await initiative.look(host.log)
