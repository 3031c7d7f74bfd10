"""Recorded conversations made again: unchanged they are equal and cost nothing, changed the first difference is named (F14)."""

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID

import pytest

from bot import experiments, forking
from engine import erasure, ids, seed
from engine.actor import operator
from engine.config import Settings
from engine.decide.channel import Where
from engine.decide.rejected import Rejected
from engine.decide.reply import Regenerate
from engine.events import Tags
from engine.events.build import new
from engine.events.character import CharacterEdited
from engine.events.message import MessageDeleted, MessageEdited
from engine.events.turn import TurnCompleted
from engine.execute import execute
from engine.store import NewEvent, Query
from engine.store.progress import wait_for
from projections import chats, inspector
from projections.models.turns import Turn
from projections.prompt.changes import parse
from projections.rerun import prompts_at
from projections.rerun.forks import STARTED, RerunScope, compare
from tests.support.provider.room import Person, room, with_provider
from tests.support.provider.server import FaultServer, Reply
from worker.turn.strict_replay import replay

FIRST = seed.samples()[0].character_id
TURNS = 7
READ = ("history", "forks", "channels", "turns")


@pytest.fixture
async def provider() -> AsyncIterator[FaultServer]:
    async with FaultServer.running() as server:
        server.decide = lambda asked: Reply(f"<think>Hm.</think>Reply {len(server.journal)} &amp; more.")
        yield server


async def _talk(person: Person, turns: int) -> list[TurnCompleted]:
    ends = []
    for number in range(turns):
        [turn] = await person.say(f"Message {number} with <tags>", FIRST)
        end = await person.end(turn)
        assert isinstance(end, TurnCompleted)
        ends.append(end)
    return ends


async def _edited(person: Person, traits: str) -> int:
    sample = seed.samples()[0]
    event = CharacterEdited(
        character_id=FIRST,
        owner_id=None,
        slug=sample.slug,
        visibility="public",
        edited_by=1,
        description=sample.description.model_copy(update={"traits": traits}),
    )
    made = NewEvent(event, stream=f"character:{FIRST}", id=ids.random_id(), tags=Tags(character=FIRST), subjects=("system",))
    return (await person.log.append(made)).positions[-1]


async def _turn(person: Person, turn: UUID) -> Turn:
    assert await wait_for(person.log.pool, READ, await person.log.head(), seconds=60)
    [found] = await inspector.find(person.log, str(turn))
    return found


async def test_an_unchanged_fork_is_equal_and_a_changed_one_names_where_it_leaves(settings: Settings, provider: FaultServer) -> None:
    async with room(with_provider(settings, provider.address)) as person:
        await person.preset("a/b")
        ends = await _talk(person, TURNS)
        asked, scope = len(provider.journal), RerunScope(channel=person.channel)

        head = await person.log.head()
        assert await prompts_at.at(person.log, head, channel=5) is None
        begun = [r.position async for r in person.log.read(Query(types=STARTED))]
        for nth, position in enumerate(begun):
            held = [await prompts_at.at(person.log, at, person.channel, FIRST) for at in (position - 1, position, position + 1)]
            assert [None if one is None else one.position for one in held] == [begun[nth - 1] if nth else None, position, position]
            assert held[1] is not None
            assert held[1].prompt is not None
            assert held[1].prompt.equal
            assert (held[1].differs is None) == (nth == 0)

        same = await compare(person.log, scope)
        assert (same.prompts, same.equal, same.first, same.skipped, same.provider_calls) == (TURNS, TURNS, None, (), 0)
        again = await replay(person.log, scope)
        assert (again.prompts, again.answers, again.diverged, again.skipped) == (TURNS, TURNS, None, ())

        said = await person.log.find(ids.message_event(ends[4].message_id, "received"))
        assert said is not None
        other = await compare(person.log, scope, parse([f"event:{said.position}=Something else"]))
        assert other.first is not None
        assert other.first.differs is not None
        assert (other.equal, other.first.turn, other.first.differs.where) == (4, ends[4].turn_id, "history")
        assert other.first.differs.after.startswith("Something else")

        version = await _edited(person, "Changed altogether.")
        person_now = await compare(person.log, scope, parse([f"character={version}"]))
        assert person_now.first is not None
        assert person_now.first.differs is not None
        assert (person_now.equal, person_now.first.differs.where) == (0, "character")

        model = await compare(person.log, RerunScope(turn=ends[3].turn_id), parse(["model=c/d"]))
        assert model.first is not None
        assert model.first.differs is not None
        assert (model.first.differs.where, model.first.differs.before, model.first.differs.after) == ("model", "a/b", "c/d")
        otherwise = parse([f"character={version}", "model=c/d", f"event:{said.position}=Something else"])
        job = await experiments.begin(person.log, operator(1), await _turn(person, ends[4].turn_id), otherwise)
        async with asyncio.timeout(60):
            while (answered := await experiments.answers(person.log, job, ends[4].turn_id)) is None:
                await asyncio.sleep(0.05)
        ran, sides = answered
        apart = await experiments.departure(person.log, job, ends[4].turn_id)
        assert apart.words[1:] == (f"the description of the character at event {version}", f"other words in event {said.position}")
        assert apart.words[0] == "the model c/d"
        assert apart.differs is not None
        assert apart.differs.where == "character"
        assert (ran.model, ran.equal) == ("c/d", False)
        assert (sides[0].same + sides[0].other, sides[1].same + sides[1].other) == (ends[4].text, ran.text)
        assert "Something else" in str(provider.journal[-1].body["messages"])
        assert "Changed altogether." in str(provider.journal[-1].body["messages"])
        assert (await experiments.versions(person.log, FIRST))[0].position == version
        asked += 1
        nothing_there = await compare(person.log, scope, parse(["lore=off", "memory=off"]))
        assert (nothing_there.equal, nothing_there.first) == (TURNS, None)
        assert len(provider.journal) == asked


async def test_a_conversation_goes_on_elsewhere_as_it_was_and_erasure_reaches_it(settings: Settings, provider: FaultServer) -> None:
    """The fork's prompt has the bytes of its source's; what was changed later is not in it, what was deleted or erased is gone."""
    async with room(with_provider(settings, provider.address)) as person:
        await person.preset("a/b")
        ends = await _talk(person, 3)
        at = await person.log.head()
        changed = MessageEdited(
            message_id=ends[0].message_id, channel_id=person.channel, author_id=person.user, venue="playground", edited_ms=1, text="Not so."
        )
        await person.log.append(new(changed, ids.random_id()))
        again = Regenerate(ends[1].message_id, FIRST)
        await execute(person.log, operator(), again, ids.random_id())
        await person.end(ids.turn(ends[1].message_id, FIRST, 1))
        await person.log.append(new(_deleted(person, ends[2].message_id), ids.random_id()))
        assert await wait_for(person.log.pool, READ, await person.log.head(), seconds=60)

        into = Where(person.snowflakes.next(), None, "playground")
        forked = await forking.fork(person.log, operator(1), person.channel, at, into)
        assert (forked.character, forked.lines) == (FIRST, 5)
        with pytest.raises(Rejected, match="already"):
            await forking.fork(person.log, operator(1), person.channel, at, into)
        there = Person(person.log, channel=into.channel_id, user=1, name="Operator")
        [turn] = await there.say("And then?", FIRST)
        await there.end(turn)
        sent = [str(message["content"]) for message in provider.journal[-1].body["messages"]]
        talk = "\n".join(sent[1:])
        assert ["Message 0" in talk, "Message 1" in talk, "Message 2" in talk, "Not so." in talk] == [True, True, False, False]
        [was] = [one.text for one in ends if one.turn_id == ends[1].turn_id]
        assert was in talk
        assert sent[:4] == [str(message["content"]) for message in provider.journal[2].body["messages"]][:4]
        async with person.log.pool.connection() as connection:
            shown = await chats.lines(connection, person.log.vault, into.channel_id)
            assert [line.forked for line in shown if line.kind == "message"] == [True, True, False]
            assert [chat.channel for chat in await chats.chats(connection, person.log.vault, 1, venue="playground")] == [into.channel_id]

        await erasure.erase(person.log, person.user, requested_by=1)
        async with asyncio.timeout(60):
            while "Message 0" in str(await _shown(person, into.channel_id)):
                await asyncio.sleep(0.05)
        report = await compare(person.log, RerunScope(turn=turn))
        assert [call.why for call in report.skipped] == ["erased"]


async def _shown(person: Person, channel: int) -> list[chats.ChatLine]:
    async with person.log.pool.connection() as connection:
        return await chats.lines(connection, person.log.vault, channel)


def _deleted(person: Person, message: int) -> MessageDeleted:
    return MessageDeleted(message_id=message, channel_id=person.channel, venue="playground")
