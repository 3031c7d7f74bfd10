"""`/me export` and `/me delete` on Discord: the file for its owner alone, and a typed confirmation (G4, G5)."""

import io
import zipfile
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from bot.discord.features.me.data import SENTENCE
from bot.discord.service import Service
from engine import clock
from engine.config import Settings
from engine.store import Query
from projections.archive import exports
from tests.service.test_discord_resources import Person, inputs, seen
from tests.support import canaries
from tests.support.discord import StandinDiscord
from tests.support.discord.client import NEXTCORD_WARNING
from tests.support.discord.harness import Rig, rig
from tests.support.discord.validate import load, spec_path
from tests.support.provider.room import local_standin, with_provider
from worker.__main__ import working

pytestmark = pytest.mark.filterwarnings(NEXTCORD_WARNING)


@pytest.fixture
async def discord() -> AsyncIterator[StandinDiscord]:
    path = spec_path()
    async with StandinDiscord.start(spec=load(path) if path else None) as running:
        yield running
        assert running.violations == []


@pytest.fixture
async def stage(settings: Settings, discord: StandinDiscord) -> AsyncIterator[Rig]:
    async with local_standin() as url, rig(with_provider(settings, url), discord, lambda turn: f"answer to {turn.message_id}") as running:
        await running.character("Lilith")
        yield running


@pytest.fixture
async def bot(stage: Rig) -> AsyncIterator[Service]:
    async with stage.bot() as service, working(stage.settings):
        yield service


async def test_a_person_fetches_their_data_and_deletes_it(stage: Rig, bot: Service, discord: StandinDiscord) -> None:
    """The ZIP comes to whoever asked, hidden; asked again it is the same; it expires. Only the right sentence deletes."""
    alice, name = Person(discord, "alice"), canaries.fresh()
    assert "is changed" in await alice.says("me edit", field="about", value=name)
    done = await alice.run("me export")
    told = seen(done)
    assert int(told["flags"]) & 64
    [attachment] = told["attachments"]
    assert attachment["filename"] == exports.file_name(alice.id)
    job = await exports.newest(stage.log, exports.EXPORT, alice.id)
    assert job is not None
    content = await exports.fetch(stage.log, job)
    assert content is not None
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        assert name.encode() in file.read("profile.json")
    assert (await exports.newest(stage.log, exports.EXPORT, alice.id + 1)) is None
    await alice.run("me export")
    again = await exports.newest(stage.log, exports.EXPORT, alice.id)
    assert again is not None
    assert again.job == job.job
    assert await exports.expire(stage.log, clock.now()) == 0
    assert await exports.expire(stage.log, clock.now() + exports.KEPT + timedelta(minutes=1)) == 1
    assert await exports.fetch(stage.log, job) is None
    opened = await alice.press(await alice.run("me delete"), "Delete my data")
    assert SENTENCE in inputs(opened)[0]["label"]
    assert "Nothing was deleted" in seen(await alice.fill(opened, typed="delete"))["content"]
    assert name in "".join([str(recorded.event) async for recorded in stage.log.read(Query(types=frozenset({"profile.edited"})))])
    opened = await alice.press(await alice.run("me delete"), "Delete my data")
    assert "Your data is deleted" in seen(await alice.fill(opened, typed=SENTENCE.upper()))["content"]
    stage.log.vault.forget(f"user:{alice.id}")
    assert name not in "".join([str(recorded.event) async for recorded in stage.log.read(Query(types=frozenset({"profile.edited"})))])
    assert "nothing of yours" in await alice.says("me delete")
