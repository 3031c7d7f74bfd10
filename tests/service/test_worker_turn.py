"""A turn from its request to its end, on real Postgres and NATS, with the local stand-in as provider."""

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID

import pytest

from engine import clock, ids, seed
from engine.bus import broker, consumer, relay
from engine.config import Settings
from engine.events import Tags
from engine.events.message import MessageDeleted
from engine.events.turn import GenerationStarted, TurnCancelled, TurnCompleted, TurnFailed
from engine.store import NewEvent, Query
from projections.live import drafts
from projections.prompt import assemble
from tests.support.provider.room import Person, local_standin, room, with_provider
from tests.support.provider.server import FaultServer, Reply

CHARACTERS = [sample.character_id for sample in seed.samples()[:2]]


@pytest.fixture
async def standin_settings(settings: Settings) -> AsyncIterator[Settings]:
    async with local_standin() as url:
        yield with_provider(settings, url, default_model="standin/0")


async def test_a_message_gets_one_reply_that_says_what_the_stand_in_is(standin_settings: Settings) -> None:
    async with room(standin_settings) as person:
        [turn] = await person.say("Hello <there>, can you hear me?", CHARACTERS[0])
        end = await person.end(turn)
        assert isinstance(end, TurnCompleted)
        assert "not a language model" in end.text
        assert "Hello <there>, can you hear me?" in end.text
        assert [type(e.event).__name__ for e in await person.events(turn)] == ["TurnRequested", "GenerationStarted", "TurnCompleted"]


async def test_two_characters_answer_one_message_and_the_message_is_stored_once(standin_settings: Settings) -> None:
    async with room(standin_settings) as person:
        turns = await person.say("Hello both", *CHARACTERS[:2])
        ends = [await person.end(turn) for turn in turns]
        assert [end.character_id for end in ends] == CHARACTERS[:2]
        received = [e async for e in person.log.read(Query(types=frozenset({"message.received"})))]
        assert len(received) == 1


async def test_turns_of_one_conversation_never_overlap_and_keep_their_order(standin_settings: Settings) -> None:
    settings = standin_settings.model_copy(update={"default_model": "standin/0.005"})
    async with room(settings) as person:
        turns = [(await person.say(f"Message {n}", CHARACTERS[0]))[0] for n in range(5)]
        for turn in turns:
            await person.end(turn)
        order = [e async for e in person.log.read(Query(types=frozenset({"turn.generation_started", "turn.completed"})))]
        assert [(e.row.turn, e.row.type) for e in order] == [
            (turn, kind) for turn in turns for kind in ("turn.generation_started", "turn.completed")
        ]
        started = [e.event for e in order if isinstance(e.event, GenerationStarted)]
        assert [len(event.history_ids) for event in started] == [1, 3, 5, 7, 9]


async def test_a_draft_is_readable_while_the_reply_is_being_written_and_gone_afterwards(standin_settings: Settings) -> None:
    settings = standin_settings.model_copy(update={"default_model": "standin/0.02"})
    async with room(settings) as person:
        [turn] = await person.say("Slowly, please", CHARACTERS[0])
        seen = await _drafts_until_the_end(person, turn)
        end = await person.end(turn)
        assert isinstance(end, TurnCompleted)
        assert len(seen) >= 3
        assert all(end.text.startswith(text) for text in seen)
        deadline = clock.monotonic() + 60
        async with person.log.pool.connection() as connection:
            while await drafts.get(connection, person.log.vault, turn) is not None:
                assert clock.monotonic() < deadline
                await asyncio.sleep(0.01)


async def _drafts_until_the_end(person: Person, turn: UUID) -> list[str]:
    seen: list[str] = []
    async with person.log.pool.connection() as connection:
        while await person.log.find(ids.terminal(turn)) is None:
            draft = await drafts.get(connection, person.log.vault, turn)
            if draft is not None and (not seen or seen[-1] != draft.text):
                seen.append(draft.text)
            await asyncio.sleep(0.01)
    return seen


async def test_deleting_the_message_ends_the_generation_without_a_reply(standin_settings: Settings) -> None:
    settings = standin_settings.model_copy(update={"default_model": "standin/5"})
    async with room(settings) as person:
        [turn] = await person.say("Never mind", CHARACTERS[0])
        deadline = clock.monotonic() + 60
        while not any(isinstance(e.event, GenerationStarted) for e in await person.events(turn)):
            assert clock.monotonic() < deadline
            await asyncio.sleep(0.01)
        request = (await person.events(turn))[0].event
        message = request.message_id  # type: ignore[attr-defined]
        event = MessageDeleted(message_id=message, channel_id=person.channel, venue="playground")
        tags = Tags(channel=person.channel)
        await person.log.append(NewEvent(event, stream=f"channel:{person.channel}", id=ids.message_event(message, "deleted"), tags=tags))
        end = await person.end(turn)
        assert isinstance(end, TurnCancelled)
        assert end.why == "message deleted"


async def test_an_unreachable_provider_gives_one_failure_with_a_reference(settings: Settings) -> None:
    async with room(with_provider(settings, "http://127.0.0.1:9/v1")) as person:
        [turn] = await person.say("Anybody there?", CHARACTERS[0])
        end = await person.end(turn)
        assert isinstance(end, TurnFailed)
        assert (end.category, len(end.reference)) == ("network", 10)
        assert "127.0.0.1" not in end.user_message + end.said


async def test_a_turn_whose_wake_up_was_lost_is_answered_all_the_same(standin_settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    async def lost(*_: object) -> None:
        """Publishes nothing, and says it did."""

    monkeypatch.setattr(relay, "publish", lost)
    async with room(standin_settings) as person:
        turns = [(await person.say(f"Message {n}", CHARACTERS[0]))[0] for n in range(3)]
        ends = [await person.end(turn, seconds=60) for turn in turns]
        assert all(isinstance(end, TurnCompleted) for end in ends)


async def test_one_long_generation_holds_up_nobody_and_is_asked_for_once(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broker, "ACK_WAIT_SECONDS", 2.0)
    monkeypatch.setattr(consumer, "BEAT_SECONDS", 0.5)
    async with FaultServer.running() as provider:
        provider.decide = lambda asked: Reply(f"An answer to {asked.call}.", before=5.0 if "take your time" in str(asked.body) else 0.0)
        async with room(with_provider(settings, provider.address)) as person:
            [long] = await person.say("Please take your time with this", CHARACTERS[0])
            people = [Person(person.log, user=100 + n, channel=100 + n) for n in range(20)]
            short = [(speaker, (await speaker.say("A quick one", CHARACTERS[1]))[0]) for speaker in people]
            await asyncio.gather(*(speaker.end(turn, seconds=60) for speaker, turn in short))
            assert isinstance(await person.end(long, seconds=60), TurnCompleted)
    assert set(provider.calls().values()) == {1}
    assert len(provider.journal) == 21


async def test_an_exception_nobody_foresaw_ends_the_turn_with_a_reference(
    standin_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("canary: a bug that quotes what Alice wrote")

    monkeypatch.setattr(assemble, "assemble", broken)
    async with room(standin_settings) as person:
        [turn] = await person.say("This breaks something", CHARACTERS[0])
        end = await person.end(turn)
        assert isinstance(end, TurnFailed)
        assert end.category == "internal"
        assert "canary" not in end.technical_details + end.user_message
