"""`python -m bot.discord` as a process: idle without a token, one clear sentence when Discord refuses it, killed and restarted."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from engine.config import Settings
from engine.process import NEEDS_A_PERSON
from tests.support.discord import TOKEN, StandinDiscord
from tests.support.discord.harness import Rig, rig

REPO = Path(__file__).resolve().parents[2]


@pytest.fixture
async def discord() -> AsyncIterator[StandinDiscord]:
    async with StandinDiscord.start() as running:
        yield running


@asynccontextmanager
async def process(settings: Settings, discord: StandinDiscord | None, **more: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """The bot's process; killed at the end if it still runs."""
    ours = {
        "DISCLOSURE": "false",
        "DATABASE_URL": settings.database_url or "",
        "NATS_URL": settings.nats_url or "",
        "MASTER_KEY": "00" * 32,
    }
    token = {"DISCORD_TOKEN": TOKEN, "DISCORD_API_BASE": discord.api_base} if discord else {"DISCORD_TOKEN": ""}
    environment = os.environ | ours | token | {"TZUROT_DATA": str(settings.tzurot_data), "LOG_FORMAT": "json"} | more
    read, write = os.pipe()
    running = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "bot.discord",
        cwd=REPO,
        env=environment | {"TZUROT_READY_FD": str(write)},
        pass_fds=(write,),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    os.close(write)
    running.ready = os.fdopen(read)  # type: ignore[attr-defined]
    try:
        yield running
    finally:
        if running.returncode is None:
            running.kill()
        await running.communicate()
        running.ready.close()  # type: ignore[attr-defined]


async def told(running: asyncio.subprocess.Process) -> dict[str, str]:
    """The first line the process told its supervisor."""
    line = await asyncio.to_thread(running.ready.readline)  # type: ignore[attr-defined]
    found: dict[str, str] = json.loads(line)
    return found


async def test_without_a_token_it_idles_without_loading_discord(settings: Settings) -> None:
    """It says that Discord is off, opens no connection, and stops when told."""
    async with process(settings, None) as running:
        assert (await told(running))["ready"] == "Discord is off: no DISCORD_TOKEN"
        maps = Path(f"/proc/{running.pid}/maps").read_text()
        assert "aiohttp" not in maps
        running.terminate()
        assert await asyncio.wait_for(running.wait(), 10) == 0


@pytest.mark.parametrize(
    ("portal", "token", "words"), [(0, TOKEN, "Message Content Intent is off"), (1 << 15, "wrong", "refused the token")]
)
async def test_what_a_person_must_mend_is_one_sentence(
    settings: Settings, discord: StandinDiscord, portal: int, token: str, words: str
) -> None:
    """Wrong token, missing privileged intent: what to do, and an exit code that tells the supervisor not to try again."""
    discord.gateway.allowed_privileged = portal
    async with process(settings, discord, DISCORD_TOKEN=token) as running:
        assert words in (await told(running))["fatal"]
        _, errors = await asyncio.wait_for(running.communicate(), 20)
        assert running.returncode == NEEDS_A_PERSON
    assert words in errors.decode()
    assert "Traceback" not in errors.decode()
    assert token not in errors.decode()


@pytest.fixture
async def stage(settings: Settings, discord: StandinDiscord) -> AsyncIterator[Rig]:
    async with rig(settings, discord, lambda turn: f"answer to {turn.message_id}") as running:
        await running.character("Lilith")
        yield running


@pytest.mark.parametrize("point", ["deliver.before_post", "deliver.after_post"])
async def test_kill_9_around_the_post_gives_one_reply(stage: Rig, settings: Settings, discord: StandinDiscord, point: str) -> None:
    """R03 with real processes: killed at the failpoint, started again, one reply, no secret or text in the logs."""
    chaos = {"UNSAFE_FAILPOINTS": "true", "CHAOS_FAIL": f"{point}:kill"}
    secret = "canary words of alice"
    async with process(stage.settings, discord, **chaos) as first:
        assert (await told(first))["ready"].startswith("Discord: tzurot")
        await discord.say("general", "alice", f"@Lilith {secret}")
        assert await asyncio.wait_for(first.wait(), 30) == -signal.SIGKILL
    async with process(stage.settings, discord, LOG_LEVEL="debug") as second:
        await told(second)
        [reply] = await discord.wait_reply("general", timeout=30)
        await stage.settle()
        asked = await discord.say("general", "alice", f"@Lilith {secret} again")
        await discord.wait_reply("general", asked)
        second.terminate()
        _, errors = await asyncio.wait_for(second.communicate(), 30)
        assert second.returncode == 0
    assert len(discord.replies("general")) == 2
    assert reply["author"]["username"] == "Lilith"
    log = errors.decode()
    hook = next(iter(discord.world.webhooks.values()))
    assert not any(word in log for word in (secret, TOKEN, hook.token))


async def test_without_the_broker_it_still_answers_only_later(stage: Rig, discord: StandinDiscord) -> None:
    """NATS is away when the bot starts: it connects, takes messages, and finds what is to be delivered by looking."""
    async with process(stage.settings, discord, NATS_URL="nats://127.0.0.1:1") as running:
        assert (await told(running))["ready"].startswith("Discord: tzurot")
        asked = await discord.say("general", "alice", "@Lilith hello")
        [reply] = await discord.wait_reply("general", asked, timeout=30)
        assert reply["content"] == f"answer to {asked}"
        running.terminate()
        assert await asyncio.wait_for(running.wait(), 30) == 0
