"""Pictures go as they are to a chat model that sees: kept, built again equal, and left out by name where they cannot be had or seen."""

import asyncio
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from engine import erasure, ids, seed
from engine.actor import operator
from engine.config import Settings
from engine.decide.job import Again, job_id
from engine.events.message import Attachment, MessageReceived
from engine.events.model import ModelOverridden
from engine.events.turn import GenerationStarted, TurnCompleted
from engine.execute import execute
from engine.store import Log
from projections.follow import runner
from projections.models import jobs
from projections.prompt.rebuild import rebuild
from tests.service.test_pictures_seen import Place, Sender, gallery
from tests.support.pictures import animated, picture
from tests.support.provider.server import Behaviour, ProviderRequest, Raw, Reply, Status
from tests.support.system import until
from worker.jobs import describe_image, keep_picture

WREN = seed.samples()[0].character_id
CHAT, BLIND, LOOKS = "test/chat", "test/blind", "test/looks"


@dataclass(slots=True)
class Talker(Sender):
    """Says this, in reply to that."""

    text: str = "Look at this"
    to: int | None = None
    said: list[int] = field(default_factory=list)

    def message(self, text: str) -> MessageReceived:
        made = Sender.message(self, text).model_copy(update={"text": self.text, "reply_to": self.to})
        self.said.append(made.message_id)
        return made

    async def starts(self, *files: Attachment, to: int | None = None, text: str = "Look at this") -> list[GenerationStarted]:
        """All calls of the answer to a message with these files."""
        self.files, self.to, self.text = files, to, text
        [turn] = await self.say(text, WREN)
        assert isinstance(await self.end(turn), TurnCompleted)
        return [r.event for r in await self.events(turn) if isinstance(r.event, GenerationStarted)]

    async def chats(self) -> None:
        """Wren's model sees, another that does not stands behind it."""
        await self.preset(CHAT, BLIND)
        await self.tell(ModelOverridden(model=CHAT, vision=True, set_by=1), f"model:{CHAT}")
        await runner.wait_for(self.log.pool, ("models", "catalog"), await self.log.head(), seconds=60)


@dataclass(slots=True)
class Asked:
    """What the models were asked, by model; `answers` of the chat model come first."""

    place: Place
    answers: list[Behaviour] = field(default_factory=list)
    requests: list[dict[str, Any]] = field(default_factory=list)

    def decide(self, asked: ProviderRequest) -> Behaviour:
        if asked.path.startswith("/emojis/"):
            self.place.fetched.append(asked.path)
            return Raw(picture(colour="gold"), content_type="image/png")
        if asked.path.startswith("/cdn/"):
            return self.place.decide(asked)
        self.requests.append(asked.body)
        if asked.model == CHAT and self.answers:
            return self.answers.pop(0)
        return Reply("A teal field." if asked.model == LOOKS else f"{ids.random_id().hex} {ids.random_id().hex}")

    def shown(self, model: str) -> list[int]:
        """How many pictures each request to a model had."""
        return [str(body["messages"]).count("data:image/") for body in self.requests if body["model"] == model]


def _talker(place: Place, sender: Sender, **more: Any) -> tuple[Talker, Asked]:
    asked = Asked(place)
    place.server.decide = asked.decide
    return Talker(sender.log, user=1, **more), asked


def _refs(started: GenerationStarted) -> tuple[str, ...]:
    return next(section.refs for section in started.sections if section.name == "pictures")


def _gone(started: GenerationStarted) -> list[str]:
    return [part.why for part in started.dropped if part.what.startswith("picture:")]


async def test_a_model_that_sees_is_shown_the_picture_itself(settings: Settings) -> None:
    """Fetched once, shown again where somebody replies to it, built again with the same bytes; erased it is in no prompt.

    Of stickers those that are pictures; custom emoji stay names, because nobody switched them on.
    """
    async with gallery(settings, vision_model=LOOKS) as (place, sender):
        talker, asked = _talker(place, sender, venue="discord")
        await talker.chats()
        [first] = await talker.starts(place.attachment("one.png", picture()), text="Look <:wave:123456789012345678>")
        again = (await rebuild(talker.log, first)).prompt
        assert again.sha256 == first.prompt_sha256
        [*_, last] = again.as_json()
        assert isinstance(last["content"], list)
        assert [part["type"] for part in last["content"] if isinstance(part, dict)] == ["text", "image_url", "text"]
        assert 'name="one.png" from="Alice">Shown here:' in str(last["content"][0])
        assert 258 <= next(section.tokens for section in first.sections if section.name == "pictures") < 400
        sticker = place.attachment("two.png", animated()).model_copy(update={"kind": "sticker", "media_type": "image/apng"})
        lottie = sticker.model_copy(update={"name": "dance", "media_type": "application/json"})
        [second] = await talker.starts(sticker, lottie, to=talker.said[0])
        assert len(_refs(second)) == 2
        assert 'name="dance"' in str((await rebuild(talker.log, second)).prompt.messages)
        assert asked.shown(CHAT) == [1, 2]
        assert place.fetched == ["/cdn/one.png", "/cdn/two.png"]
        async with asyncio.timeout(60):
            while len(await talker.descriptions()) < 2:
                await asyncio.sleep(0.02)
        assert place.fetched == ["/cdn/one.png", "/cdn/two.png"], "the job that describes them finds them kept"
        await erasure.erase(talker.log, 1, requested_by=1)
        assert (await rebuild(talker.log, second)).erased


async def test_a_picture_that_cannot_be_had_is_remembered_and_had_again_by_hand(settings: Settings) -> None:
    """It is named as left out, nobody asks Discord again for it, until somebody has the job done again."""
    async with gallery(settings, vision_model=LOOKS) as (place, sender):
        talker, asked = _talker(place, sender)
        await talker.chats()
        file = place.attachment("one.png", picture())
        place.files.clear()
        [started] = await talker.starts(file)
        assert (_refs(started), _gone(started), asked.shown(CHAT)) == ((), ["unavailable"], [0])
        assert (await rebuild(talker.log, started)).prompt.sha256 == started.prompt_sha256
        job = job_id(keep_picture.NAME, f"{talker.said[0]}:0")
        async with talker.log.pool.connection() as connection:
            found = await jobs.get(connection, job)
        assert found is not None
        assert found.status == "dead"
        assert "does not give the picture any more" in (found.why or "")
        looked = job_id(describe_image.NAME, f"{talker.said[0]}:0")  # which asks for the picture as well, in its own time
        await until(lambda: _is_over(talker.log, looked), 60.0, "the end of the job that describes it")
        place.fetched.clear()
        place.attachment("one.png", picture())
        [later] = await talker.starts(to=talker.said[0])
        assert (_gone(later), place.fetched) == (["unavailable"], [])
        await execute(talker.log, operator(), Again(job), ids.random_id())
        await runner.wait_for(talker.log.pool, ("jobs",), await talker.log.head(), seconds=60)
        [last] = await talker.starts(to=talker.said[0])
        assert (len(_refs(last)), _gone(last)) == (1, [])


async def _is_over(log: Log, job: UUID) -> bool:
    async with log.pool.connection() as connection:
        found = await jobs.get(connection, job)
    return found is not None and found.over


async def test_a_model_that_cannot_see_is_told_instead(settings: Settings) -> None:
    """The model behind it, and one that refuses pictures after all: what it refused is remembered, and nobody waits for it again."""
    async with gallery(settings, vision_model=LOOKS) as (place, sender):
        talker, asked = _talker(place, sender)
        await talker.chats()
        asked.answers = [Status(404, "The model does not exist", "model_not_found")]
        [first, second] = await talker.starts(place.attachment("one.png", picture()))
        assert [(one.model, len(_refs(one)), _gone(one)) for one in (first, second)] == [(CHAT, 1, []), (BLIND, 0, ["model"])]
        assert (await rebuild(talker.log, second)).prompt.sha256 == second.prompt_sha256
        assert (asked.shown(CHAT), asked.shown(BLIND)) == ([1], [0])
        asked.answers = [Status(400, "This model does not support image input.")]
        [first, second] = await talker.starts(place.attachment("two.png", picture(colour="red")))
        assert [(one.model, len(_refs(one))) for one in (first, second)] == [(CHAT, 1), (CHAT, 0)]
        await runner.wait_for(talker.log.pool, ("models", "pictures"), await talker.log.head(), seconds=60)
        [third] = await talker.starts(place.attachment("three.png", picture(colour="blue")))
        assert asked.shown(CHAT) == [1, 1, 0, 0]
        assert 'name="three.png" type="image/png"><shows>A teal field.' in str((await rebuild(talker.log, third)).prompt.messages)


async def test_custom_emoji_are_shown_where_somebody_switched_it_on(settings: Settings) -> None:
    """Each once."""
    text = "<:wave:123456789012345678> <a:wave:123456789012345678> <:bow:223456789012345678>"
    async with gallery(settings, vision_emoji="on") as (place, sender):
        talker, asked = _talker(place, sender, venue="discord")
        await talker.chats()
        [started] = await talker.starts(text=text)
        assert sorted(place.fetched) == ["/emojis/123456789012345678.png", "/emojis/223456789012345678.png"]
        again = (await rebuild(talker.log, started)).prompt
        assert again.sha256 == started.prompt_sha256
        assert 'kind="emoji" name=":wave:"' in str(again.messages)
        assert asked.shown(CHAT) == [2]
