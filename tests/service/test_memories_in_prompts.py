"""What was said long ago is in the prompt when it matters, to those who may meet it and to nobody else (D4, D5, D9, D10)."""

import asyncio
import threading
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from engine import ids, seed
from engine.actor import person
from engine.decide.places import persona
from engine.decide.remembering.memory import (
    Begin,
    ChooseReach,
    Correct,
    ForgetMemory,
    ForgetSaid,
    ForgetSpan,
    MemoryPlace,
    Remember,
)
from engine.events.channel import ContextReset, ConversationForked
from engine.events.message import MessageDeleted, MessageEdited
from engine.events.reply import ReplyRegenerated, VersionChosen
from engine.resources.places.forked import ForkedLine
from engine.store import open_log
from engine.vault import MasterKey
from projections.models.memories import memory_embeddings
from projections.models.memories.memory_scope import MemoryScope
from projections.prompt.assemble import Prompt
from projections.prompt.rebuild import rebuild
from tests.support.memories import EVE, WREN, Spot, World
from tests.unit.memory.support import WordEmbedder
from worker.memory import hot, lazy, passages
from worker.memory.embed import Embedded
from worker.memory.engine import Engine
from worker.memory.hot import Recaller
from worker.memory.lazy import LazyRecall

SQUARE, OTHER, ABROAD, ALONE = Spot(501, 9), Spot(502, 9), Spot(601, 10), Spot(700)
ADA, BRAM = 41, 42
FACT = "My grandmother's boat is called Halcyon."


@pytest.fixture
async def world(dsn: str) -> AsyncIterator[World]:
    async with open_log(dsn, MasterKey.of(b"k" * 32)) as log:
        await seed.plant(log, "a/b")
        yield World(log, Recaller(log, full=False))


def remembered(prompt: Prompt) -> str:
    """The memories in a prompt."""
    text = str(prompt.as_json()[-1]["content"])
    return text[text.find("<memory") : text.rfind("</memory>")] if "<memory" in text else ""


async def test_a_fact_of_message_20_is_in_the_prompt_of_message_300(world: World) -> None:
    """With who said it, where it stands in the log and the parts of its score; the same bytes come out of the log again.

    Nothing stands twice, in the history and among the memories; corrected or forgotten, it is there no more.
    """
    said = 0
    for number in range(1, 300):
        said = await world.say(SQUARE, FACT if number == 20 else f"Small talk number {number} about the weather and lunch.")
        if number == 20:
            fact = said
    asked = await world.say(SQUARE, "What is the boat of my grandmother called?")
    prompt, started = await world.prompt(asked)
    assert "Halcyon" in remembered(prompt)
    assert 'from="Person 41"' in remembered(prompt)
    section = next(one for one in started.sections if one.name == "memories")
    assert any(roll.what.endswith(":lexical") and roll.value > 0 for roll in section.rolls)
    assert not set(section.positions) & set(started.history_ids)
    again = await rebuild(world.log, started)
    assert (again.equal, again.prompt.bytes()) == (True, prompt.bytes())
    await world.do(ForgetSaid(ADA, fact), person(ADA))
    prompt, _ = await world.prompt(asked)
    assert "Halcyon" not in prompt.bytes().decode()


async def test_what_the_history_drops_may_be_remembered_and_nothing_stands_twice(world: World) -> None:
    """A window too small for its own rules leaves out what was said; recall has it, and what is shown is never remembered as well."""
    for number in range(40):
        await world.say(SQUARE, FACT if number == 5 else f"Filler {number}: " + "words " * 30)
    asked = await world.say(SQUARE, "What is the boat of my grandmother called?")
    for limit, budget in ((30, 2500), (60, 100_000), (60, 4000)):
        prompt, started = await world.prompt(asked, limit=limit, budget=budget)
        assert prompt.bytes().decode().count("Halcyon") == 1, (limit, budget)
        assert (await rebuild(world.log, started)).equal


async def test_a_needle_deep_in_a_long_text_is_found_and_shown(world: World) -> None:
    """The passage that answers is in the prompt, not the beginning of the text."""
    await world.say(
        SQUARE, "Lorem ipsum dolor sit amet. " * 250 + "The vault's combination is seven nine four. " + "Consectetur elit. " * 200
    )
    for number in range(45):
        await world.say(SQUARE, f"Filler {number}")
    prompt, started = await world.prompt(await world.say(SQUARE, "What is the combination of the vault?"))
    assert "seven nine four" in remembered(prompt)
    assert len(remembered(prompt)) < 8000
    assert (await rebuild(world.log, started)).equal


async def test_who_may_meet_what(world: World) -> None:
    """Private talk stays private; a person's words follow them into their own private talk, and no further unless they choose so."""
    here = await world.say(SQUARE, "canary-square")
    await world.answer(here, "canary-reply")
    dm = await world.say(ALONE, "canary-private")
    await world.answer(dm, "canary-private-reply")
    await world.say(SQUARE, "canary-unheard", by=BRAM)
    at = {spot: await world.say(spot, "hello") for spot in (SQUARE, OTHER, ABROAD, ALONE)}
    own = {"canary-square", "canary-reply"}

    async def met(spot: Spot, by: int = ADA, reader: UUID = WREN) -> set[str]:
        return {text for text in await world.met(at[spot], reader, by) if text.startswith("canary")}

    assert await met(SQUARE, BRAM) == {*own, "canary-unheard"}
    assert await met(ALONE) == {*own, "canary-private", "canary-private-reply"}
    assert await met(OTHER) == await met(ABROAD) == set()
    await world.do(ChooseReach(ADA, "server"), person(ADA))
    assert await met(OTHER) == own
    assert await met(OTHER, BRAM) == await met(OTHER, reader=EVE) == await met(ABROAD) == set()


async def test_a_persona_that_keeps_its_memories_to_itself(world: World) -> None:
    """C3: what was said elsewhere as one is met as that one only, and as that one nothing of another; in its channel all is."""
    ahab = uuid4()
    await world.do(persona.Create(ahab, {"name": "Ahab", "share_memory": False}), person(ADA))
    await world.answer(await world.say(SQUARE, "canary-self"), "canary-to-self")
    await world.do(persona.Wear(ADA, ahab), person(ADA))
    await world.answer(await world.say(SQUARE, "canary-ahab"), "canary-to-ahab")
    everything = {"canary-self", "canary-to-self", "canary-ahab", "canary-to-ahab"}

    async def met(spot: Spot) -> set[str]:
        return {text for text in await world.met(await world.say(spot, "hello"), WREN, ADA) if text.startswith("canary")}

    assert await met(SQUARE) == everything
    assert await met(ALONE) == {"canary-ahab", "canary-to-ahab"}
    await world.do(persona.Wear(ADA, None), person(ADA))
    assert await met(SQUARE) == everything
    assert await met(ALONE) == {"canary-self", "canary-to-self"}
    await world.do(persona.Edit(ahab, {"share_memory": True}), person(ADA))
    assert await met(ALONE) == everything


async def test_a_fork_has_the_memories_of_its_own_past(world: World) -> None:
    """What it took over is met in it, in the words it had then; what the other conversation said later is not."""
    first, second = await world.say(ALONE, "canary-one"), await world.say(ALONE, "canary-two")
    await world.caught_up()
    async with world.log.pool.connection() as connection:
        cursor = await connection.execute("SELECT position FROM history.entries WHERE message_id = ANY(%s) ORDER BY 1", ([first, second],))
        one, two = (row[0] for row in await cursor.fetchall())
    lines = tuple(ForkedLine(position=position, asked=position, place=position) for position in (one, two))
    about = {"channel_id": 701, "venue": "discord", "character_id": WREN, "by_user_id": ADA, "source_channel_id": 700, "at": two}
    await world.append(ConversationForked.model_validate(about | {"lines": lines}))
    await world.say(ALONE, "canary-later")
    edited = {"message_id": first, "channel_id": 700, "author_id": ADA, "venue": "discord", "edited_ms": 1, "text": "canary-edited"}
    await world.append(MessageEdited.model_validate(edited))
    there, here = await world.say(Spot(701), "hello"), await world.say(ALONE, "hello")
    assert {text for text in await world.met(there) if text.startswith("canary")} == {"canary-one", "canary-two"}
    assert {text for text in await world.met(here) if text.startswith("canary")} == {"canary-edited", "canary-two", "canary-later"}
    await world.append(MessageDeleted(message_id=second, channel_id=700, guild_id=None, venue="discord"))
    assert {text for text in await world.met(there) if text.startswith("canary")} == {"canary-one"}


async def test_notes_are_met_by_their_person_within_their_reach(world: World) -> None:
    """Also after a correction; another is never answered with them, and a forgotten one is gone with what was made from it."""
    place = MemoryPlace("discord", SQUARE.channel, SQUARE.guild)
    one, wide = uuid4(), uuid4()
    await world.do(Remember(one, ADA, place, "note-here"), person(ADA))
    await world.do(Remember(wide, ADA, place, "note-everywhere", "everywhere"), person(ADA))
    at = {spot: await world.say(spot, "hello") for spot in (SQUARE, OTHER, ABROAD, ALONE)}

    async def met(spot: Spot, by: int = ADA) -> set[str]:
        return {text for text in await world.met(at[spot], WREN, by) if text.startswith("note")}

    both = {"note-here", "note-everywhere"}
    assert await met(SQUARE) == await met(ALONE) == both
    assert await met(OTHER) == await met(ABROAD) == {"note-everywhere"}
    assert await met(SQUARE, BRAM) == await met(ALONE, BRAM) == set()
    await world.do(Correct(one, "note-corrected"), person(ADA))
    assert await met(SQUARE) == {"note-corrected", "note-everywhere"}
    await world.do(ForgetMemory(one), person(ADA))
    assert await met(SQUARE) == {"note-everywhere"}


async def test_what_is_taken_back_is_met_no_more(world: World) -> None:
    """Deleted, edited, another version, incognito, forgotten for a time, or before a reset; going back to a version restores it."""
    first = await world.say(SQUARE, "canary-one")
    one = await world.answer(first, "canary-version-1")
    asked = await world.say(SQUARE, "hello")
    about = {"message_id": first, "channel_id": SQUARE.channel, "guild_id": 9, "venue": "discord"}
    reply = about | {"character_id": WREN, "user_id": ADA, "by_user_id": ADA}

    async def met() -> set[str]:
        return {text for text in await world.met(asked) if text.startswith("canary")}

    two = ids.turn(first, WREN, 1)
    await world.append(ReplyRegenerated.model_validate(reply | {"turn_id": two, "epoch": 1, "of": one}), character=WREN)
    await world.answer(first, "canary-version-2", epoch=1)
    assert await met() == {"canary-one", "canary-version-2"}
    await world.append(VersionChosen.model_validate(reply | {"version": one, "shown": two}), character=WREN)
    assert await met() == {"canary-one", "canary-version-1"}
    edited = {
        "message_id": first,
        "channel_id": SQUARE.channel,
        "author_id": ADA,
        "venue": "discord",
        "edited_ms": 1,
        "text": "canary-edited",
    }
    await world.append(MessageEdited.model_validate(edited))
    assert await met() == {"canary-edited", "canary-version-1"}
    await world.do(Begin(ADA, uuid4(), "incognito", world.at, world.at + timedelta(minutes=10)), person(ADA))
    await world.say(SQUARE, "canary-incognito")
    assert "canary-incognito" not in await met()
    world.at += timedelta(hours=1)
    await world.say(SQUARE, "canary-late")
    await world.do(ForgetSpan(ADA, world.at - timedelta(minutes=5), world.at), person(ADA))
    assert await met() == {"canary-edited", "canary-version-1"}
    await world.append(MessageDeleted.model_validate(about))
    assert await met() == {"canary-version-1"}
    await world.append(ContextReset(channel_id=SQUARE.channel, guild_id=9, venue="discord", by_user_id=ADA))
    assert await met() == set()
    await world.say(SQUARE, "canary-new")
    await world.do(Begin(ADA, uuid4(), "fresh", world.at), person(ADA))
    asked = await world.say(SQUARE, "hello again")
    assert await met() == set()


async def test_a_text_is_embedded_once_and_its_vectors_open_with_its_person_alone(world: World) -> None:
    """Another process finds them kept, sealed; what is forgotten loses its row; vectors come in time where a turn has too many to make."""
    for number in range(60):
        await world.say(SQUARE, FACT if number == 3 else f"Filler number {number}")
    asked = await world.say(SQUARE, "What is grandmother's boat called?")
    first = Counting()
    world.recall = recaller = Recaller(world.log, _engine=Engine(first))
    prompt, _ = await world.prompt(asked)
    assert "Halcyon" in remembered(prompt)
    await asyncio.gather(*recaller._filling)
    assert first.texts >= 60
    second = Counting()
    world.recall = Recaller(world.log, _engine=Engine(second))
    prompt, _ = await world.prompt(asked)
    assert "Halcyon" in remembered(prompt)
    assert second.texts == 1  # the question
    await _nothing_is_left_to_embed_when_the_question_comes(world, second)
    await world.do(ForgetSpan(ADA, world.at - timedelta(days=1), world.at), person(ADA))
    await world.caught_up()
    async with world.log.pool.connection() as connection:
        assert await memory_embeddings.tidy(connection) == 63
        rows = await (await connection.execute("SELECT digest, sealed FROM memory_embeddings")).fetchall()
    assert rows == []


async def _nothing_is_left_to_embed_when_the_question_comes(world: World, embedder: "Counting") -> None:
    """What was said is taken up behind the answer, and the question while the rest of the prompt is looked up: it waits for neither."""
    recaller = world.recall
    assert isinstance(recaller, Recaller)
    await world.say(SQUARE, "The lighthouse is painted red.")
    question = "Which colour does the lighthouse have?"
    asked = await world.say(SQUARE, question)
    await world.caught_up()
    head = await world.log.head()
    recaller.learn(MemoryScope(WREN, ADA, SQUARE.channel, SQUARE.guild, "discord", until=head + 1, at=world.at))
    recaller.expect("discord", SQUARE.channel, WREN, question)
    await asyncio.gather(*recaller._working_ahead)
    before = embedder.texts
    await world.prompt(asked)
    assert before > 1
    assert embedder.texts == before


async def test_long_texts_are_embedded_a_piece_at_a_time_and_hold_up_no_other_conversation(world: World) -> None:
    """No question waits for a hundred passages, nor one channel's memories until another's are done."""
    for number in range(24):
        await world.say(
            SQUARE,
            " ".join(f"flood {word}" for word in range(number * 1000, number * 1000 + 1000)) if number > 20 else f"Talk number {number}",
        )
        await world.say(OTHER, f"Filler number {number}")
    asked = [await world.say(SQUARE, "And now in the square?"), await world.say(OTHER, "And now over there?")]
    embedder = Counting()
    world.recall = recaller = Recaller(world.log, _engine=Engine(embedder))
    async with recaller._in_line:  # what waits behind the questions comes after both
        await world.prompt(asked[0], limit=1)
        assert 0 < embedder.texts <= 1 + hot.INLINE  # the question, and what came with it
        await world.prompt(asked[1], limit=1)
    await asyncio.gather(*recaller._filling)
    assert embedder.most <= hot.PIECE
    filler = [text for text in embedder.said if text.startswith("Person 41: Filler")]
    assert len(filler) == len(set(filler)) == 24
    assert max(map(embedder.said.index, filler)) < max(at for at, text in enumerate(embedder.said) if "flood" in text)
    assert sum("flood" in text for text in embedder.said) >= 3 * 15
    assert not any(index.bare for index in recaller._hot.values())


async def test_no_long_text_is_cut_while_the_others_wait(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """To cut and to digest what somebody pasted takes milliseconds a text: never on the event loop, which is everybody's."""
    cut, threads = passages.split, set[int]()

    def watched(text: str) -> list[str]:
        if len(text) > passages.TARGET:
            threads.add(threading.get_ident())
        return cut(text)

    monkeypatch.setattr(passages, "split", watched)
    for number in range(24):
        await world.say(SQUARE, f"{number} " * 1500)
    world.recall = recaller = Recaller(world.log, _engine=Engine(WordEmbedder()))
    for question in ("And now?", "And again?"):
        await world.prompt(await world.say(SQUARE, question), limit=1)
        await asyncio.gather(*recaller._filling)
    assert threads
    assert threading.get_ident() not in threads


class Counting(WordEmbedder):
    """Counts what it embeds. `most`: texts of one call."""

    def __init__(self) -> None:
        super().__init__()
        self.texts = self.most = 0
        self.said = list[str]()

    def embed(self, texts: Sequence[str]) -> list[Embedded]:
        self.texts += len(texts)
        self.most = max(self.most, len(texts))
        self.said += texts
        return super().embed(texts)


async def test_recall_is_loaded_before_the_first_question(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not for a turn or two, which need none; after some turns, so that no question waits for libraries and a model."""
    monkeypatch.setattr(lazy, "REST_S", 0.0)
    recall = LazyRecall(world.log, full=False)
    for turns in range(1, lazy.AHEAD_AFTER + 1):
        assert recall._ahead is None, turns
        recall.learn(MemoryScope(WREN, ADA, SQUARE.channel, SQUARE.guild, "discord", until=1, at=world.at))
    assert recall._ahead is not None
    await recall._ahead
    assert isinstance(recall._recall, Recaller)
