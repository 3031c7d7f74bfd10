"""An answer that was paid for is shown in whatever form Discord takes; where it takes none, somebody is told, once (A5, R28)."""

import asyncio
from collections.abc import AsyncIterator

import aiohttp
import pytest

from bot import explain
from bot.discord.permissions import NOT_PERMITTED, Permissions
from bot.discord.rest import Rest
from bot.discord.translate import ChannelFacts, ServerFacts
from engine.config import Settings
from engine.events.reply import DeliveryFailed
from engine.store import Query
from projections.models.places import servers
from tests.service.test_discord_resources import Person
from tests.support.discord import StandinDiscord, payloads
from tests.support.discord.client import NEXTCORD_WARNING
from tests.support.discord.errors import Json
from tests.support.discord.harness import Rig, rig
from tests.support.discord.validate import load, spec_path

pytestmark = pytest.mark.filterwarnings(NEXTCORD_WARNING)
WEBHOOK, CHANNEL = "/webhooks/", "/messages"


@pytest.fixture
async def discord() -> AsyncIterator[StandinDiscord]:
    path = spec_path()
    async with StandinDiscord.start(spec=load(path) if path else None) as running:
        yield running
        assert running.recorder.pings == []


@pytest.fixture
async def stage(settings: Settings, discord: StandinDiscord) -> AsyncIterator[Rig]:
    async with rig(settings, discord, lambda turn: "the answer\u202e\U000e0041") as running:
        await running.character("Lilith")
        yield running


async def ends(stage: Rig) -> list[tuple[str, int | None]]:
    found = [r.event async for r in stage.log.read(Query(types=frozenset({"reply.failed"})))]
    return [(e.category, e.status) for e in found if isinstance(e, DeliveryFailed)]


def said(messages: list[Json]) -> list[str]:
    return [m["content"] for m in messages]


async def until(stage: Rig, kind: str, count: int = 1) -> None:
    """Until so many events of this type are in the log."""
    async with asyncio.timeout(20):
        while await stage.count(kind) < count:
            await asyncio.sleep(0.01)


BAD = ((400, 50035), (400, 50006), (400, 0), (400, 30046), (405, 0), (413, 40005))
GONE = ((401, 50027), (403, 50013), (403, 50001), (404, 10015), (404, 10003), (404, 0))


async def test_what_the_webhook_refuses_is_shown_in_a_plainer_form(stage: Rig, discord: StandinDiscord) -> None:
    """Each lasting refusal, once and always: shown once, without name and picture, or as the bot itself; nobody is told of a failure."""
    shown = 0
    async with stage.bot():
        for status, code in BAD + GONE:
            for times in (1, 9):
                discord.faults.clear()
                discord.fault(method="POST", path=WEBHOOK, status=status, code=code, times=times)
                asked = await discord.say("general", "alice", "@Lilith hello")
                shown += 1
                await until(stage, "reply.delivered", shown)
                replies = said(discord.replies("general", asked))
                assert len(replies) == 1, (status, code, times, replies)
                assert "the answer" in replies[0]
    assert await ends(stage) == []


@pytest.mark.parametrize(("status", "code", "category"), [(400, 50035, "refused"), (413, 40005, "refused"), (400, 200000, "blocked")])
async def test_what_is_refused_in_every_form_is_told_once(
    stage: Rig, discord: StandinDiscord, status: int, code: int, category: str
) -> None:
    """The person reads why, in the channel; the log keeps the reason; nothing is sent again."""
    discord.fault(method="POST", path=WEBHOOK, status=status, code=code, times=9)
    discord.fault(method="POST", path=CHANNEL, status=status, code=code, times=0 if code == 200000 else 2 if status == 400 else 1)
    async with stage.bot():
        asked = await discord.say("general", "alice", "@Lilith hello")
        await until(stage, "reply.failed")
    [told] = discord.replies("general", asked)
    assert told["content"].startswith("**An answer could not be shown**\nLilith answered you, but:")
    assert await ends(stage) == [(category, status)]


@pytest.mark.parametrize("denied", [{"VIEW_CHANNEL"}, {"MANAGE_WEBHOOKS", "SEND_MESSAGES"}])
async def test_who_cannot_be_told_in_the_channel_is_told_in_a_dm(stage: Rig, discord: StandinDiscord, denied: set[str]) -> None:
    """It names the channel, because it is read elsewhere."""
    discord.world.channel("general").denied = denied
    async with stage.bot():
        await discord.say("general", "alice", "@Lilith hello")
        await until(stage, "reply.failed")
    assert discord.replies("general") == []
    [told] = discord.replies(discord.dm("alice"))
    assert f"<#{discord.world.channel('general').id}>" in told["content"]
    assert [end[0] for end in await ends(stage)] == ["missing permission"]


async def test_without_the_right_to_webhooks_the_bot_speaks_itself(stage: Rig, discord: StandinDiscord) -> None:
    """It says who it is that speaks, and can change and take away what it said."""
    discord.world.channel("general").denied = {"MANAGE_WEBHOOKS"}
    async with stage.bot():
        asked = await discord.say("general", "alice", "@Lilith hello")
        [reply] = await discord.wait_reply("general", asked)
    assert reply["author"]["id"] == discord.world.bot.id
    assert reply["content"].startswith("**Lilith:** the answer")


async def test_whose_server_it_is_learns_once_what_the_bot_lacks_there(stage: Rig, discord: StandinDiscord) -> None:
    """By a DM, however many channels lack it; every face shows where it is lacking, until Discord says that it is there again."""
    general, quiet = (discord.world.channel(name) for name in ("general", "quiet"))
    general.denied, quiet.denied = {"MANAGE_WEBHOOKS"}, {"MANAGE_WEBHOOKS"}
    boss, alice = Person(discord, "boss"), Person(discord, "alice")
    async with stage.bot():
        for place in ("general", "quiet", "general"):
            asked = await discord.say(place, "alice", "@Lilith hello")
            await discord.wait_reply(place, asked)
        await until(stage, "server.permission_missed", 2)
        await discord.wait_for(lambda: discord.messages(discord.dm("owner")), what="a word to whose server it is")
        await stage.settle()
        told = await explain.look(stage.log, int(general.id), guild_id=int(discord.world.guild.id))
        assert explain.lines(told)[0].startswith("⚠️ I lack Manage Webhooks here")
        await boss.run("channel activate", character="lilith")
        activated = "I lack Manage Webhooks here"
        await discord.wait_for(lambda: any(activated in text for text in said(discord.messages("general"))), what=activated)
        general.denied = set()
        assert "I lack" not in await alice.says("channel explain")
        await until(stage, "server.permission_given")
    [notice] = said(discord.messages(discord.dm("owner")))
    assert f"Without **Manage Webhooks** in <#{general.id}> characters speak there under my name" in notice
    await stage.settle()
    async with stage.log.pool.connection() as connection:
        assert [one.channel_id for one in await servers.lacking(connection)] == [int(quiet.id)]


async def test_two_bots_notice_the_same_and_tell_it_once(stage: Rig, discord: StandinDiscord) -> None:
    """At once, and again after a restart: one event, one word to whose server it is."""
    place, server = int(discord.world.channel("general").id), discord.world.guild

    def known(_: int) -> ChannelFacts:
        return ChannelFacts(guild_id=int(server.id))

    def owned(_: int) -> ServerFacts:
        return ServerFacts("Home", int(server.owner_id))

    async with aiohttp.ClientSession() as session:
        rest = Rest(stage.settings.discord_api_base, discord.token, session)
        for _ in range(2):  # the read model that says what was noted before may be behind: the log decides
            bots = [Permissions(stage.log, rest, known, owned) for _ in range(2)]
            for bot in bots:
                bot.answered("GET", f"/channels/{place}/messages", 403, NOT_PERMITTED)
            await asyncio.gather(*(bot.noted() for bot in bots))
    assert await stage.count("server.permission_missed") == 1
    assert len(said(discord.messages(discord.dm("owner")))) == 1


async def test_what_places_are_called_is_kept_where_a_character_is_asked_for_something(stage: Rig, discord: StandinDiscord) -> None:
    """Once, whatever is said there and however often the bot starts; a new name is kept, of places that are used alone."""
    general, quiet, guild = discord.world.channel("general"), discord.world.channel("quiet"), discord.world.guild

    async def named() -> servers.PlaceNames:
        await stage.settle()
        async with stage.log.pool.connection() as connection:
            return await servers.names(connection, stage.log.vault, newest=9)

    for _ in range(2):
        async with stage.bot() as bot:
            await discord.say("quiet", "alice", "hello, anybody")
            await discord.wait_reply("general", await discord.say("general", "alice", "@Lilith hello"))
            await bot.place_names.noted()
    known = await named()
    assert (known.servers, known.channels) == ({int(guild.id): guild.name}, {int(general.id): "general"})
    assert await stage.count("server.place_named") == 2
    async with stage.bot():
        await discord.wait_reply("general", await discord.say("general", "alice", "@Lilith hello"))
        for place in (general, quiet):
            place.name = f"new-{place.name}"
            await discord.gateway.dispatch("CHANNEL_UPDATE", payloads.channel(discord.world, place))
        await until(stage, "server.place_named", 3)
    assert (await named()).channels == {int(general.id): "new-general"}


async def test_a_refused_answer_in_a_dm_is_sent_cleaned(stage: Rig, discord: StandinDiscord) -> None:
    """What no eye sees is left out."""
    place = discord.dm("alice")
    discord.fault(method="POST", path=CHANNEL, status=400, code=50035, times=1)
    async with stage.bot():
        asked = await discord.say(place, "alice", "@Lilith hello")
        await discord.wait_reply(place, asked)
        await until(stage, "reply.delivered")
    assert said(discord.replies(place, asked)) == ["**Lilith:** the answer"]
