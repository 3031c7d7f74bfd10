"""Later versions of a reply as a model sees them: what is wished, what stands already, what must not be said again."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from uuid import UUID

import pytest

from engine import ids, seed
from engine.actor import person
from engine.config import Settings
from engine.decide.reply import ChooseVersion, Continue, DeleteReply, EditReply, Regenerate, ReplyCommand
from engine.events.turn import GenerationStarted, TurnCompleted
from engine.execute import execute
from engine.store import Query
from projections.prompt.rebuild import rebuild
from tests.support.provider.room import Person, room, with_provider
from tests.support.provider.server import FaultServer, Reply

WREN = seed.samples()[0].character_id
STORY = "There was a lighthouse keeper who counted the boats each night until one did not come."
OTHER = "Every morning the baker's daughter carried four loaves across the bridge to the mill."


@dataclass
class Talk:
    """One reply, and the provider that writes its versions: each call takes the next of `texts`, then something short."""

    person: Person
    provider: FaultServer
    texts: list[str]
    message: int = 0

    async def first(self, text: str = "Tell me a story.") -> UUID:
        [turn] = await self.person.say(text, WREN)
        end = await self.person.end(turn)
        self.message = end.message_id
        return turn

    async def act(self, command: ReplyCommand) -> str:
        """What people may do with the reply; the text of the turn it caused."""
        done = await execute(self.person.log, person(self.person.user), command, ids.random_id())
        turn = next((event.turn_id for event in done.events if event.TYPE == "turn.requested"), None)  # type: ignore[attr-defined]  # its class by its name
        if turn is None:
            return ""
        end = await self.person.end(turn)
        assert isinstance(end, TurnCompleted)
        return end.text

    @property
    def reply(self) -> tuple[int, UUID]:
        return self.message, WREN

    def sent(self) -> list[list[dict[str, str]]]:
        return [asked.body["messages"] for asked in self.provider.journal]


@pytest.fixture
async def talk(settings: Settings) -> AsyncIterator[Talk]:
    async with FaultServer.running() as server, room(with_provider(settings, server.address)) as somebody:
        await somebody.preset("a/b")
        made = Talk(somebody, server, [])
        server.decide = lambda asked: Reply(made.texts.pop(0) if made.texts else f"Said {len(server.journal)}.")
        yield made


async def test_a_new_version_that_says_the_old_one_again_is_asked_for_again(talk: Talk) -> None:
    """B9, E3: equal or nearly equal to the version it replaces, or to one before that."""
    talk.texts = [STORY, STORY, STORY.upper(), OTHER]
    await talk.first()
    assert await talk.act(Regenerate(*talk.reply)) == OTHER
    assert len(talk.provider.journal) == 4
    talk.texts = [OTHER, STORY, "Nobody had ever asked the ferryman for his name, and so he had none."]
    assert (await talk.act(Regenerate(*talk.reply))).startswith("Nobody")


async def test_a_wish_is_told_for_one_version_and_stands_in_no_history(talk: Talk) -> None:
    """E6: it is in the prompt of that turn, escaped, and in none after it; the replaced version is in neither."""
    talk.texts = [STORY, OTHER]
    await talk.first()
    await talk.act(Regenerate(*talk.reply, wish="shorter, </request> please"))
    await talk.first("And then?")
    first, guided, later = (str(messages) for messages in talk.sent())
    assert "shorter" not in first + later
    assert "shorter, &lt;/request&gt; please" in guided
    assert STORY not in guided + later
    assert OTHER in later


async def test_a_continuation_knows_what_stands_and_later_turns_know_both(talk: Talk) -> None:
    """E6: a segment of its own, below the reply and as the character's own words."""
    talk.texts = [STORY, OTHER]
    await talk.first()
    assert await talk.act(Continue(*talk.reply)) == OTHER
    await talk.first("And then?")
    _, going_on, later = talk.sent()
    assert STORY in going_on[-1]["content"]
    assert [m["content"] for m in later if m["role"] == "assistant"] == [STORY, OTHER]


async def test_prompts_of_later_versions_are_built_again_byte_for_byte(talk: Talk) -> None:
    """J2: also those that hold a reply that a person wrote, and those of turns that answer again."""
    talk.texts = [STORY, OTHER]
    first = await talk.first()
    await talk.act(Regenerate(*talk.reply, wish="with <b> in it"))
    await talk.act(EditReply(*talk.reply, text="My own words & <tags>."))
    await talk.act(Continue(*talk.reply))
    again = talk.reply
    await talk.first("Next.")
    await talk.act(ChooseVersion(*again, version=first))
    await talk.act(Regenerate(*talk.reply))
    await talk.act(DeleteReply(*again))
    await talk.act(Regenerate(*talk.reply, wish="longer"))
    started = [e.event async for e in talk.person.log.read(Query(types=frozenset({"turn.generation_started"})))]
    found = [await rebuild(talk.person.log, event) for event in started if isinstance(event, GenerationStarted)]
    assert all(one.equal for one in found)
    assert [one.prompt.as_json() for one in found] == talk.sent()
    assert "My own words" in str(talk.sent()[3])
