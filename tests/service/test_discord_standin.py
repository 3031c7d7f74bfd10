"""The stand-in Discord behaves like Discord towards a real nextcord 3.2 client, and refuses what Discord refuses."""

from collections.abc import AsyncIterator

import aiohttp
import nextcord
import pytest

from tests.support.discord import TOKEN, StandinDiscord
from tests.support.discord.client import NEXTCORD_WARNING, QUIET, Visitor, visitor
from tests.support.discord.remote import standin_process
from tests.support.discord.validate import load, spec_path

pytestmark = pytest.mark.filterwarnings(NEXTCORD_WARNING)


@pytest.fixture
async def discord() -> AsyncIterator[StandinDiscord]:
    path = spec_path()
    async with StandinDiscord.start(spec=load(path) if path else None) as running:
        yield running


@pytest.fixture
async def client(discord: StandinDiscord) -> AsyncIterator[Visitor]:
    async with visitor(discord) as connected:
        yield connected


async def test_a_message_reaches_the_client_and_its_webhook_answer_stands_in_the_channel(discord: StandinDiscord, client: Visitor) -> None:
    """A user's message arrives with content; webhook posts, edits, replies, reactions, typing and threads work."""
    asked = await discord.say("general", "alice", "hello")
    message = await client.until("hello")
    assert isinstance(message.channel, nextcord.TextChannel)
    hook = await message.channel.create_webhook(name="Voices")
    sent = await hook.send("first @everyone", username="Lilith", wait=True, allowed_mentions=QUIET)
    await hook.edit_message(sent.id, content="second", allowed_mentions=QUIET)
    thread = await message.create_thread(name="aside")
    await hook.send("in the thread", thread=thread, wait=True, allowed_mentions=QUIET)
    await message.reply("plain")
    await message.add_reaction("👍")
    async with message.channel.typing():
        pass
    shown = [(m["author"]["username"], m["content"]) for m in discord.messages("general")]
    assert shown == [("alice", "hello"), ("Lilith", "second"), ("tzurot", "plain")]
    assert [m["content"] for m in discord.messages(str(thread.id))] == ["in the thread"]
    assert discord.messages("general")[2]["referenced_message"]["id"] == asked
    assert [h.content async for h in message.channel.history(limit=2)] == ["plain", "second"]
    assert (discord.recorder.pings, discord.violations) == ([], [])


async def test_slash_commands_autocomplete_and_modals_are_answered(discord: StandinDiscord, client: Visitor) -> None:
    """Deferred answer, choices, modal and modal submission."""
    said = await discord.answered(await discord.slash("general", "alice", "echo say", {"text": "a"}))
    assert (said.text, said.callback, said.ephemeral) == ("echo a", 5, True)
    assert discord.messages("general") == []
    typed = await discord.answered(await discord.autocomplete("general", "alice", "echo say", "text", "he"))
    assert typed.choices == [{"name": "he!", "value": "he!"}]
    opened = await discord.answered(await discord.slash("general", "alice", "echo ask"))
    submitted = await discord.answered(await discord.submit(opened, "alice", {"answer": "why"}))
    assert submitted.text == "asked why"
    assert discord.violations == []


async def test_a_lost_socket_is_resumed_with_everything_missed(discord: StandinDiscord, client: Visitor) -> None:
    """Socket loss and op 7 resume with a replay; op 9 starts a new session."""
    await discord.gateway.cut()
    await discord.say("general", "alice", "while away")
    await client.until("while away")
    await discord.gateway.reconnect()
    await discord.wait_for(lambda: discord.gateway.resumes == 2, what="a second resume")
    assert discord.gateway.identifies == 1
    await discord.gateway.invalidate()
    await discord.wait_for(lambda: discord.gateway.identifies == 2, what="a new session")


async def test_content_is_blank_without_the_message_content_intent(discord: StandinDiscord) -> None:
    """Guild messages lose their text, those in a DM and those naming the bot keep it."""
    async with visitor(discord, content=False) as client:
        await discord.say("general", "alice", "secret")
        await discord.say("general", "alice", f"<@{discord.world.bot.id}> named")
        await discord.say(discord.dm("alice"), "alice", "direct")
        await client.until("")
        await client.until(f"<@{discord.world.bot.id}> named")
        await client.until("direct")


@pytest.mark.parametrize(
    ("token", "intents", "code"),
    [("wrong", 0, 4004), (TOKEN, 1 << 40, 4013), (TOKEN, 1 << 15, 4014)],
    ids=["wrong token", "unknown intent", "privileged intent that is switched off"],
)
async def test_an_identify_that_discord_refuses_closes_the_socket(discord: StandinDiscord, token: str, intents: int, code: int) -> None:
    """Close codes 4004, 4013 and 4014."""
    discord.gateway.allowed_privileged = 0
    async with aiohttp.ClientSession() as session, session.ws_connect(discord.base + "/gateway") as ws:
        assert (await ws.receive_json())["op"] == 10
        await ws.send_json({"op": 2, "d": {"token": token, "intents": intents, "properties": {}}})
        await ws.receive()
        assert ws.close_code == code


async def test_a_rate_limited_request_is_waited_for_and_repeated(discord: StandinDiscord, client: Visitor) -> None:
    """An injected 429 costs a wait, not the message."""
    fault = discord.fault(method="POST", path="/messages", status=429, retry_after=0.05)
    await discord.say("general", "alice", "go")
    message = await client.until("go")
    await message.channel.send("through")
    assert fault.hits == 1
    assert [m["content"] for m in discord.replies("general")] == ["through"]


async def test_a_dropped_answer_leaves_the_message_posted(discord: StandinDiscord, client: Visitor) -> None:
    """The request is accepted, then the connection is cut: the client sees an error although the message stands."""
    await discord.say("general", "alice", "go")
    message = await client.until("go")
    discord.fault(method="POST", path="/messages", drop=True)
    with pytest.raises(aiohttp.ClientError):
        await message.channel.send("posted anyway")
    assert [m["content"] for m in discord.replies("general")] == ["posted anyway"]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"content": "x" * 2001}, 50035),
        ({"content": "   "}, 50006),
        ({"content": "x", "username": "my Discord friend"}, 50035),
        ({"content": "x", "username": "CLYDE"}, 50035),
        ({"content": "x", "username": "n" * 81}, 50035),
        ({"content": "x", "username": ""}, 50035),
        ({"content": "x", "avatar_url": "not a url"}, 50035),
        ({"embeds": [{"description": "x" * 6001}]}, 50035),
    ],
)
async def test_what_discord_refuses_is_refused(discord: StandinDiscord, body: dict[str, object], code: int) -> None:
    """Too long, empty, forbidden names, bad avatar: HTTP 400 with Discord's code."""
    hook = discord.world.add_webhook(discord.world.channel("general").id, "Voices", discord.world.application_id)
    url, quiet = f"{discord.api_base}/webhooks/{hook.id}/{hook.token}", body | {"allowed_mentions": {"parse": []}}
    async with aiohttp.ClientSession() as session, session.post(url, json=quiet) as answer:
        assert (answer.status, (await answer.json())["code"]) == (400, code)
    assert discord.messages("general") == []


async def test_pings_that_are_not_switched_off_are_noticed(discord: StandinDiscord) -> None:
    """The recorder names the violation and each ping that would have gone out."""
    hook = discord.world.add_webhook(discord.world.channel("general").id, "Voices", discord.world.application_id)
    url = f"{discord.api_base}/webhooks/{hook.id}/{hook.token}"
    async with aiohttp.ClientSession() as session, session.post(url, json={"content": "@everyone and <@7>"}) as answer:
        assert answer.status == 204
    assert discord.recorder.pings == ["everyone", "user:7"]
    assert len(discord.violations) == 1


async def test_a_wrong_token_is_refused(discord: StandinDiscord) -> None:
    """401 on every route that needs the bot's token."""
    wrong = {"Authorization": "Bot wrong"}
    async with aiohttp.ClientSession(headers=wrong) as session, session.get(f"{discord.api_base}/users/@me") as answer:
        assert answer.status == 401


async def test_denied_permissions_answer_403(discord: StandinDiscord) -> None:
    """Missing permission and missing access are told apart."""
    place = discord.world.channel("general")
    async with aiohttp.ClientSession(headers={"Authorization": f"Bot {discord.token}"}) as session:
        for denied, code in (({"MANAGE_WEBHOOKS"}, 50013), ({"VIEW_CHANNEL"}, 50001)):
            place.denied = set(denied)
            async with session.post(f"{discord.api_base}/channels/{place.id}/webhooks", json={"name": "V"}) as answer:
                assert (answer.status, (await answer.json())["code"]) == (403, code)


async def test_it_runs_as_a_process_of_its_own_and_is_driven_over_http() -> None:
    """`python -m tests.support.discord` prints where it is; the control API writes and reads; the page escapes what it shows."""
    async with standin_process() as discord:
        await discord.say("general", "alice", "<script>hi</script>")
        assert [m["content"] for m in await discord.call("messages", channel="general")] == ["<script>hi</script>"]
        async with aiohttp.ClientSession() as session, session.get(f"{discord.base}/c/general") as page:
            text = await page.text()
    assert "&lt;script&gt;hi&lt;/script&gt;" in text
    assert "<script>" not in text
