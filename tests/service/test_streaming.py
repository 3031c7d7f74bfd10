"""Streaming by edit (A7): what stands in the channel grows, and ends as the unstreamed answer would have stood there."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from uuid import UUID

import pytest
from psycopg import AsyncConnection

from bot.delivery import streaming
from bot.delivery.streaming import Streams
from bot.discord.post import texts
from engine import ids
from engine.config import Settings
from engine.events.base import user_subject
from engine.events.build import new
from engine.events.character import CharacterEdited, Description
from engine.events.preset import PresetCreated, PresetSheet
from engine.events.turn import TurnCancelled, TurnRequested
from engine.ids import random_id
from engine.store import NewEvent, Query
from engine.vault import Pool
from projections.follow import runner
from projections.live import drafts
from projections.models import history, turns
from tests.service.test_delivery import LONG, Stage, staged
from tests.support.discord.client import NEXTCORD_WARNING
from tests.support.discord.harness import ended

pytestmark = pytest.mark.filterwarnings(NEXTCORD_WARNING)


@pytest.fixture
async def stage(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stage]:
    monkeypatch.setattr(streaming, "EVERY_S", 0.01)
    monkeypatch.setattr(streaming, "FIRST_AFTER_S", 0.01)
    async with staged(settings) as made:
        made.rig.write = lambda turn: None
        yield made


async def asked(stage: Stage, character: UUID | None = None) -> TurnRequested:
    """A turn that is being answered."""
    message = await stage.say(character=character)
    async with asyncio.timeout(30):
        while message not in {turn.message_id for turn in stage.rig.requested}:
            await asyncio.sleep(0.01)
    await stage.rig.settle()
    return stage.rig.requested[-1]


async def grow(stage: Stage, streams: Streams, turn: TurnRequested, text: str) -> None:
    """The model has said so much; until that stands in the channel."""
    key = await stage.rig.log.vault.key(user_subject(turn.user_id))
    await drafts.put(stage.rig.log.pool, key, turn.turn_id, turn.channel_id, text)
    await streams.on_draft(turn.channel_id, turn.turn_id)
    await stage.discord.wait_for(lambda: stage.shown() == list(texts(text, "Lilith", dm=False)), what="the growing text")


def writes(stage: Stage) -> list[str]:
    """What was posted or edited, in order."""
    sends = ("POST", "PATCH")
    return [e.method for e in stage.discord.recorder.exchanges if e.method in sends and "/webhooks/{webhook_id}" in e.template]


@pytest.mark.parametrize("final", ["Once upon a tide there was a jar.", LONG, "Something else"], ids=["grown", "long", "another"])
async def test_the_final_text_is_the_unstreamed_one(stage: Stage, final: str) -> None:
    """Also when it takes several messages, and when a second try of the worker said something else."""
    streams = Streams(stage.rig.log, stage.venue(), lambda channel: None)
    turn = await asked(stage)
    for text in ("Once", "Once upon a tide", LONG[:2500]):
        await grow(stage, streams, turn, text)
    assert writes(stage) == ["POST", "PATCH", "PATCH", "POST"]
    await stage.rig.log.append(ended(turn, final))
    await stage.deliver(stage.deliverer())
    assert stage.shown() == list(texts(final, "Lilith", dm=False))
    assert await stage.rig.count("reply.delivered") == 1
    await streams.close()


async def test_one_change_a_tick_however_many_answers_grow(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """The channel, not the answer, is what may change once a second."""
    counts: list[int] = []
    tick = Streams._tick

    async def counted(self: Streams, channel: int) -> None:
        before = len(writes(stage))
        await tick(self, channel)
        counts.append(len(writes(stage)) - before)

    monkeypatch.setattr(Streams, "_tick", counted)
    other = await stage.rig.character("Wren")
    streams = Streams(stage.rig.log, stage.venue(), lambda channel: None)
    first = await asked(stage)
    await stage.say(character=other)
    second = await asked(stage)
    key = await stage.rig.log.vault.key(user_subject(7))
    for turn in (first, second):
        await drafts.put(stage.rig.log.pool, key, turn.turn_id, turn.channel_id, LONG)
        await streams.on_draft(turn.channel_id, turn.turn_id)
    await stage.discord.wait_for(lambda: len(stage.shown()) == 2 * len(texts(LONG, "x", dm=False)), what="both answers")
    await streams.close()
    assert max(counts) == 1


async def test_an_answer_that_is_finished_soon_is_never_streamed(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also while another one grows in its channel, whose changes come in between: nobody is told of a message that says "Once"."""
    other = await stage.rig.character("Wren")
    streams = Streams(stage.rig.log, stage.venue(), lambda channel: None)
    slow = await asked(stage)
    await grow(stage, streams, slow, "Far away")
    monkeypatch.setattr(streaming, "FIRST_AFTER_S", 10_000.0)
    await stage.say(character=other)
    soon = await asked(stage)
    key = await stage.rig.log.vault.key(user_subject(7))
    await drafts.put(stage.rig.log.pool, key, soon.turn_id, soon.channel_id, "Once")
    await streams.on_draft(soon.channel_id, soon.turn_id)
    for text in ("Far away there", "Far away there lived", "Far away there lived a jar"):
        await grow(stage, streams, slow, text)
    assert writes(stage) == ["POST", "PATCH", "PATCH", "PATCH"]
    await streams.close()


async def test_a_cancelled_answer_takes_its_beginning_with_it(stage: Stage) -> None:
    """Nothing half said stays; also after a restart, when only the sweep knows of it."""
    streams = Streams(stage.rig.log, stage.venue(), lambda channel: None)
    turn = await asked(stage)
    await grow(stage, streams, turn, LONG[:2500])
    await streams.close()
    await stage.rig.log.append(cancelled(turn))
    await stage.rig.settle()
    queues = stage.deliverer()
    assert await queues.sweep() == 1
    await queues.idle()
    assert stage.shown() == []
    await stage.rig.settle()
    assert await queues.sweep() == 0


@pytest.mark.parametrize("final", ["Once upon a tide there was a jar.", LONG, "!timeout"], ids=["one", "several", "failed"])
async def test_a_crash_between_the_post_and_its_record_leaves_one_answer(stage: Stage, final: str) -> None:
    """The beginning was posted, nobody wrote that down: it is found by its digest, and becomes the answer or its notice."""
    stage.discord.fault(method="POST", path="/webhooks/", drop=True)
    streams = Streams(stage.rig.log, stage.venue(), lambda channel: None)
    turn = await asked(stage)
    await grow(stage, streams, turn, "Once")
    await streams.close()
    await stage.rig.log.append(ended(turn, final))
    await stage.deliver(stage.deliverer())
    assert len(stage.shown()) == len(texts(final, "Lilith", dm=False))
    assert stage.shown()[0] != "Once"
    shown = [row async for row in stage.rig.log.rows(Query(types=frozenset({"reply.stream_shown"})))]
    assert len(shown) == 1


async def test_another_answer_in_the_same_words_is_not_taken_for_a_lost_beginning(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """The beginning was intended and never posted; what stands there since is another character's, and stays as it is.

    Also where the read model that says so is late, and has to be waited for.
    """
    slow = await asked(stage)
    key = await stage.rig.log.vault.key(user_subject(slow.user_id))
    stage.discord.fault(method="POST", path="/webhooks/", status=503)
    streams = Streams(stage.rig.log, stage.venue(), lambda channel: None)
    await drafts.put(stage.rig.log.pool, key, slow.turn_id, slow.channel_id, "Once")
    await streams.on_draft(slow.channel_id, slow.turn_id)
    await stage.discord.wait_for(lambda: any(e.status == 503 for e in stage.discord.recorder.exchanges), what="the refused post")
    await streams.close()
    quick = await asked(stage, await stage.rig.character("Mara"))
    knows = late_until_waited_for(monkeypatch)
    for turn, text, shown in ((quick, "Once", ["Once"]), (slow, "Once upon a tide", ["Once", "Once upon a tide"])):
        await stage.rig.log.append(ended(turn, text))
        await stage.deliver(stage.deliverer())
        assert stage.shown() == shown
    assert knows


def late_until_waited_for(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Have the history know of no reply's message before it was waited for; what is returned says whether it was."""
    wait_for, owned, waited = runner.wait_for, history.owned, list[bool]()

    async def waits(pool: Pool, names: Sequence[str], position: int, *, seconds: float = 10.0) -> bool:
        done = await wait_for(pool, names, position, seconds=seconds)
        waited.extend([True] if "history" in names and done else [])
        return done

    async def knows(connection: AsyncConnection, messages: Sequence[int]) -> set[int]:
        return await owned(connection, messages) if waited else set()

    monkeypatch.setattr(runner, "wait_for", waits)
    monkeypatch.setattr(history, "owned", knows)
    return waited


def cancelled(turn: TurnRequested) -> NewEvent:
    common = {name: getattr(turn, name) for name in ("turn_id", "message_id", "channel_id", "guild_id", "user_id", "character_id", "venue")}
    return new(TurnCancelled(**common, why="message deleted"), ids.terminal(turn.turn_id))


@pytest.mark.parametrize(("character", "preset", "grows"), [("never", True, False), ("always", False, True), ("preset", False, False)])
async def test_a_character_says_whether_it_grows(stage: Stage, character: str, preset: bool, grows: bool) -> None:
    """Before its preset; what does not grow stands there at once and whole."""
    sheet = PresetSheet(name="Slow", model="m/1", is_global=True, is_default=True, stream=preset)
    made = PresetCreated(preset_id=random_id(), owner_id=None, **{name: getattr(sheet, name) for name in PresetSheet.model_fields})
    await stage.rig.log.append(new(made, random_id()))
    wren = await stage.rig.character("Wren")
    description = Description(name="Wren", info="This is Wren.")
    edit = {"owner_id": None, "slug": "wren", "visibility": "public", "streaming": character, "description": description}
    await stage.rig.log.append(new(CharacterEdited(character_id=wren, edited_by=1, **edit), random_id()))
    await stage.rig.settle()
    streams = Streams(stage.rig.log, stage.venue(), lambda channel: None)
    turn = await asked(stage, wren)
    if grows:
        key = await stage.rig.log.vault.key(user_subject(7))
        await drafts.put(stage.rig.log.pool, key, turn.turn_id, turn.channel_id, "Once")
        await streams.on_draft(turn.channel_id, turn.turn_id)
        await stage.discord.wait_for(lambda: len(stage.shown()) == 1, what="the growing text")
    else:
        async with stage.rig.log.pool.connection() as connection:
            found = await turns.get(connection, turn.turn_id)
        assert found is not None
        assert await streams._begun(found) is None
    await streams.close()
