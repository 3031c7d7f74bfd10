"""Pictures on messages: fetched from Discord only, looked at once, part of the prompt in words, and of the same prompt built again."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from engine import erasure, ids, seed
from engine.actor import operator
from engine.config import Settings
from engine.decide.job import Again, RetryPolicy
from engine.events.message import Attachment, MessageReceived, PictureDescribed
from engine.events.quota import SpendAuthorized
from engine.events.turn import GenerationStarted, TurnCompleted
from engine.execute import execute
from engine.store import Query
from projections.models import jobs
from projections.prompt.rebuild import rebuild
from tests.support.pictures import picture
from tests.support.provider.room import Person, room, with_provider
from tests.support.provider.server import Behaviour, FaultServer, ProviderRequest, Raw, Reply, Status
from worker.jobs import describe_image
from worker.jobs.running import Handler
from worker.senses.pictures import allowed

WREN = seed.samples()[0].character_id
SEES = "test/sees"


@dataclass(slots=True)
class Place:
    """A provider whose model `test/sees` describes, and a CDN beside it. `looks` are the requests with a picture in them."""

    server: FaultServer
    files: dict[str, bytes] = field(default_factory=dict)
    said: list[Behaviour] = field(default_factory=list)
    looks: list[dict[str, Any]] = field(default_factory=list)
    fetched: list[str] = field(default_factory=list)

    def decide(self, asked: ProviderRequest) -> Behaviour:
        if asked.path.startswith("/cdn/"):
            self.fetched.append(asked.path)
            content = self.files.get(asked.path.removeprefix("/cdn/"))
            return Raw(content, content_type="image/png") if content is not None else Status(404)
        if asked.model == SEES:
            self.looks.append(asked.body)
            return self.said.pop(0) if self.said else Reply("A teal <field>.")
        return Reply("Well, hello.")

    def attachment(self, name: str, content: bytes) -> Attachment:
        self.files[name] = content
        url = f"{self.server.address.removesuffix('/v1')}/cdn/{name}"
        return Attachment(kind="image", name=name, url=url, media_type="image/png", size=len(content))


@dataclass(slots=True)
class Sender(Person):
    """A person whose messages have files."""

    files: tuple[Attachment, ...] = ()

    def message(self, text: str) -> MessageReceived:
        return Person.message(self, text).model_copy(update={"attachments": self.files})

    async def shown(self, *files: Attachment) -> GenerationStarted:
        """Say something with these files to Wren; how her answer began."""
        self.files = files
        [turn] = await self.say("Look at this", WREN)
        assert isinstance(await self.end(turn), TurnCompleted)
        [started] = [r.event for r in await self.events(turn) if isinstance(r.event, GenerationStarted)]
        return started

    async def descriptions(self) -> list[PictureDescribed]:
        found = [r.event async for r in self.log.read(Query(types=frozenset({"message.picture_described"})))]
        return [event for event in found if isinstance(event, PictureDescribed)]


@asynccontextmanager
async def gallery(settings: Settings, **more: object) -> AsyncIterator[tuple[Place, Sender]]:
    async with FaultServer.running() as server:
        place = Place(server)
        server.decide = place.decide
        api = server.address.removesuffix("/v1") + "/api/v10"
        own = with_provider(settings, server.address, default_model="standin/0", discord_api_base=api, **more)
        async with room(own) as person:
            yield place, Sender(person.log, user=1)


async def test_a_picture_is_in_the_prompt_in_words_and_looked_at_once(settings: Settings) -> None:
    """The same picture again, under another name and address, costs no call; the prompt built again has the same bytes."""
    async with gallery(settings, vision_model=SEES) as (place, sender):
        await sender.shown(place.attachment("one.png", picture()))
        started = await sender.shown(place.attachment("two.png", picture()), place.attachment("three.png", picture(colour="red")))
        prompt = (await rebuild(sender.log, started)).prompt
        assert prompt.sha256 == started.prompt_sha256
        said = "\n".join(message.content for message in prompt.messages)
        for name in ("one", "two", "three"):
            assert f'name="{name}.png" type="image/png"><shows>A teal &lt;field&gt;.</shows></attachment>' in said
        assert len(place.looks) == 2, "two contents"
        assert place.looks[0]["messages"][0]["content"][1]["image_url"]["url"].startswith("data:image/png;base64,")
        paid = [r.event async for r in sender.log.read(Query(types=frozenset({"quota.spend_authorized"})))]
        assert [e.model for e in paid if isinstance(e, SpendAuthorized) and e.purpose == "describe_image"] == [SEES] * 2
        assert [(event.author_id, event.text) for event in await sender.descriptions()] == [(1, "A teal <field>.")] * 3


async def test_a_failure_is_remembered_and_tried_again_though_the_address_ran_out(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer goes out without the description; the picture was kept, so that the next try needs no address."""
    quick = Handler(describe_image.NAME, describe_image.run, RetryPolicy(attempts=4, first=600.0))
    monkeypatch.setattr("worker.__main__.HANDLERS", {describe_image.NAME: quick})
    async with gallery(settings, vision_model=SEES) as (place, sender):
        place.said = [Status(503)]
        started = await sender.shown(place.attachment("one.png", picture()))
        place.files.clear()
        assert "<shows>" not in str((await rebuild(sender.log, started)).prompt.messages)
        async with sender.log.pool.connection() as connection:
            [job] = await jobs.recent(connection, name=describe_image.NAME)
        assert (job.failures, job.retry_at is not None) == (1, True)
        await execute(sender.log, operator(), Again(job.job), ids.random_id())
        async with asyncio.timeout(30):
            while not await sender.descriptions():
                await asyncio.sleep(0.02)
        assert len(place.fetched) == 1
        later = await sender.shown()
        assert "<shows>A teal" in str((await rebuild(sender.log, later)).prompt.messages)


@pytest.mark.parametrize(
    ("file", "why"),
    [
        (b"<svg/>", "no picture"),
        (None, "does not give the picture any more"),
    ],
)
async def test_what_cannot_be_seen_stays_a_name(settings: Settings, file: bytes | None, why: str) -> None:
    """It is given up with a sentence, and the answer is given."""
    async with gallery(settings, vision_model=SEES) as (place, sender):
        attachment = place.attachment("one.png", file or b"")
        if file is None:
            place.files.clear()
        await sender.shown(attachment)
        async with sender.log.pool.connection() as connection:
            [job] = await jobs.recent(connection, name=describe_image.NAME)
        assert job.status == "dead"
        assert why in (job.why or "")
        assert place.looks == []


async def test_without_a_model_that_sees_nothing_is_fetched(settings: Settings) -> None:
    """Nobody asked for it."""
    async with gallery(settings) as (place, sender):
        started = await sender.shown(place.attachment("one.png", picture()))
        assert place.fetched == []
        assert 'name="one.png"' in str((await rebuild(sender.log, started)).prompt.messages)


async def test_a_picture_elsewhere_on_the_web_is_never_asked_for(settings: Settings) -> None:
    """An address that a stranger wrote may point into our own network."""
    async with gallery(settings, vision_model=SEES) as (_, sender):
        for url in ("http://127.0.0.1:1/x.png", "https://example.org/x.png", "file:///etc/passwd"):
            await sender.shown(Attachment(kind="image", name="x.png", url=url, media_type="image/png"))
        async with sender.log.pool.connection() as connection:
            assert await jobs.recent(connection, name=describe_image.NAME) == []


async def test_descriptions_go_with_whoever_sent_the_picture(settings: Settings) -> None:
    """Erased: neither the picture nor what it shows can be read."""
    async with gallery(settings, vision_model=SEES) as (place, sender):
        await sender.shown(place.attachment("one.png", picture()))
        await erasure.erase(sender.log, 1, requested_by=1)
        assert [event.text for event in await sender.descriptions()] == ["[erased]"]


DISCORD = "https://discord.com/api/v10"


@pytest.mark.parametrize(
    ("url", "api", "right"),
    [
        ("https://cdn.discordapp.com/attachments/1/2/a.png?ex=1", DISCORD, True),
        ("https://media.discordapp.net/stickers/1.gif", DISCORD, True),
        ("https://cdn.discordapp.com:443/a.png", DISCORD, True),
        ("http://cdn.discordapp.com/a.png", DISCORD, False),
        ("https://cdn.discordapp.com:8443/a.png", DISCORD, False),
        ("https://cdn.discordapp.com.example.org/a.png", DISCORD, False),
        ("https://user@cdn.discordapp.com/a.png", DISCORD, False),
        ("https://cdn.discordapp.com@127.0.0.1/a.png", DISCORD, False),
        ("https://discord.com/api/v10/users/@me", DISCORD, False),
        ("http://127.0.0.1:80/a.png", DISCORD, False),
        ("//cdn.discordapp.com/a.png", DISCORD, False),
        ("https://[::1/a.png", DISCORD, False),
        ("https://cdn.discordapp.com:x/a.png", DISCORD, False),
        ("", DISCORD, False),
        ("http://127.0.0.1:5000/cdn/a.png", "http://127.0.0.1:5000/api/v10", True),
        ("http://127.0.0.1:5001/cdn/a.png", "http://127.0.0.1:5000/api/v10", False),
    ],
)
def test_only_discords_own_servers_are_asked(url: str, api: str, right: bool) -> None:
    """By scheme, host and port; of a stand-in, its own."""
    assert allowed(url, api) is right
