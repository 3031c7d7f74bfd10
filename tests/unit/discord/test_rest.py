"""Requests wait when told to, repeat only what cannot have been accepted, and never name a token."""

from collections.abc import AsyncIterator

import aiohttp
import pytest

from bot.discord.rest import Busy, Refused, Rest, Unsure
from engine import clock
from tests.support.discord import StandinDiscord


@pytest.fixture
async def discord() -> AsyncIterator[StandinDiscord]:
    async with StandinDiscord.start() as running:
        yield running


@pytest.fixture
async def rest(discord: StandinDiscord) -> AsyncIterator[Rest]:
    async with aiohttp.ClientSession() as session:
        yield Rest(discord.api_base, discord.token, session)


async def test_an_announced_limit_is_kept_before_it_is_hit(discord: StandinDiscord, rest: Rest) -> None:
    """Remaining 0 makes the next request wait: no 429 at all."""
    discord.limits.table[("GET", "/users/@me")] = (2, 0.2)
    for _ in range(6):
        await rest.call("GET", "/users/@me")
    assert [e.status for e in discord.recorder.exchanges] == [200] * 6


async def test_a_limit_that_was_hit_is_waited_for(discord: StandinDiscord, rest: Rest) -> None:
    """The request is repeated after the time named; a long wait is handed back instead of held."""
    discord.fault(status=429, retry_after=0.05, times=2)
    assert (await rest.call("GET", "/users/@me"))["username"] == "tzurot"
    discord.fault(status=429, retry_after=500.0)
    with pytest.raises(Busy) as busy:
        await rest.call("GET", "/users/@me")
    assert busy.value.after == 500.0


async def test_webhooks_do_not_count_against_the_bots_own_limit(discord: StandinDiscord, rest: Rest) -> None:
    """Sixty posts by token leave the bot its 45 requests of this second, and wait for nothing themselves."""
    hook = discord.world.add_webhook(discord.world.channel("general").id, "Voices", discord.world.application_id)
    body = {"content": "x", "allowed_mentions": {"parse": []}}
    for _ in range(60):
        await rest.call("POST", f"/webhooks/{hook.id}/{hook.token}", body, auth=False)
    assert len(rest._recent) == 0
    rest._until["everywhere"] = clock.monotonic() + 3600.0
    await rest.call("POST", f"/webhooks/{hook.id}/{hook.token}", body, auth=False)
    assert len(discord.replies("general")) == 61


async def test_one_limits_long_pause_is_nobody_elses(discord: StandinDiscord, rest: Rest) -> None:
    """Whoever comes to a closed route is told at once how long, instead of waiting with what it holds; other routes are open."""
    channel = discord.world.channel("general").id
    discord.fault(path="/typing", status=429, retry_after=3600.0)
    for _ in range(2):
        with pytest.raises(Busy) as busy:
            await rest.call("POST", f"/channels/{channel}/typing")
        assert busy.value.after > 3500
    assert len(discord.recorder.exchanges) == 1
    assert (await rest.call("GET", "/users/@me"))["username"] == "tzurot"


@pytest.mark.parametrize("status", [500, 502, 503, 504])
async def test_a_post_is_not_repeated_after_a_server_error(discord: StandinDiscord, rest: Rest, status: int) -> None:
    """It may have been accepted: only the caller can find out."""
    discord.fault(status=status)
    with pytest.raises(Unsure):
        await rest.call("POST", f"/channels/{discord.world.channel('general').id}/typing")
    assert len(discord.recorder.exchanges) == 1


async def test_a_lost_answer_is_unsure(discord: StandinDiscord, rest: Rest) -> None:
    """Accepted, then cut."""
    discord.fault(drop=True)
    with pytest.raises(Unsure):
        await rest.call("POST", f"/channels/{discord.world.channel('general').id}/typing")


async def test_a_refusal_carries_discords_code_and_no_token(discord: StandinDiscord, rest: Rest) -> None:
    """What failed can be told without telling the secret in its address."""
    with pytest.raises(Refused) as refused:
        await rest.call("POST", "/webhooks/123/s3cr3t-token", {"content": "x", "allowed_mentions": {"parse": []}}, auth=False)
    assert (refused.value.status, refused.value.code) == (404, 10015)
    assert "s3cr3t" not in str(refused.value)


async def test_an_answer_that_is_no_json_is_no_answer(discord: StandinDiscord, rest: Rest) -> None:
    """A page of a proxy's, say."""
    discord.world.files["x"] = (b"<html>busy</html>", "text/html")
    other = Rest(discord.base + "/cdn", discord.token, rest._session)
    assert await other.call("GET", "/x") is None
