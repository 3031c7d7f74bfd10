"""R09 as people on Discord see it: Postgres is away, whoever waits is told so once, and nothing they said is lost."""

import asyncio

import pytest

from bot.discord import ingest
from bot.discord.service import Service
from bot.notices import BUSY
from engine import embedded
from engine.config import Settings
from engine.events.message import MessageReceived
from engine.migrate import migrate
from tests.support.discord import StandinDiscord
from tests.support.discord.client import NEXTCORD_WARNING
from tests.support.discord.harness import rig

pytestmark = pytest.mark.filterwarnings(NEXTCORD_WARNING)


def notices(discord: StandinDiscord, channel: str) -> int:
    """How many stand in a channel."""
    return sum(message["content"] == BUSY for message in discord.messages(channel))


def posted(discord: StandinDiscord) -> int:
    """How many were ever posted anywhere."""
    sent = discord.recorder.of("POST", "/channels/{channel_id}/messages")
    return sum(isinstance(exchange.request, dict) and exchange.request.get("content") == BUSY for exchange in sent)


def heard(service: Service) -> list[int]:
    """Ids of the messages that the bot finds held."""
    found: list[int] = []
    held = service.ingest.on_held

    def on_held(message: MessageReceived) -> None:
        found.append(message.message_id)
        held(message)

    service.ingest.on_held = on_held
    return found


async def test_who_waits_while_postgres_is_away_is_told_once_and_answered_afterwards(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One notice in the channel where somebody waits, none where nobody does; it goes when Postgres is back, and the log has it all."""
    monkeypatch.setattr(ingest, "HELD_S", 0.3)
    async with embedded.temporary_postgres(durable=False) as postgres, StandinDiscord.start() as discord:
        await migrate(postgres.dsn)
        own = settings.model_copy(update={"database_url": postgres.dsn})
        async with rig(own, discord, lambda _: None) as stage:
            await stage.character("Lilith")
            async with stage.bot() as service:
                held = heard(service)
                first = await discord.say("general", "alice", "@Lilith hello")
                await discord.wait_for(lambda: stage.requested or None, what="a first request")
                await postgres.stop()
                said = [await discord.say("general", "alice", f"@Lilith are you there? {n}") for n in range(5)]
                await discord.say("quiet", "bob", "nobody is meant by this")
                await discord.wait_for(lambda: notices(discord, "general") or None, what="a notice")
                await discord.say("general", "alice", "@Lilith please")
                await discord.wait_for(lambda: len(held) == 7 or None, what="every message held")
                assert (notices(discord, "general"), notices(discord, "quiet"), posted(discord)) == (1, 0, 1)
                await postgres.start()
                await discord.wait_for(lambda: notices(discord, "general") == 0 or None, timeout=30.0, what="the notice's end")
                async with asyncio.timeout(30):
                    while await stage.count("turn.requested") < 7:
                        await asyncio.sleep(0.05)
                stored = [row.data async for row in stage.log.rows() if row.type == "message.received"]
                positions = [n for message in (first, *said) for n, data in enumerate(stored) if message.encode() in data]
                assert positions == list(range(6))
                assert posted(discord) == 1
    assert discord.violations == []
