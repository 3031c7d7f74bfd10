"""Other instances of each rule that the stand-in Discord holds its clients to: what is refused, and what is just not."""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from tests.support.discord import TOKEN, StandinDiscord
from tests.support.discord.world import PUBLIC_THREAD

QUIET: dict[str, Any] = {"allowed_mentions": {"parse": []}}
V2 = {"flags": 1 << 15}
HELLO: dict[str, Any] = {"token": TOKEN, "intents": 0, "properties": {}}


@pytest.fixture
async def discord() -> AsyncIterator[StandinDiscord]:
    async with StandinDiscord.start() as running:
        running.limits.whole.limit = 1000
        yield running


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(headers={"Authorization": f"Bot {TOKEN}"}) as open_one:
        yield open_one


def messages(discord: StandinDiscord, place: str = "general") -> str:
    return f"{discord.api_base}/channels/{discord.world.channel(place).id}/messages"


async def code(session: aiohttp.ClientSession, method: str, url: str, **more: Any) -> int:
    """The JSON code of an error, else the status."""
    async with session.request(method, url, **more) as answer:
        return int((await answer.json())["code"]) if answer.status >= 400 else answer.status


REFUSED: list[dict[str, Any]] = [
    {"content": "x", "allowed_mentions": {"parse": "users"}},
    {"content": "x", "allowed_mentions": {"roles": ["x"]}},
    {"content": "x", "allowed_mentions": {"users": ["1", "1"]}},
    {"content": "x", "allowed_mentions": {"replied_user": "yes"}},
    {"content": "x", "allowed_mentions": {"parse": ["roles"], "roles": ["1"]}},
    {"content": "x", "allowed_mentions": {"parse": [None]}},
    {"content": "x" * 2001},
    {"content": "👍" * 1001},
    {"content": ["x"]},
    {"content": {"x": 1}},
    {"content": True},
    {"content": "x", "tts": 1},
    {"content": "x", "flags": -1},
    {"content": "x", "flags": True},
    {"content": "x", "flags": 1 << 40},
    {"content": "x", "attachments": "x"},
    {"content": "x", "nonce": True},
    {"content": "x", "nonce": 10**25},
    {"content": "x", "nonce": {"n": 1}},
    {"content": "x", "nonce": 1.5},
    {"content": "x", "nonce": "n", "enforce_nonce": "yes"},
    {"embeds": [{"description": "x" * 4097}]},
    {"embeds": [{"footer": {"text": "x" * 2049}}]},
    {"embeds": [{"author": {"name": "x" * 257}}]},
    {"embeds": [{"fields": [{"name": "n" * 257, "value": "v"}]}]},
    {"embeds": [{"fields": [{"name": "n", "value": "v" * 1025}]}]},
    {"embeds": [{"fields": [{"name": " ", "value": "v"}]}]},
    {"embeds": [{"title": "x", "color": 1 << 24}]},
    {"embeds": [{"title": "x", "url": "javascript:x"}]},
    {"embeds": ["x"]},
    {"embeds": [{"title": "x", "timestamp": "yesterday"}]},
    {"components": [{"type": 1, "components": [{"type": 2, "style": 9, "label": "B", "custom_id": "b"}]}]},
    {"components": [{"type": 1, "components": [{"type": 2, "style": 5, "label": "B"}]}]},
    {"components": [{"type": 1, "components": [{"type": 2, "style": 1, "label": "B"}]}]},
    {"components": [{"type": 1, "components": [{"type": 3, "custom_id": "s", "options": [{"label": "x" * 101, "value": "1"}]}]}]},
    {"components": [{"type": 1, "components": [{"type": 1, "components": []}]}]},
    {"components": {"type": 1}},
    V2 | {"embeds": [{"title": "x"}], "components": [{"type": 10, "content": "x"}]},
    V2 | {"components": [{"type": 17, "components": [{"type": 17, "components": [{"type": 10, "content": "x"}]}]}]},
    V2 | {"components": [{"type": 10, "content": ""}]},
    V2 | {"components": [{"type": 10, "content": "x"}] * 41},
    V2 | {"components": [{"type": 12, "items": []}]},
    {"components": [{"type": 17, "components": [{"type": 10, "content": "x"}]}]},
]
TAKEN: list[dict[str, Any]] = [
    {"content": "x" * 2000},
    {"content": "x", "allowed_mentions": {"parse": [], "users": [], "replied_user": True}},
    {"content": "x", "allowed_mentions": {"users": [str(n) for n in range(1, 101)]}},
    {"content": "x", "flags": 1 << 2},
    {"content": "x", "flags": (1 << 12) | (1 << 2)},
    {"embeds": [{"title": "x"}], "flags": 1 << 12},
    {"content": "x", "nonce": 123456789},
    {"content": "x", "nonce": "é" * 25},
    {"embeds": [{"title": "x" * 256, "color": 0xFFFFFF, "timestamp": "2026-01-01T10:00:00Z"}]},
    {"embeds": [{"title": str(n)} for n in range(10)]},
    V2 | {"components": [{"type": 10, "content": "x" * 4000}]},
    V2 | {"components": [{"type": 10, "content": "x"}] * 40},
    {"flags": (1 << 15) | (1 << 12), "components": [{"type": 10, "content": "x"}]},
    V2 | {"components": [{"type": 10, "content": "x"}, {"type": 14}, {"type": 10, "content": "y"}]},
]


async def test_bodies_are_judged_field_by_field(discord: StandinDiscord, session: aiohttp.ClientSession) -> None:
    """Pings, lengths, types, flags, nonces, embeds and components, on both sides of each limit."""
    wrong = [body for body in REFUSED if await code(session, "POST", messages(discord), json=QUIET | body) != 50035]
    assert wrong == []
    assert discord.messages("general") == []
    assert [body for body in TAKEN if await code(session, "POST", messages(discord), json=QUIET | body) != 200] == []
    silent = [bool(int(message.get("flags", 0)) & 1 << 12) for message in discord.messages("general")]
    assert silent.count(True) == 3


async def test_what_is_no_json_is_refused_and_ends_nothing(discord: StandinDiscord, session: aiohttp.ClientSession) -> None:
    """Half, doubled, without measure, of another encoding; nothing at all is an empty message, and the next one is taken."""
    url, headers = messages(discord), {"Content-Type": "application/json"}
    for text in (
        '{"content"',
        '{"content": "x"}}',
        "content=x",
        "{'content': 'x'}",
        '{"content": NaN}',
        b"\xff\xfe{",
        "[" * 200_000,
        '{"a":' * 9000,
    ):
        assert await code(session, "POST", url, data=text, headers=headers) == 50109, text[:20]
    for text in ("null", "{}", ""):
        assert await code(session, "POST", url, data=text, headers=headers) == 50006, text
    for text in ("5", "true", '["content"]'):
        assert await code(session, "POST", url, data=text, headers=headers) == 50035, text
    assert await code(session, "POST", url, json=QUIET | {"content": "x"}) == 200


async def test_a_reply_needs_a_target_that_is_there(discord: StandinDiscord, session: aiohttp.ClientSession) -> None:
    """Of this channel, not deleted, and an id."""
    url, other = messages(discord), await discord.say("quiet", "alice", "elsewhere")
    here, gone = [await discord.say("general", "alice", text) for text in ("here", "gone")]
    assert await code(session, "DELETE", f"{url}/{gone}") == 204

    async def reply(**reference: Any) -> int:
        return await code(session, "POST", url, json=QUIET | {"content": "x", "message_reference": reference})

    quiet = discord.world.channel("quiet").id
    refused: list[dict[str, Any]] = [
        {"message_id": gone},
        {"message_id": other},
        {"message_id": other, "channel_id": quiet},
        {"message_id": "x"},
    ]
    for reference in [*refused, {"message_id": -1}, {"message_id": [here]}, {"channel_id": quiet}, {"message_id": here, "type": "reply"}]:
        assert await reply(**reference) == 50035, reference
    taken: list[dict[str, Any]] = [{"message_id": here}, {"message_id": int(here)}, {"message_id": gone, "fail_if_not_exists": False}]
    for reference in taken:
        assert await reply(**reference) == 200, reference
    assert await code(session, "POST", url, json=QUIET | {"content": "x", "message_reference": "here"}) == 50035


async def test_each_right_is_asked_for_where_it_counts(discord: StandinDiscord, session: aiohttp.ClientSession) -> None:
    """Whoever lacks one is told which kind it is; a reaction that is there already needs none to be added."""
    place, url = discord.world.channel("general"), messages(discord)
    asked, post = await discord.say("general", "alice", "hello"), QUIET | {"content": "x"}
    await discord.react("general", "alice", asked, "🎉")
    form = aiohttp.FormData({"payload_json": json.dumps(QUIET)})
    form.add_field("files[0]", b"x", filename="x.txt")
    cases: list[tuple[str, str, str, dict[str, Any], int]] = [
        ("SEND_MESSAGES", "POST", "", {"json": post}, 50013),
        ("VIEW_CHANNEL", "POST", "", {"json": post}, 50001),
        ("READ_MESSAGE_HISTORY", "GET", "", {}, 50013),
        ("READ_MESSAGE_HISTORY", "POST", "", {"json": post | {"message_reference": {"message_id": asked}}}, 50013),
        ("MANAGE_MESSAGES", "DELETE", f"/{asked}", {}, 50013),
        ("ADD_REACTIONS", "PUT", f"/{asked}/reactions/👍/@me", {}, 50013),
        ("ADD_REACTIONS", "PUT", f"/{asked}/reactions/🎉/@me", {}, 204),
        ("READ_MESSAGE_HISTORY", "PUT", f"/{asked}/reactions/🎉/@me", {}, 50013),
        ("VIEW_CHANNEL", "DELETE", f"/{asked}/reactions/🎉/@me", {}, 50001),
        ("ATTACH_FILES", "POST", "", {"json": post}, 200),
        ("ATTACH_FILES", "POST", "", {"data": form}, 50013),
        ("EMBED_LINKS", "POST", "", {"json": post}, 200),
    ]
    for right, method, path, more, told in cases:
        place.denied = {right}
        assert await code(session, method, url + path, **more) == told, (right, method, path)


async def test_closed_threads_take_what_opens_them_and_nothing_else(discord: StandinDiscord, session: aiohttp.ClientSession) -> None:
    """Reactions, edits and deletions are refused in an archived one; a locked one takes nothing from a webhook, nor from others."""
    place = discord.world.channel("general")
    thread = discord.world.add_channel("aside", kind=PUBLIC_THREAD, parent_id=place.id)
    url, post = f"{discord.api_base}/channels/{thread.id}/messages", QUIET | {"content": "x"}
    hook = discord.world.add_webhook(place.id, "V", discord.world.application_id)
    through = f"{discord.api_base}/webhooks/{hook.id}/{hook.token}"
    async with session.post(url, json=post) as answer:
        own = (await answer.json())["id"]
    async with session.post(f"{through}?wait=true&thread_id={thread.id}", json=post) as answer:
        shown = (await answer.json())["id"]
    thread.archived = True
    for method, where in (
        ("PUT", f"{url}/{own}/reactions/👍/@me"),
        ("DELETE", f"{url}/{own}/reactions/👍/@me"),
        ("PATCH", f"{url}/{own}"),
        ("DELETE", f"{url}/{own}"),
        ("PATCH", f"{through}/messages/{shown}?thread_id={thread.id}"),
    ):
        assert await code(session, method, where, json=post if method == "PATCH" else None) == 50083, (method, where)
    assert await code(session, "GET", f"{url}/{own}") == 200
    assert await code(session, "POST", f"{through}?wait=true&thread_id={thread.id}", json=post) == 200
    assert not thread.archived
    thread.locked = True
    assert await code(session, "POST", f"{through}?thread_id={thread.id}", json=post) == 160005
    assert await code(session, "POST", url, json=post) == 200
    place.denied = {"MANAGE_THREADS"}
    assert await code(session, "POST", url, json=post) == 160005
    assert await code(session, "POST", messages(discord), json=post) == 200


def identify(**more: Any) -> dict[str, Any]:
    return {"op": 2, "d": HELLO | more}


def resume(**more: Any) -> dict[str, Any]:
    return {"op": 6, "d": {"token": TOKEN, "session_id": "none", "seq": 0} | more}


CLOSED: list[tuple[list[Any], int]] = [
    ([identify(), resume()], 4005),
    ([identify(), identify(intents=1)], 4005),
    ([identify(), identify(token="other")], 4005),
    ([identify(), {"op": 1, "d": 1}, identify(), identify()], 4005),
    ([identify(), identify(shard=[0, 2])], 4005),
    ([resume(), identify(), identify()], 4005),
    *(
        ([identify(shard=shard)], 4010)
        for shard in ([0], [], [-1, 1], [0, 0], [2, 2], ["0", "1"], [True, 2], [0.0, 1], {"0": 1}, [0, 1, 2], None)
    ),
    ([identify(presence={"pad": "x" * 4000})], 4002),
    ([{"op": 1, "d": "é" * 3000}], 4002),
    (["x" * 4097], 4002),
    ([" " * 5000 + json.dumps(identify())], 4002),
    ([identify(), {"op": 3, "d": {"activities": [{"name": "x" * 4096}]}}], 4002),
    ([json.dumps(identify()), {"op": 8, "d": {"guild_id": "1" * 5000}}], 4002),
    *(([frame], 4002) for frame in ("", "null", "[]", '{"d": 1}', '{"op": "1"}', '{"op": true}', '{"op": 1, "d": NaN}', "[" * 4000)),
    *(
        ([frame], 4002)
        for frame in ({"op": 1, "d": "1"}, {"op": 1, "d": 1.5}, {"op": 2, "d": None}, {"op": 2, "d": []}, identify(presence=5))
    ),
    ([identify(), {"op": 8, "d": {}}], 4002),
    *(([frame], 4003) for frame in ({"op": 3, "d": {}}, {"op": 4, "d": {}}, {"op": 8, "d": {"guild_id": "1"}})),
    *(([{"op": op, "d": {}}], 4001) for op in (0, 5, 7, 9, 10, 11, -1, 1000)),
    ([identify(), *[{"op": 1, "d": None}] * 130], 4008),
    (
        [{"op": 3, "d": {}}] * 0
        + [identify(), *[{"op": 3, "d": {"activities": [], "since": None, "status": "online", "afk": False}}] * 130],
        4008,
    ),
    ([*[{"op": 1, "d": None}] * 60, identify(), *[{"op": 1, "d": 0}] * 70], 4008),
    ([*[resume()] * 130], 4008),
    ([*[{"op": 1, "d": 0}] * 119, identify(), resume()], 4008),
    ([identify(token="")], 4004),
    ([identify(token=5)], 4002),
    ([identify(intents="all")], 4013),
    ([identify(intents=1 << 30)], 4013),
    ([resume(token="x")], 4004),
]


async def test_what_breaks_the_gateway_s_rules_is_closed_with_its_code(discord: StandinDiscord, session: aiohttp.ClientSession) -> None:
    """Identified twice, shards, sizes, no JSON, before identifying, unknown, floods, tokens, intents."""
    wrong = []
    for frames, expected in CLOSED:
        async with session.ws_connect(discord.base + "/gateway") as ws, asyncio.timeout(60):
            for frame in frames:
                with contextlib.suppress(ConnectionError):  # it may be closed by now
                    await ws.send_str(frame if isinstance(frame, str) else json.dumps(frame))
            while not ws.closed:
                await ws.receive()
            if ws.close_code != expected:
                wrong.append((str(frames)[:80], ws.close_code, expected))
    assert wrong == []


async def test_what_keeps_the_gateway_s_rules_stays(discord: StandinDiscord, session: aiohttp.ClientSession) -> None:
    """A shard of two, as many frames as are allowed, a frame of just the size, an unknown guild."""
    taken: list[list[Any]] = [
        [identify(shard=[1, 2])],
        [identify(), *[{"op": 1, "d": None}] * 118],
        [json.dumps(identify()).ljust(4096)],
        [identify(), {"op": 8, "d": {"guild_id": "1"}}],
        [resume(), identify()],
        [identify(), {"op": 4, "d": {"guild_id": "1"}}],
    ]
    for frames in taken:
        async with session.ws_connect(discord.base + "/gateway") as ws, asyncio.timeout(60):
            for frame in [*frames, {"op": 1, "d": 7}]:
                await ws.send_str(frame if isinstance(frame, str) else json.dumps(frame))
            acknowledged = 0
            while acknowledged < 1 + sum(isinstance(frame, dict) and frame["op"] == 1 for frame in frames):
                acknowledged += (await ws.receive_json())["op"] == 11
            assert not ws.closed


async def test_a_resume_that_cannot_be_goes_back_to_identifying(discord: StandinDiscord, session: aiohttp.ClientSession) -> None:
    """Ahead of what was sent, of no session, with odd numbers; as far as was sent it is resumed."""
    async with (
        session.ws_connect(discord.base + "/gateway") as ws,
        session.ws_connect(discord.base + "/gateway") as other,
        asyncio.timeout(60),
    ):
        for one in (ws, other):
            await one.receive()
        await ws.send_json(identify())
        known = (await ws.receive_json())["d"]["session_id"]
        odd: list[dict[str, Any]] = [
            {"seq": 2},
            {"seq": 99},
            {"seq": -1},
            {"seq": "1"},
            {"seq": None},
            {"seq": True},
            {"session_id": "x"},
            {"session_id": None},
        ]
        for more in [*odd, {"session_id": [known]}, {"seq": 1.0}]:
            await other.send_json(resume(**({"session_id": known, "seq": 1} | more)))
            told = await other.receive_json()
            assert (told["op"], told["d"]) == (9, False), more
        await other.send_json(resume(session_id=known, seq=1))
        assert (await other.receive_json())["t"] == "RESUMED"


async def test_clients_are_dropped_by_their_beats_alone(discord: StandinDiscord, session: aiohttp.ClientSession) -> None:
    """Whatever else they send: a client that identifies, changes its presence or resumes and never beats is gone; each is told the same."""
    discord.gateway.heartbeat_ms = 200
    presence = {"op": 3, "d": {"activities": [], "since": None, "status": "online", "afk": False}}
    for frames in (
        [],
        [identify()],
        [identify(), presence],
        [identify(), presence, presence],
        [resume()],
        [identify(), {"op": 4, "d": {}}],
    ):
        async with session.ws_connect(discord.base + "/gateway") as ws, asyncio.timeout(60):
            for frame in frames:
                await ws.send_json(frame)
            while not ws.closed:
                await ws.receive()
            assert ws.close_code == 4009, frames


async def test_the_limit_of_all_routes_counts_each_and_lets_through_what_is_no_bot_s(
    discord: StandinDiscord, session: aiohttp.ClientSession
) -> None:
    """Posts, looks, reactions and what fails together; a webhook's posts and an interaction's answers are not held up by it."""
    hook = discord.world.add_webhook(discord.world.channel("general").id, "V", discord.world.application_id)
    asked = await discord.say("general", "alice", "hello")
    url = messages(discord)
    discord.limits.whole.limit, discord.limits.whole.used, discord.limits.whole.resets = 50, 0, time.time() + 600.0
    for _ in range(10):
        assert await code(session, "POST", url, json=QUIET | {"content": "x"}) == 200
        assert await code(session, "GET", f"{url}/{asked}") == 200
        assert await code(session, "PUT", f"{url}/{asked}/reactions/👍/@me") == 204
        assert await code(session, "GET", f"{url}/1") == 10008
        assert await code(session, "POST", url, json={}) == 50006
    for method, where in (("GET", url), ("GET", f"{discord.api_base}/users/@me"), ("POST", url)):
        async with session.request(method, where, json=QUIET | {"content": "x"} if method == "POST" else None) as answer:
            told = await answer.json()
            assert (answer.status, told["global"], answer.headers["X-RateLimit-Scope"]) == (429, True, "global")
            assert float(answer.headers["Retry-After"]) >= told["retry_after"] > 0
    assert await code(session, "POST", f"{discord.api_base}/webhooks/{hook.id}/{hook.token}", json=QUIET | {"content": "x"}) == 204
    discord.limits.whole.resets = time.time() - 1
    assert await code(session, "GET", url) == 200
