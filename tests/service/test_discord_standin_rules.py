"""The stand-in Discord is as strict as Discord: whatever is refused there is refused here, with the same code."""

import asyncio
import io
import json
import time
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from tests.support.discord import TOKEN, StandinDiscord
from tests.support.discord.world import PUBLIC_THREAD

QUIET: dict[str, Any] = {"allowed_mentions": {"parse": []}}


@pytest.fixture
async def discord() -> AsyncIterator[StandinDiscord]:
    async with StandinDiscord.start() as running:
        yield running


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(headers={"Authorization": f"Bot {TOKEN}"}) as open_one:
        yield open_one


def row(*components: dict[str, Any]) -> dict[str, Any]:
    return {"type": 1, "components": list(components)}


def button(**more: Any) -> dict[str, Any]:
    return {"type": 2, "style": 1, "label": "B", "custom_id": "b"} | more


def select(count: int = 1, **more: Any) -> dict[str, Any]:
    return {"type": 3, "custom_id": "s", "options": [{"label": f"o{n}", "value": str(n)} for n in range(count)]} | more


REFUSED: dict[str, dict[str, Any]] = {
    "unknown word in allowed_mentions": {"content": "x", "allowed_mentions": {"parse": ["all"]}},
    "users both parsed and named": {"content": "x", "allowed_mentions": {"parse": ["users"], "users": ["1"]}},
    "101 users named": {"content": "x", "allowed_mentions": {"users": [str(n) for n in range(101)]}},
    "allowed_mentions of another type": {"content": "x", "allowed_mentions": []},
    "content of another type": {"content": 5},
    "tts of another type": {"content": "x", "tts": "yes"},
    "embeds of another type": {"embeds": {"title": "x"}},
    "flags of another type": {"content": "x", "flags": "many"},
    "an unknown flag": {"content": "x", "flags": 1 << 20},
    "a nonce of 26": {"content": "x", "nonce": "n" * 26},
    "a nonce of another type": {"content": "x", "nonce": ["n"]},
    "an unknown reply target": {"content": "x", "message_reference": {"message_id": "1"}},
    "a reply without a target": {"content": "x", "message_reference": {}},
    "11 embeds": {"embeds": [{"title": "x"}] * 11},
    "6001 characters in all embeds": {"embeds": [{"description": "x" * 3001}, {"description": "x" * 3000}]},
    "an embed title of 257": {"embeds": [{"title": "x" * 257}]},
    "26 embed fields": {"embeds": [{"fields": [{"name": "n", "value": "v"}] * 26}]},
    "an embed field without a value": {"embeds": [{"fields": [{"name": "n", "value": ""}]}]},
    "an embed picture without a scheme": {"embeds": [{"image": {"url": "x.png"}}]},
    "6 rows": {"components": [row(button(custom_id=str(n))) for n in range(6)]},
    "6 buttons in a row": {"components": [row(*(button(custom_id=str(n)) for n in range(6)))]},
    "an empty row": {"components": [row()]},
    "a button outside a row": {"components": [button()]},
    "a label of 81": {"components": [row(button(label="x" * 81))]},
    "a button without label and emoji": {"components": [row(button(label=None))]},
    "a custom_id of 101": {"components": [row(button(custom_id="x" * 101))]},
    "a custom_id twice": {"components": [row(button(), button())]},
    "a link with a custom_id": {"components": [row(button(style=5, url="https://x.y"))]},
    "26 options": {"components": [row(select(26))]},
    "no options": {"components": [row(select(0))]},
    "an option's value twice": {"components": [row(select(options=[{"label": "a", "value": "1"}] * 2))]},
    "more values than options": {"components": [row(select(1, max_values=2))]},
    "a select beside a button": {"components": [row(button(), select())]},
    "a text without the flag of version 2": {"components": [{"type": 10, "content": "x"}]},
    "content beside version 2": {"content": "x", "flags": 1 << 15, "components": [{"type": 10, "content": "x"}]},
    "4001 characters of version 2": {
        "flags": 1 << 15,
        "components": [{"type": 10, "content": "x" * 2001}, {"type": 10, "content": "x" * 2000}],
    },
    "an unknown component": {"components": [row({"type": 99})]},
}
TAKEN: dict[str, dict[str, Any]] = {
    "named users": {"content": "x", "allowed_mentions": {"users": ["1"], "replied_user": False}},
    "silent": {"content": "x", "flags": 1 << 12},
    "a nonce of 25": {"content": "x", "nonce": "n" * 25},
    "a target that may be missing": {"content": "x", "message_reference": {"message_id": "1", "fail_if_not_exists": False}},
    "5 rows of 5": {"components": [row(*(button(custom_id=f"{n}.{m}") for m in range(5))) for n in range(5)]},
    "25 options": {"components": [row(select(25))]},
    "version 2": {"flags": 1 << 15, "components": [{"type": 17, "components": [{"type": 10, "content": "x"}]}]},
    "6000 characters in all embeds": {"embeds": [{"description": "x" * 3000}] * 2},
}


async def test_a_body_that_discord_refuses_is_refused(discord: StandinDiscord, session: aiohttp.ClientSession) -> None:
    """400 with code 50035 and the field's path; nothing is posted. What is just within the limits is."""
    discord.limits.whole.limit = 1000
    url = f"{discord.api_base}/channels/{discord.world.channel('general').id}/messages"
    for name, body in REFUSED.items():
        async with session.post(url, json=QUIET | body) as answer:
            told = await answer.json()
            assert (answer.status, told["code"]) == (400, 50035), name
            assert told["errors"], name
    assert discord.messages("general") == []
    for name, body in TAKEN.items():
        async with session.post(url, json=QUIET | body) as answer:
            assert answer.status == 200, (name, await answer.text())


async def test_what_is_no_json_or_too_large_is_refused(discord: StandinDiscord, session: aiohttp.ClientSession) -> None:
    """50109 for broken JSON, 50035 for what is no object, 413 for a file that is too large."""
    url = f"{discord.api_base}/channels/{discord.world.channel('general').id}/messages"
    headers = {"Content-Type": "application/json"}
    for text, status, code in (("{", 400, 50109), ("[1]", 400, 50035), ('"x"', 400, 50035)):
        async with session.post(url, data=text, headers=headers) as answer:
            assert (answer.status, (await answer.json())["code"]) == (status, code)
    form = aiohttp.FormData({"payload_json": json.dumps(QUIET)})
    form.add_field("files[0]", io.BytesIO(b"x" * ((10 << 20) + 1)), filename="x.bin")
    async with session.post(url, data=form) as answer:
        assert (answer.status, (await answer.json())["code"]) == (413, 40005)


async def test_pings_are_those_that_are_allowed(discord: StandinDiscord, session: aiohttp.ClientSession) -> None:
    """`mentions` lists who is pinged: with nothing allowed nobody, the author of what is replied to included."""
    alice, bob = discord.user_id("alice"), discord.user_id("bob")
    asked = await discord.say("general", "alice", "hello")
    url = f"{discord.api_base}/channels/{discord.world.channel('general').id}/messages"
    text = {"content": f"<@{alice}> <@{bob}> @everyone", "message_reference": {"message_id": asked}}
    for allowed, pinged, everyone in (
        ({"parse": []}, [], False),
        ({"users": [bob]}, [bob], False),
        ({"parse": ["everyone"], "replied_user": True}, [alice], True),
        (None, [bob, alice], True),
    ):
        async with session.post(url, json=text | {"allowed_mentions": allowed}) as answer:
            made = await answer.json()
        assert ([m["id"] for m in made["mentions"]], made["mention_everyone"]) == (pinged, everyone)


async def test_a_nonce_that_is_enforced_answers_the_first_message_again(discord: StandinDiscord, session: aiohttp.ClientSession) -> None:
    url = f"{discord.api_base}/channels/{discord.world.channel('general').id}/messages"
    body = QUIET | {"content": "x", "nonce": "n"}
    made = set()
    for enforce in (False, True, True, False):
        async with session.post(url, json=body | {"enforce_nonce": enforce}) as answer:
            made.add((await answer.json())["id"])
    assert len(made) == 2


async def test_permissions_and_closed_threads_are_told(discord: StandinDiscord, session: aiohttp.ClientSession) -> None:
    """Reactions, files and embeds need their own; an archived thread takes no change, and a message opens it; a locked one takes none."""
    place = discord.world.channel("general")
    asked = await discord.say("general", "alice", "hello")
    thread = discord.world.add_channel("aside", kind=PUBLIC_THREAD, parent_id=place.id)
    url = f"{discord.api_base}/channels/{place.id}/messages"
    inside = f"{discord.api_base}/channels/{thread.id}/messages"
    place.denied = {"ADD_REACTIONS", "ATTACH_FILES", "EMBED_LINKS", "MANAGE_THREADS"}
    form = aiohttp.FormData({"payload_json": json.dumps(QUIET)})
    form.add_field("files[0]", b"x", filename="x.txt")

    async def code(method: str, where: str, **more: Any) -> int:
        async with session.request(method, where, **more) as answer:
            told = await answer.json() if answer.status != 204 else {}
            return int(told.get("code", 0)) if answer.status >= 400 else answer.status

    assert await code("PUT", f"{url}/{asked}/reactions/👍/@me") == 50013
    assert await code("POST", url, data=form) == 50013
    assert await code("POST", url, json=QUIET | {"embeds": [{"title": "x"}]}) == 50013
    async with session.post(inside, json=QUIET | {"content": "x"}) as answer:
        own = (await answer.json())["id"]
    thread.archived = True
    assert await code("PATCH", f"{inside}/{own}", json=QUIET | {"content": "y"}) == 50083
    assert await code("POST", inside, json=QUIET | {"content": "y"}) == 200
    assert not thread.archived
    thread.locked = True
    assert await code("POST", inside, json=QUIET | {"content": "y"}) == 160005


async def test_webhook_and_interaction_tokens_are_judged(discord: StandinDiscord, session: aiohttp.ClientSession) -> None:
    """A wrong token is 401, a webhook that is gone 404; an interaction is answered once, in time, and its token ends after 15 minutes."""
    hook = discord.world.add_webhook(discord.world.channel("general").id, "V", discord.world.application_id)
    discord.world.commands[None] = [{"id": "9", "name": "echo", "type": 1, "options": []}]
    one = await discord.slash("general", "alice", "echo")
    callback = f"{discord.api_base}/interactions/{one.id}/{one.token}/callback"
    follow = f"{discord.api_base}/webhooks/{discord.world.application_id}/{one.token}"
    said = QUIET | {"content": "x"}

    async def post(url: str, body: object) -> tuple[int, int]:
        async with session.post(url, json=body) as answer:
            return answer.status, 0 if answer.status < 300 else (await answer.json())["code"]

    assert await post(f"{discord.api_base}/webhooks/{hook.id}/wrong", said) == (401, 50027)
    assert await post(f"{discord.api_base}/webhooks/1/{hook.token}", said) == (404, 10015)
    assert await post(callback, {"type": 8, "data": {"choices": []}}) == (400, 50035)
    assert await post(callback, {"type": 5}) == (204, 0)
    assert await post(callback, {"type": 5}) == (400, 40060)
    assert await post(follow, said) == (200, 0)
    one.at -= 901
    assert await post(follow, said) == (401, 50027)


async def test_fifty_requests_a_second_are_the_limit_of_all(discord: StandinDiscord, session: aiohttp.ClientSession) -> None:
    """The next one is told to wait, and that it is the limit of all routes together."""
    discord.limits.whole.resets = time.time() + 60.0
    statuses = []
    for _ in range(51):
        async with session.get(f"{discord.api_base}/users/@me") as answer:
            statuses.append(answer.status)
            told = answer.headers.get("X-RateLimit-Global")
    assert statuses == [200] * 50 + [429]
    assert told == "true"


HELLO = {"token": TOKEN, "intents": 0, "properties": {}}


@pytest.mark.parametrize(
    ("frames", "code"),
    [
        ([{"op": 2, "d": HELLO}, {"op": 2, "d": HELLO}], 4005),
        ([{"op": 2, "d": HELLO | {"shard": [1, 1]}}], 4010),
        ([{"op": 2, "d": HELLO | {"shard": "x"}}], 4010),
        ([{"op": 2, "d": {"token": TOKEN}}], 4002),
        ([{"op": 3, "d": {}}], 4003),
        ([{"op": 99, "d": {}}], 4001),
        (["{"], 4002),
        ([{"op": 1, "d": "x" * 5000}], 4002),
        ([{"op": 1, "d": None}] * 121, 4008),
    ],
    ids=["twice", "shard too high", "no shard", "no intents", "unknown client", "unknown op", "no JSON", "too large", "flood"],
)
async def test_a_client_that_breaks_the_gateways_rules_is_cut_off(
    discord: StandinDiscord, session: aiohttp.ClientSession, frames: list[Any], code: int
) -> None:
    """With the close code that Discord has for it."""
    async with session.ws_connect(discord.base + "/gateway") as ws:
        for frame in frames:
            await ws.send_str(frame if isinstance(frame, str) else json.dumps(frame))
        async with asyncio.timeout(60):
            while not ws.closed:
                await ws.receive()
        assert ws.close_code == code


async def test_a_resume_ahead_of_what_was_sent_is_refused(discord: StandinDiscord, session: aiohttp.ClientSession) -> None:
    """Op 9: it must identify anew."""
    async with session.ws_connect(discord.base + "/gateway") as ws:
        await ws.receive()
        await ws.send_json({"op": 2, "d": HELLO})
        ready = await ws.receive_json()
        async with session.ws_connect(discord.base + "/gateway") as other:
            await other.receive()
            await other.send_json({"op": 6, "d": {"token": TOKEN, "session_id": ready["d"]["session_id"], "seq": 99}})
            told = await other.receive_json()
    assert (told["op"], told["d"]) == (9, False)


async def test_a_client_that_never_beats_is_dropped(discord: StandinDiscord, session: aiohttp.ClientSession) -> None:
    """After one interval and a half; one that beats stays."""
    discord.gateway.heartbeat_ms = 300
    async with session.ws_connect(discord.base + "/gateway") as ws, asyncio.timeout(60):
        await ws.receive()
        for _ in range(4):
            await ws.send_json({"op": 1, "d": None})
            assert (await ws.receive_json())["op"] == 11
        while not ws.closed:
            await ws.receive()
        assert ws.close_code == 4009


async def test_the_page_has_what_a_person_needs(discord: StandinDiscord, session: aiohttp.ClientSession) -> None:
    """Several servers, people, commands and channels, over the same control API as the page's own script."""
    async with session.post(f"{discord.base}/control/add_guild", json={"name": "Second"}) as answer:
        made = await answer.json()
    async with session.post(f"{discord.base}/control/add_channel", json={"name": "attic", "guild": made["id"]}) as answer:
        attic = (await answer.json())["id"]
    await discord.say(attic, "zoe", "<b>up</b> here")
    async with session.post(f"{discord.base}/control/world") as answer:
        world = await answer.json()
    assert [[c["name"] for c in g["channels"]] for g in world["guilds"]] == [["general", "quiet"], ["lobby-2", "attic"]]
    assert "zoe" in [u["name"] for u in world["users"]]
    async with session.get(f"{discord.base}/c/{attic}") as page, session.get(f"{discord.base}/page.js") as script:
        assert "&lt;b&gt;up&lt;/b&gt; here" in await page.text()
        assert script.status == 200


async def test_no_page_of_another_site_reaches_it(discord: StandinDiscord, session: aiohttp.ClientSession) -> None:
    """Neither by a form or a script of its own, nor by a name of its own that leads to this machine."""
    own, other = {"Origin": discord.base}, {"Origin": "https://other.example"}
    for path, body in (("/control/world", None), ("/c/general", {"user": "mallory", "text": "hi"})):
        async with session.post(discord.base + path, data=body, headers=other) as answer:
            assert answer.status == 403
        async with session.post(discord.base + path, data=body, headers=own) as answer:
            assert answer.status == 200
    async with session.get(discord.base, headers={"Host": "rebound.example"}) as answer:
        assert answer.status == 403
