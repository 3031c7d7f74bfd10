"""A picture that a character has made (I10): asked for with a tool, paid for once, posted as the character below its reply, and erased."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from io import BytesIO
from typing import Any

import aiohttp
import pytest
from PIL import Image

from engine import blobs, erasure, ids
from engine.actor import operator
from engine.config import Settings
from engine.decide import character
from engine.decide.job import RetryPolicy
from engine.events.craft.made import ReplyFileMade
from engine.events.craft.tool import ToolAnswered
from engine.events.quota import SpendAuthorized, SpendSettled
from engine.events.turn import GenerationStarted, TurnCompleted
from engine.execute import execute
from engine.store import Query
from projections.models import jobs
from projections.prompt.rebuild import rebuild
from tests.service.test_delivery import Stage
from tests.support.discord import StandinDiscord
from tests.support.discord.client import NEXTCORD_WARNING
from tests.support.discord.harness import rig
from tests.support.pictures import picture
from tests.support.provider.asking import asking
from tests.support.provider.room import with_provider
from tests.support.provider.server import Behaviour, FaultServer, ProviderRequest, Raw, Reply, Status
from worker.__main__ import working
from worker.jobs import HANDLERS, draw

pytestmark = pytest.mark.filterwarnings(NEXTCORD_WARNING)
PROMPT, ALT = "A heron in the harbour, in ink", "A heron <b>@everyone</b>"


@dataclass(slots=True)
class Studio:
    """A provider whose chat model asks for a picture, and whose other model makes it."""

    stage: Stage
    drawn: list[dict[str, Any]] = field(default_factory=list)
    answers: list[Behaviour] = field(default_factory=list)

    def decide(self, asked: ProviderRequest) -> Behaviour:
        if asked.path.endswith("/images/generations") or "modalities" in asked.body:
            self.drawn.append(asked.body)
            return self.answers.pop(0) if self.answers else images(picture("JPEG", (1600, 800)))
        if any(message["role"] == "tool" for message in asked.body["messages"]) or "tools" not in asked.body:
            return Reply("There it is.")
        return asking(asked, ("image", {"prompt": PROMPT, "alt": ALT}))

    async def ended(self, message: int) -> TurnCompleted:
        await self.stage.ended(message)
        found = await self.stage.rig.log.find(ids.terminal(ids.turn(message, self.stage.character)))
        assert found is not None
        assert isinstance(found.event, TurnCompleted)
        return found.event

    async def told(self, kind: type) -> list[Any]:
        return [one.event async for one in self.stage.rig.log.read(Query()) if isinstance(one.event, kind)]

    async def job(self, status: str) -> jobs.Job:
        """The job of the picture, as soon as it is so."""
        async with asyncio.timeout(60):
            while True:
                async with self.stage.rig.log.pool.connection() as connection:
                    found = await jobs.recent(connection, name=draw.NAME)
                if found and found[0].status == status:
                    return found[0]
                await asyncio.sleep(0.02)

    async def posted(self) -> list[tuple[str, list[str]]]:
        await self.stage.deliver(self.stage.deliverer())
        shown = self.stage.discord.replies("general")
        return [(m["content"], [one["filename"].partition("-")[0] for one in m["attachments"]]) for m in shown]


def images(content: bytes) -> Behaviour:
    return Raw(json.dumps({"created": 1, "data": [{"b64_json": base64.b64encode(content).decode()}]}).encode())


def in_chat(content: bytes) -> Behaviour:
    url = f"data:image/png;base64,{base64.b64encode(content).decode()}"
    message = {"role": "assistant", "content": "Here.", "images": [{"type": "image_url", "image_url": {"url": url}}]}
    usage = {"prompt_tokens": 10, "completion_tokens": 1290, "total_tokens": 1300, "cost": 0.04}
    return Raw(json.dumps({"id": "x", "model": "test/draws", "choices": [{"index": 0, "message": message}], "usage": usage}).encode())


@asynccontextmanager
async def studio(settings: Settings, **more: object) -> AsyncIterator[Studio]:
    async with FaultServer.running() as server, StandinDiscord.start() as discord, aiohttp.ClientSession() as session:
        own = with_provider(settings, server.address, image_model="test/draws", **more)
        async with rig(own, discord, lambda turn: None) as running:
            lilith = await running.character("Lilith")
            made = Studio(Stage(running, discord, lilith, session))
            server.decide = made.decide
            await execute(running.log, operator(1), character.Edit(lilith, {"tools": ("image",)}), ids.random_id())
            await running.settle()
            async with working(running.settings):
                yield made
        assert discord.recorder.pings == []
        assert discord.violations == []


async def test_a_picture_a_character_has_made_is_posted_below_its_reply(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Under its name, marked as generated, harmless, once though the worker dies over it; prompts are built again; it can be erased."""
    quick = replace(draw.HANDLER, retry=RetryPolicy(attempts=3, first=0.01))
    monkeypatch.setattr("worker.__main__.HANDLERS", {**HANDLERS, draw.NAME: quick})
    died: list[str] = []

    def die(name: str) -> None:
        died.append(name)
        if len(died) == 1:
            raise RuntimeError(name)

    monkeypatch.setattr(draw, "failpoint", die)
    async with studio(settings) as made:
        message = await made.stage.say("Draw the heron, please")
        turn = await made.ended(message)
        assert turn.text == "There it is."
        await made.job("completed")
        assert died == ["draw.made"] * 2
        assert [one["prompt"] for one in made.drawn] == [PROMPT], "what was paid for was kept"
        assert await made.posted() == [("There it is.", []), ("-# Made by a model (`test/draws`)", ["picture"])]
        shown = made.stage.discord.replies("general")[1]
        assert shown["author"]["username"] == "Lilith"
        assert shown["attachments"][0]["description"] == f"Generated: {ALT}"
        content, kind = made.stage.discord.world.files[shown["attachments"][0]["url"].partition("/cdn/")[2]]
        assert kind in ("image/jpeg", "image/png")
        assert Image.open(BytesIO(content)).size == (1024, 512)
        [file] = await made.told(ReplyFileMade)
        assert (file.kind, file.model, file.turn_id, file.user_id) == ("picture", "test/draws", turn.turn_id, 7)
        paid = [one for one in await made.told(SpendAuthorized) if one.purpose == draw.NAME]
        assert [one.model for one in paid] == ["test/draws"]
        assert paid[0].call_id in [one.call_id for one in await made.told(SpendSettled)]
        [answered] = await made.told(ToolAnswered)
        assert answered.text == "It is being made, and will stand below your reply."
        for started in await made.told(GenerationStarted):
            assert (await rebuild(made.stage.rig.log, started)).equal
        log = made.stage.rig.log
        assert await blobs.get(log.pool, log.vault, file.file) == content
        await erasure.erase(log, 7, 0)
        assert await blobs.get(log.pool, log.vault, file.file) is None


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (Status(400, "Your request was rejected by our safety system."), "content_policy"),
        (Raw(b'{"data": [{"b64_json": "PHN2Zy8+"}]}'), "cannot be shown"),
        (Raw(b'{"data": [{"url": "http://127.0.0.1:9/inside.png"}]}'), "Only https://"),
    ],
)
async def test_a_picture_that_cannot_be_made_costs_nobody_the_reply(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, answer: Behaviour, why: str
) -> None:
    """The text stands as it is; the job says in a sentence what was in the way."""
    once = replace(draw.HANDLER, retry=RetryPolicy(attempts=1))
    monkeypatch.setattr("worker.__main__.HANDLERS", {**HANDLERS, draw.NAME: once})
    async with studio(settings) as made:
        made.answers = [answer]
        await made.ended(await made.stage.say("Draw the heron, please"))
        job = await made.job("dead")
        assert why in str(job.why), job.why
        assert await made.posted() == [("There it is.", [])]
        assert await made.told(ReplyFileMade) == []


async def test_a_chat_model_that_gives_pictures_out_is_asked_for_one(settings: Settings) -> None:
    """And what it says it did cost is what is settled."""
    async with studio(settings, image_api="chat") as made:
        made.answers = [in_chat(picture(size=(64, 64)))]
        await made.ended(await made.stage.say("Draw the heron, please"))
        await made.job("completed")
        assert made.drawn[0]["modalities"] == ["image", "text"]
        assert made.drawn[0]["messages"] == [{"role": "user", "content": PROMPT}]
        assert (await made.posted())[1] == ("-# Made by a model (`test/draws`)", ["picture"])
        assert 0.04 in [one.cost for one in await made.told(SpendSettled)]
