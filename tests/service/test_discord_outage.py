"""R09 as people on Discord see it: Postgres is away, whoever waits is told so once, and nothing they said is lost."""

import asyncio

import pytest

from bot.discord import ingest
from bot.discord.service import Service
from bot.notices import BUSY
from engine.config import Settings
from engine.events.message import MessageReceived
from engine.store import Query
from tests.support import clusters
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
    async with clusters.temporary(durable=False) as postgres, StandinDiscord.start() as discord:
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


async def test_what_found_no_room_is_fetched_afterwards_in_its_order(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """More is said than is held, also in a channel of which nothing is held and where nobody says anything afterwards."""
    monkeypatch.setattr(ingest, "BUFFER", 6)
    async with clusters.temporary(durable=False) as postgres, StandinDiscord.start() as discord:
        own = settings.model_copy(update={"database_url": postgres.dsn})
        async with rig(own, discord, lambda _: None) as stage:
            await stage.character("Lilith")
            async with stage.bot() as service:
                await discord.say("general", "alice", "@Lilith hello")
                await discord.say("quiet", "bob", "@Lilith hello")
                await discord.wait_for(lambda: len(stage.requested) == 2 or None, what="first requests")
                await postgres.stop()
                said = [await discord.say("general", "alice", f"@Lilith number {n}") for n in range(120)]
                said.append(await discord.say("quiet", "bob", "@Lilith and me?"))
                await discord.wait_for(lambda: service.ingest.counts.deferred >= len(said) - 6 or None, what="what finds no room")
                await postgres.start()
                async with asyncio.timeout(60):
                    while await stage.count("turn.requested") < 2 + len(said):
                        await asyncio.sleep(0.05)
                received = Query(types=frozenset({"message.received"}))
                stored = [r.event async for r in stage.log.read(received) if isinstance(r.event, MessageReceived)]
    ids = [event.message_id for event in stored if str(event.message_id) in said]
    assert sorted(ids) == sorted(map(int, said))
    assert [number for number in ids if str(number) != said[-1]] == list(map(int, said[:-1]))
