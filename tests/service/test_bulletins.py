"""The bot says of itself what its owners set, and tells of each release once in each channel that wants news (F9, F10)."""

import asyncio
import hashlib
import hmac
import json
from uuid import uuid4

import pytest
from pydantic import SecretStr

from bot.discord import service
from bot.discord.bulletins import worded
from bot.discord.post import QUIET
from engine import clock
from engine.actor import operator
from engine.config import Settings
from engine.decide.places import server
from engine.decide.places.bulletin import Publish
from engine.execute import execute
from projections.models.places.releases import News
from tests.service.test_discord_resources import Person
from tests.support.discord import StandinDiscord
from tests.support.discord.client import NEXTCORD_WARNING
from tests.support.discord.harness import rig
from tests.support.discord.validate import load, spec_path
from tests.support.site import site

SECRET = "a secret between two"
FORM = {"content-type": "application/x-www-form-urlencoded"}
RELEASE = {"tag_name": "v1.4.0", "name": "Spring", "body": "New.", "html_url": "https://x.example/1", "draft": False}


def signature(body: bytes) -> str:
    return "sha256=" + hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()


async def test_a_signed_webhook_is_heard_once(settings: Settings) -> None:
    """Also behind the password; a wrong signature, another body and what is no release change nothing."""
    known = settings.model_copy(update={"release_webhook_secret": SecretStr(SECRET), "console_password": SecretStr("correct horse")})
    async with site(known) as here:
        body = json.dumps({"action": "published", "release": RELEASE}).encode()
        draft = json.dumps({"action": "published", "release": RELEASE | {"draft": True}}).encode()
        for sent, sign, status in (
            (body, "", 401),
            (body, signature(draft), 401),
            (draft, signature(draft), 202),
            (b"{", signature(b"{"), 400),
            (body, signature(body), 202),
            (body, signature(body), 202),
        ):
            headers = {"content-type": "application/json", "x-hub-signature-256": sign}
            answer = await here.http.post("/hooks/release", content=sent, headers=headers)
            assert answer.status_code == status, answer.text
        assert len(await here.events(["release.published"])) == 1
        wrong = [
            (await here.http.post("/hooks/release", content=body, headers=headers | {"x-hub-signature-256": "sha256=0"})) for _ in range(4)
        ]
        assert [answer.status_code for answer in wrong] == [401, 401, 401, 429]
        assert int(wrong[-1].headers["retry-after"]) > 0
        assert (await here.http.post("/login", content="password=x", headers=FORM | {"origin": here.address})).status_code == 401


async def test_the_webhook_is_not_there_where_no_secret_is_set(settings: Settings) -> None:
    async with site(settings) as here:
        assert (await here.http.post("/hooks/release", json={})).status_code == 404


@pytest.mark.filterwarnings(NEXTCORD_WARNING)
async def test_owners_set_how_it_shows_itself_and_servers_choose_where_news_go(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """The presence is there again after a restart; news come once, also when a crash left the message without its record; in no
    other server's channel."""
    monkeypatch.setattr(service, "SWEEP_S", 0.3)
    path = spec_path()
    async with StandinDiscord.start(spec=load(path) if path else None) as discord:
        owners = settings.model_copy(update={"owner_ids": (int(discord.user_id("boss")),)})
        async with rig(owners, discord, lambda _: "") as stage:
            boss, alice = Person(discord, "boss"), Person(discord, "alice")

            def shown() -> bool:
                return "the sea" in str(discord.gateway.presence)

            def news(version: str) -> list[str]:
                return [m["content"] for m in discord.messages("general") if f"Version {version}" in m["content"]]

            general = discord.world.channel("general")
            guild, channel = int(general.guild_id or 0), int(general.id)
            async with stage.bot():
                assert "Only the bot's owners" in await alice.says("admin presence set", text="mine")
                assert "It is set" in await boss.says("admin presence set", text="the sea", activity="watching")
                await discord.wait_for(shown, 30.0, "the presence")
                await execute(stage.log, operator(), server.Edit(guild, {"news_channel": channel}), uuid4())
                await execute(stage.log, operator(), server.Edit(guild + 1, {"news_channel": channel + 1}), uuid4())
                await execute(stage.log, operator(), Publish("1.4.0", "Spring", "New."), uuid4())
                await discord.wait_for(lambda: news("1.4.0"), 30.0, "the news")
            discord.gateway.presence = None
            async with stage.bot() as again:
                await discord.wait_for(shown, 30.0, "the presence again")
                left = worded(News("1.5.0", "", "", "", clock.now()))
                await again.rest.call("POST", f"/channels/{channel}/messages", {"content": left, "allowed_mentions": QUIET})
                await execute(stage.log, operator(), Publish("1.5.0"), uuid4())
                assert "It shows no text" in await boss.says("admin presence clear")
                await discord.wait_for(lambda: not shown(), 30.0, "no presence")
                async with asyncio.timeout(30):
                    while await stage.count("release.told") < 2:
                        await asyncio.sleep(0.05)
            assert (len(news("1.4.0")), len(news("1.5.0"))) == (1, 1)
    assert discord.violations == []
