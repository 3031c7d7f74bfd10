"""`/memory` and `tzurot memory`: what is noted of a person, in their own hands, on both faces (D9, D10)."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from bot.cli import memories
from bot.discord.service import Service
from engine import config, log
from engine.config import Settings
from tests.service.test_discord_resources import Person
from tests.support.discord import StandinDiscord
from tests.support.discord.client import NEXTCORD_WARNING
from tests.support.discord.harness import Rig, rig

pytestmark = pytest.mark.filterwarnings(NEXTCORD_WARNING)


@pytest.fixture
async def discord() -> AsyncIterator[StandinDiscord]:
    async with StandinDiscord.start() as running:
        yield running
        assert running.violations == []


@pytest.fixture
async def stage(settings: Settings, discord: StandinDiscord) -> AsyncIterator[Rig]:
    async with rig(settings, discord, lambda turn: f"answer to {turn.message_id}") as running:
        yield running


@pytest.fixture
async def bot(stage: Rig) -> AsyncIterator[Service]:
    async with stage.bot() as service:
        yield service


async def test_a_person_sees_corrects_locks_and_forgets_what_is_noted_of_them(
    stage: Rig, bot: Service, discord: StandinDiscord, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Everything is seen by them alone; another finds nothing; the command line sees the same and may forget it, too."""

    async def said(who: str, command: str, **options: object) -> str:
        answered = await discord.answered(await discord.slash("general", who, f"memory {command}", options))
        assert answered.ephemeral
        return str(answered.text)

    assert "It is remembered." in await said("alice", "remember", text="I live in Oslo.")
    assert "I live in Oslo." in await said("alice", "browse")
    assert "Oslo" not in await said("bob", "browse")
    name = (await said("alice", "search", words="oslo")).split(":")[0]
    assert "no such memory" in await said("bob", "delete", which=name)
    assert "Corrected." in await said("alice", "edit", which=name, text="I live in Bergen.")
    seen = await said("alice", "view", which=name)
    assert "Bergen" in seen
    assert "corrected" in seen
    counted = await said("alice", "stats")
    assert "Kinds: noted 1." in counted
    assert "Of them: corrected 1." in counted
    assert "Nothing is noted" in await said("bob", "stats")
    assert "0 of 0" in await said("bob", "lock-all")
    await said("alice", "remember", text="I keep bees.")
    alice = Person(discord, "alice")
    done = await alice.run("memory lock-all")
    assert "2 of 2 memories locked" in done.text
    assert "Taken back" in (await alice.press(done, "Undo")).text
    assert (await said("alice", "browse")).count("locked") == 0, "one act, taken back by one press"
    assert "1 of 1 memories locked" in await said("alice", "lock-all", words="bergen")
    assert "Taken back: memory locked" in await alice.says("undo")
    assert "1 of 1 memories locked" in await said("alice", "lock-all", words="bergen")
    await said("alice", "delete", which=(await said("alice", "search", words="bees")).split(":")[0])
    assert "locked" in await said("alice", "delete", which=name)
    assert "incognito" in (await said("alice", "incognito", time="30m")).casefold()
    assert "incognito" in (await said("alice", "status")).casefold()
    assert "incognito" not in (await said("alice", "incognito", time="end")).casefold()
    monkeypatch.setattr(config, "settings", lambda: settings)
    log.configure("tzurot", "warning")
    [listed] = await told("list")
    assert (listed["name"], listed["text"], listed["locked"]) == (name, "I live in Bergen.", True)
    await told("lock-all", "bergen", "--off")
    assert [one["locked"] for one in await told("list")] == [False]
    assert "Kinds: noted 1." in (await told("stats"))["stats"]
    await told("lock", name)
    await told("lock", name, "--off")
    await told("forget", name, "--yes")
    assert await told("list") == []
    assert "Nothing is noted" in await said("alice", "browse")


async def told(*words: str) -> Any:
    """What `tzurot memory` answers with --json."""
    app = typer.Typer()
    memories.register(app)
    app.callback()(lambda: None)
    ran = await asyncio.to_thread(CliRunner().invoke, app, ["memory", *words, "--json"], catch_exceptions=False)
    assert ran.exit_code == 0, ran.output
    return json.loads(ran.stdout)
