"""Discord's own OpenAPI judges what the bot sends and what the stand-in answers; the command schema is a snapshot (J5)."""

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from bot.discord import features
from bot.discord.client import Client
from bot.discord.sync import payloads, same
from tests.contract.command_schema import COMMAND, SNAPSHOT, commands
from tests.support import documents
from tests.support.discord import StandinDiscord
from tests.support.discord.routes import TABLE
from tests.support.discord.validate import FILE, Spec, load


@pytest.fixture(scope="module")
def spec() -> Spec:
    return load(documents.need(FILE))


@pytest.fixture
async def discord(spec: Spec) -> AsyncIterator[StandinDiscord]:
    async with StandinDiscord.start(spec=spec) as running:
        yield running


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    async with commands() as made:
        yield made


def test_every_route_of_the_stand_in_is_one_of_discords(spec: Spec) -> None:
    """No endpoint that the real Discord does not have."""
    unknown = [(r.method, r.template) for r in TABLE if not spec.knows(r.method, r.template)]
    assert unknown == []


async def test_every_kind_of_exchange_fits(discord: StandinDiscord) -> None:
    """A walk through the routes the bot uses; requests and answers are judged."""
    place, dm = discord.world.channel("general").id, discord.dm("alice")
    asked = await discord.say(
        "general", "alice", f"hi <@{discord.world.bot.id}> @everyone", files=[("a.txt", b"x", "text/plain")], extra={"sticker_items": []}
    )
    await discord.say("general", "bob", "a reply", reply_to=asked)
    await discord.react("general", "bob", asked, "👍")
    thread = await discord.thread("general", "aside")
    hook = discord.world.add_webhook(place, "Voices", discord.world.application_id)
    quiet: dict[str, Any] = {"allowed_mentions": {"parse": []}}
    walk: list[tuple[str, str, Any]] = [
        ("GET", "/users/@me", None),
        ("GET", "/applications/@me", None),
        ("GET", "/oauth2/applications/@me", None),
        ("GET", "/gateway", None),
        ("GET", "/gateway/bot", None),
        ("GET", f"/users/{discord.user_id('alice')}", None),
        ("GET", "/users/@me/guilds", None),
        ("POST", "/users/@me/channels", {"recipient_id": discord.user_id("alice")}),
        ("GET", f"/guilds/{discord.world.guild.id}", None),
        ("GET", f"/guilds/{discord.world.guild.id}/channels", None),
        ("GET", f"/guilds/{discord.world.guild.id}/members/{discord.user_id('alice')}", None),
        ("GET", f"/guilds/{discord.world.guild.id}/threads/active", None),
        ("GET", f"/guilds/{discord.world.guild.id}/webhooks", None),
        *(("GET", f"/channels/{c}", None) for c in (place, thread, dm)),
        ("GET", f"/channels/{place}/messages?limit=100", None),
        ("GET", f"/channels/{place}/messages?after={asked}&limit=5", None),
        ("GET", f"/channels/{place}/messages/{asked}", None),
        ("POST", f"/channels/{place}/messages", quiet | {"content": "plain", "nonce": "7", "enforce_nonce": True}),
        ("POST", f"/channels/{dm}/messages", quiet | {"content": "in a DM"}),
        ("POST", f"/channels/{place}/typing", None),
        ("PUT", f"/channels/{place}/messages/{asked}/reactions/%F0%9F%91%8D/@me", None),
        ("DELETE", f"/channels/{place}/messages/{asked}/reactions/%F0%9F%91%8D/@me", None),
        ("GET", f"/channels/{place}/webhooks", None),
        ("POST", f"/channels/{place}/webhooks", {"name": "Tzurot"}),
        ("POST", f"/channels/{place}/threads", {"name": "another", "type": 11}),
        ("POST", f"/webhooks/{hook.id}/{hook.token}?wait=true", quiet | {"content": "spoken", "username": "Lilith"}),
        ("POST", f"/webhooks/{hook.id}/{hook.token}?wait=true&thread_id={thread}", quiet | {"content": "spoken there"}),
        ("POST", f"/webhooks/{hook.id}/{hook.token}", quiet | {"content": "x", "username": "Clyde"}),
        ("GET", f"/applications/{discord.world.application_id}/commands", None),
        ("DELETE", f"/channels/{place}/messages/{asked}", None),
        ("GET", f"/channels/{place}/messages/{asked}", None),
    ]
    async with aiohttp.ClientSession(headers={"Authorization": f"Bot {discord.token}"}) as session:
        for method, path, body in walk:
            async with session.request(method, discord.api_base + path, json=body):
                pass
    assert discord.violations == []
    assert len(discord.recorder.exchanges) == len(walk)


def test_the_judge_sees_what_is_wrong(spec: Spec) -> None:
    """It refuses a wrong type, an unknown key and a missing field."""
    template = "/webhooks/{webhook_id}/{webhook_token}"
    assert spec.request_problems("POST", template, {"content": 7})
    assert spec.request_problems("POST", template, {"contents": "x"})
    assert spec.response_problems("GET", "/users/@me", 200, {"id": "1"})
    assert spec.request_problems("POST", template, {"content": "x", "allowed_mentions": {"parse": []}}) == []


async def test_the_command_schema_is_the_recorded_one(client: Client) -> None:
    """J5: made from the handlers' signatures. A change that is meant is written by a command of its own, never by a test."""
    assert payloads(client) == json.loads(SNAPSHOT.read_text(encoding="utf-8")), f"If this change is meant: {COMMAND}"


async def test_discord_takes_our_commands(client: Client, spec: Spec) -> None:
    """The schema fits Discord's own."""
    assert spec.request_problems("PUT", "/applications/{application_id}/commands", payloads(client)) == []


async def test_the_same_commands_are_not_sent_again(client: Client) -> None:
    """What Discord adds to a command makes it no other command; a changed description does."""
    [*ours] = payloads(client)
    for command in ours:
        stored = command | {"id": "1", "version": "2", "default_member_permissions": None, "dm_permission": True}
        assert same(command, stored)
        assert not same(command | {"description": "other"}, stored)


def test_no_custom_id_is_written_by_hand() -> None:
    """Incident 33: what is shown is of the registry, each entry of which has a handler or the bot does not start."""
    sources = {path: path.read_text(encoding="utf-8") for path in Path(features.__file__).parent.rglob("*.py")}
    assert len(sources) > 5
    assert [path.name for path, text in sources.items() if re.search(r"""custom_id["']?\s*[:=]\s*f?["']""", text)] == []
