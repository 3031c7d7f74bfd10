"""One busy conversation is nobody else's wait: one wake-up per conversation, however many of its turns wait (R41)."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

import pytest

from engine import clock, seed
from engine.bus import broker, relay, subjects
from engine.config import Settings
from engine.events.turn import TurnCompleted
from engine.store import NewEvent
from engine.vault import Pool
from projections.follow import runner
from projections.live import leases
from tests.chaos.calls.rig import rig
from tests.support.provider.room import Person, room, with_provider
from tests.support.provider.server import FaultServer
from tests.support.provider.talking import SYSTEM_KEY
from tests.support.stage import MODEL, Stage
from worker.turn import conversation, sweep

WREN = seed.samples()[0].character_id
WAITING = 400
"""More than the broker hands out at once to all workers together."""


def staged(settings: Settings, stage: Stage, **more: object) -> Settings:
    return with_provider(settings, stage.address, default_model=MODEL, **more)


async def flood(person: Person, count: int) -> None:
    """So many turns for one conversation, in few appends."""
    said = [person.message(f"ping-waiting{n}") for n in range(count)]
    news: list[NewEvent] = [person.request(message, WREN) for message in said]
    await asyncio.gather(*(person.log.append(*news[n : n + 100]) for n in range(0, count, 100)))


async def slots(url: str) -> int:
    """References the workers hold without having acknowledged them, or that wait for them."""
    async with broker.connected(url, "test") as stream:
        info = await stream.consumer_info(subjects.STREAM, subjects.WORKER.name)
        return (info.num_ack_pending or 0) + (info.num_pending or 0)


async def test_hundreds_of_turns_waiting_in_one_channel_hold_up_nobody(settings: Settings, nats_url: str) -> None:
    """Others are answered meanwhile, and what waits takes one place at the broker, that of its conversation."""
    async with Stage.start() as stage, room(staged(settings, stage)) as person:
        stage.hold("ping-first")
        await person.say("ping-first", WREN)
        await stage.held("ping-first")
        await flood(person, WAITING)
        others = [Person(person.log, user=100 + n, channel=100 + n) for n in range(10)]
        asked = [(other, (await other.say(f"ping-other{n}", WREN))[0]) for n, other in enumerate(others)]
        ends = await asyncio.gather(*(other.end(turn, seconds=90) for other, turn in asked))
        assert all(isinstance(end, TurnCompleted) for end in ends)
        deadline = clock.monotonic() + 60
        while await slots(nats_url) > 1:
            assert clock.monotonic() < deadline, "waiting turns hold places at the broker"
            await asyncio.sleep(0.02)
        assert set(stage.counts()) == {"ping-first", *(f"ping-other{n}" for n in range(10))}
        stage.release("ping-first")


async def test_a_busy_conversation_lets_others_go_first_after_its_share(settings: Settings) -> None:
    """With one place in the process, somebody else is answered before everything that waits in a busy channel is."""
    async with Stage.start() as stage, room(staged(settings, stage, worker_concurrency=1)) as person:
        stage.hold("ping-0")
        turns = [(await person.say(f"ping-{n}", WREN))[0] for n in range(3 * conversation.SHARE)]
        await stage.held("ping-0")
        other = Person(person.log, user=100, channel=100)
        [turn] = await other.say("ping-other", WREN)
        stage.release("ping-0")
        await other.end(turn)
        for waiting in turns:
            await person.end(waiting)
        words = [call.word for call in stage.calls]
        assert words.index("ping-other") < len(words) - 1
        assert [word for word in words if word != "ping-other"] == [f"ping-{n}" for n in range(3 * conversation.SHARE)]


async def test_a_turn_that_came_while_another_process_was_leaving_is_taken_up(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its wake-up found the lease taken and was acknowledged; the holder looks once more after it let go. Nothing sweeps here."""
    monkeypatch.setattr(sweep, "EVERY_SECONDS", 10_000.0)
    release, late = leases._release, list[object]()
    async with Stage.start() as stage, room(staged(settings, stage)) as person:

        async def slow(pool: Pool, lease: leases.Lease) -> None:
            # Everything is answered; before the lease is free somebody says something, and nobody is woken for it.
            if not late and not lease.conversation.startswith("job:"):
                monkeypatch.setattr(relay, "publish", nothing)
                late.extend(await person.say("ping-late", WREN))
                await _known(person)
            await release(pool, lease)

        monkeypatch.setattr(leases, "_release", slow)
        [first] = await person.say("ping-early", WREN)
        await person.end(first)
        deadline = clock.monotonic() + 60
        while stage.counts()["ping-late"] != 1:
            assert clock.monotonic() < deadline, "nobody took it up"
            await asyncio.sleep(0.01)


async def nothing(*_: object) -> None:
    """Publishes nothing, and says it did."""


async def _known(person: Person) -> None:
    assert await runner.wait_for(person.log.pool, ("turns",), await person.log.head(), seconds=60)


async def test_the_sweep_finds_every_conversation_behind_a_busy_one(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """No wake-up comes at all: neither for hundreds of turns in one channel nor for the one in another."""
    monkeypatch.setattr(relay, "publish", nothing)
    monkeypatch.setattr(sweep, "EVERY_SECONDS", 0.05)
    monkeypatch.setattr(sweep, "OLDER_THAN_SECONDS", 0.0)
    async with Stage.start() as stage, room(staged(settings, stage)) as person:
        stage.hold("ping-first")
        await person.say("ping-first", WREN)
        await stage.held("ping-first")
        await flood(person, 300)
        other = Person(person.log, user=100, channel=100)
        [turn] = await other.say("ping-other", WREN)
        assert isinstance(await other.end(turn), TurnCompleted)
        stage.release("ping-first")


async def test_a_lease_found_taken_before_the_turn_was_to_be_seen_is_asked_for_again(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever had it then may have looked for the last time before: nobody else would take the turn up."""
    held, asked = leases.held, list[str]()

    @asynccontextmanager
    async def taken_at_first(pool: Pool, name: str, turn: UUID) -> AsyncIterator[leases.Lease | None]:
        asked.append(name)
        if len(asked) == 1:
            yield None
            return
        async with held(pool, name, turn) as lease:
            yield lease

    monkeypatch.setattr(leases, "held", taken_at_first)
    async with FaultServer.running() as provider, rig(settings) as made:
        await Person(made.log).preset("kind/model:free")
        work = made.work(provider.address, SYSTEM_KEY)
        person = Person(made.log)
        turn = await made.say(person, "Is anybody there?", WREN)
        outcome = await conversation.work_through(work, person.channel, WREN, turn, await made.log.head())
        assert outcome is conversation.Outcome.QUIET
        assert len(asked) == 2
        assert isinstance(await person.end(turn), TurnCompleted)
