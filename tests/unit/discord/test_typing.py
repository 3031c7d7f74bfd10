"""The typing indicator is shown for as long as a turn is pending, and not longer (A7)."""

from collections.abc import AsyncIterator
from uuid import UUID

import aiohttp
import pytest

from bot.discord import typing
from bot.discord.rest import Rest
from bot.discord.typing import Typing
from tests.support.discord import StandinDiscord

ONE, TWO = UUID(int=1), UUID(int=2)


@pytest.fixture
async def discord() -> AsyncIterator[StandinDiscord]:
    async with StandinDiscord.start() as running:
        yield running


@pytest.fixture
async def rest(discord: StandinDiscord, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Rest]:
    monkeypatch.setattr(typing, "TYPING_S", 0.02)
    async with aiohttp.ClientSession() as session:
        yield Rest(discord.api_base, discord.token, session)


async def test_it_is_repeated_until_the_last_turn_of_the_channel_ends(discord: StandinDiscord, rest: Rest) -> None:
    """Two turns in one channel are one indicator."""
    shown = Typing(rest, lambda turn: _yes())
    channel = int(discord.world.channel("general").id)
    shown.begin(channel, [ONE, TWO])
    shown.end(ONE)
    await discord.wait_for(lambda: len(discord.recorder.typing) >= 3, what="repeated typing")
    shown.end(TWO)
    assert not shown.is_on(channel)


async def test_a_turn_that_was_cancelled_ends_it_by_itself(discord: StandinDiscord, rest: Rest) -> None:
    """Nobody delivers a cancelled turn, so the read model is asked."""
    shown = Typing(rest, lambda turn: _no())
    channel = int(discord.world.channel("general").id)
    shown.begin(channel, [ONE])
    await discord.wait_for(lambda: not shown.is_on(channel), what="the end of typing")
    assert len(discord.recorder.typing) == 1


async def test_a_refused_signal_is_a_missing_courtesy_and_not_asked_for_again(discord: StandinDiscord, rest: Rest) -> None:
    """A channel that forbids it is left alone for ten minutes, whatever is answered there; others are not."""
    discord.world.channel("general").denied = {"SEND_MESSAGES"}
    other = int(discord.world.add_channel("other").id)
    shown = Typing(rest, lambda turn: _yes())
    channel = int(discord.world.channel("general").id)
    for turn in (ONE, TWO):
        shown.begin(channel, [turn])
        shown.begin(other, [UUID(int=3)])
        seen = len(discord.recorder.typing)
        await discord.wait_for(lambda: len(discord.recorder.typing) >= seen + 3, what="typing elsewhere")  # noqa: B023 - awaited here
        shown.end(turn)
        assert not shown.is_on(channel)
    shown.close()
    refused = [exchange for exchange in discord.recorder.exchanges if exchange.status == 403]
    assert len(refused) == 1


async def _yes() -> bool:
    return True


async def _no() -> bool:
    return False
