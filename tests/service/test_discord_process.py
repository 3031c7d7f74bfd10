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

from bot.cli.supervisor.parts import Ended
from engine.config import Settings
from engine.process import NEEDS_A_PERSON
from tests.support import forks
from tests.support.discord import TOKEN, StandinDiscord
from tests.support.discord.harness import Rig, rig

REPO = Path(__file__).resolve().parents[2]
BOT = "from bot.discord.__main__ import main; from engine import process; process.run(main, service='bot')"


@pytest.fixture
async def discord() -> AsyncIterator[StandinDiscord]:
    async with StandinDiscord.start() as running:
        yield running


@asynccontextmanager
async def process(settings: Settings, discord: StandinDiscord | None, **more: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """The bot's process; killed at the end if it still runs."""
    environment = _environment(settings, discord) | more
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


def _environment(settings: Settings, discord: StandinDiscord | None) -> dict[str, str]:
    ours = {
        "DISCLOSURE": "false",
        "DATABASE_URL": settings.database_url or "",
        "NATS_URL": settings.nats_url or "",
        "MASTER_KEY": "00" * 32,
    }
    token = {"DISCORD_TOKEN": TOKEN, "DISCORD_API_BASE": discord.api_base} if discord else {"DISCORD_TOKEN": ""}
    return os.environ | ours | token | {"TZUROT_DATA": str(settings.tzurot_data), "LOG_FORMAT": "json"}


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
        assert await asyncio.wait_for(running.wait(), 60) == 0


@pytest.mark.parametrize(
    ("portal", "token", "words"), [(0, TOKEN, "Message Content Intent is off"), (1 << 15, "wrong", "refused the token")]
)
async def test_what_a_person_must_mend_is_one_sentence(
    settings: Settings, discord: StandinDiscord, portal: int, token: str, words: str
) -> None:
    """Wrong token, missing privileged intent: what to do, and an exit code that tells the supervisor not to try again."""
    discord.gateway.allowed_privileged = portal
    ended = await forks.script(BOT, environment=_environment(settings, discord) | {"DISCORD_TOKEN": token})
    assert ended.code == NEEDS_A_PERSON
    assert words in ended.errors
    assert "Traceback" not in ended.errors
    assert token not in ended.errors


@pytest.fixture
async def stage(settings: Settings, discord: StandinDiscord) -> AsyncIterator[Rig]:
    async with rig(settings, discord, lambda turn: f"answer to {turn.message_id}") as running:
        await running.character("Lilith")
        yield running


@asynccontextmanager
async def forked(settings: Settings, discord: StandinDiscord, log: Path, **more: str) -> AsyncIterator[forks.Forked]:
    """The same process in a child that has its imports, not yet started; killed at the end if it still runs."""
    bot = forks.Forked("bot", "bot.discord", _environment(settings, discord) | more, log, REPO)
    try:
        yield bot
    finally:
        bot.kill()
        await bot.stop()


async def death(bot: forks.Forked) -> int:
    """Start it; the exit code when it ends by itself, which may be before it is ready."""
    try:
        await bot.start()
        code, _ = await asyncio.wait_for(bot.wait(), 60)
    except Ended as error:
        return error.exit_code
    return code


async def test_kill_9_around_the_post_gives_one_reply(stage: Rig, discord: StandinDiscord, tmp_path: Path) -> None:
    """With real processes: killed before the post, then after it, started again: one reply, no secret or text in the logs.

    NATS is away when the last one starts: it connects, takes messages, and finds what is to be delivered by looking.
    """
    secret, log = "canary words of alice", tmp_path / "bot.log"
    await forks.warm()
    async with forked(stage.settings, discord, log, UNSAFE_FAILPOINTS="true", CHAOS_FAIL="deliver.before_post:kill") as first:
        assert (await first.start()).detail.startswith("Discord: tzurot")
        await discord.say("general", "alice", f"@Lilith {secret}")
        assert (await asyncio.wait_for(first.wait(), 60))[0] == -signal.SIGKILL
        assert discord.replies("general") == []
    async with forked(stage.settings, discord, log, UNSAFE_FAILPOINTS="true", CHAOS_FAIL="deliver.after_post:kill") as second:
        assert await death(second) == -signal.SIGKILL
        assert len(discord.replies("general")) == 1
    async with forked(stage.settings, discord, log, LOG_LEVEL="debug", NATS_URL="nats://127.0.0.1:1") as last:
        assert (await last.start()).detail.startswith("Discord: tzurot")
        [reply] = discord.replies("general")
        asked = await discord.say("general", "alice", f"@Lilith {secret} again")
        [again] = await discord.wait_reply("general", asked, timeout=60)
        assert again["content"] == f"answer to {asked}"
        await stage.settle()
        last.end()
        assert (await asyncio.wait_for(last.wait(), 60))[0] == 0
    assert len(discord.replies("general")) == 2
    assert reply["author"]["username"] == "Lilith"
    hook = next(iter(discord.world.webhooks.values()))
    logged = log.read_text()
    assert logged
    assert not any(word in logged for word in (secret, TOKEN, hook.token))
