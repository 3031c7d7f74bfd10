"""What no Discord would send: every kind of dispatch the bot reads, with everything that programs break on in its fields."""

import json
import os
from itertools import count

import pytest

from engine.config import Settings
from tests.service.test_discord_poison import hello
from tests.support import poison
from tests.support.discord import StandinDiscord, payloads
from tests.support.discord.client import NEXTCORD_WARNING
from tests.support.discord.errors import Json
from tests.support.discord.gateway import Session
from tests.support.discord.harness import Rig, staged

pytestmark = pytest.mark.filterwarnings(NEXTCORD_WARNING)
MISSING = object()
DIGITS = "9" * 5_000
ODD: dict[str, object] = {**{name: text[:9_000] for name, text in poison.TEXTS.items()}, **poison.VALUES, "missing": MISSING}
EACH = len(ODD) if os.environ.get("TZUROT_FULL") == "1" else 1
"""Of these that each place is given: others each time."""
MOST = 200 if EACH > 1 else 20
"""Places of one payload."""
FRAMES = (
    *("", "[]", "null", "1", '"x"', "{", "{}", '{"op":0}', '{"op":"0","d":{},"s":1,"t":"MESSAGE_CREATE"}', "[" * 100_000),
    *('{"op":0,"d":null,"s":null,"t":"RESUMED"}', '{"op":0,"d":{},"s":"x","t":["MESSAGE_CREATE"]}', '{"op":0,"d":[],"t":"TYPING_START"}'),
    *('{"op":0,"d":NaN,"s":null,"t":"MESSAGE_CREATE"}', f'{{"op":0,"d":{DIGITS},"s":null,"t":"GUILD_CREATE"}}', '{"op":99,"d":1,"s":2}'),
)


async def test_no_dispatch_stops_the_next_persons_message(settings: Settings) -> None:
    """Nor does a frame that is none: the connection stays, and each kind is followed by an answer."""
    number = count()
    async with staged(settings, lambda turn: "fine, thank you", "Lilith") as stage, stage.bot() as bot:
        good = await everything_sent(stage)
        assert bot.client is not None
        read = set(bot.client.raw) - {"READY"}
        assert read <= set(good), "what the bot reads is tried"
        [session], connected = stage.discord.gateway.sessions.values(), stage.discord.gateway.identifies
        for frame in FRAMES:
            assert session.socket is not None
            await session.socket.write(frame)
        await hello(stage)
        for event, data in good.items():
            for place in list(poison.places(data))[:MOST]:
                for name in [list(ODD)[next(number) % len(ODD)] for _ in range(EACH)]:
                    await dispatch(stage.discord, session, event, odd(data, place, name))
            if event in read:
                await hello(stage)
        await hello(stage)
        assert stage.discord.gateway.identifies == connected
        assert bot.ingest.counts.failed == 0
        await stage.settle()


async def dispatch(discord: StandinDiscord, session: Session, event: str, data: Json) -> None:
    """A dispatch; a message is another one each time, and 5,000 digits stand in a number."""
    if event == "MESSAGE_CREATE" and str(data.get("id", "")).isdigit():
        data |= {"id": discord.world.ids.new()}
    frame = {"op": 0, "d": data, "s": len(session.sent) + 1, "t": event}
    session.sent.append((len(session.sent) + 1, event, {}))
    assert session.socket is not None
    await session.socket.write(json.dumps(frame).replace(f'"{DIGITS}"', DIGITS))


def odd(data: Json, place: tuple[str | int, ...], name: str) -> Json:
    """A payload with something odd at one place."""
    made: Json = poison.without(data, place) if ODD[name] is MISSING else poison.put(data, place, ODD[name])
    return made


async def everything_sent(stage: Rig) -> dict[str, Json]:
    """A good dispatch of each kind, the richest of those that were sent."""
    discord = stage.discord
    said = await discord.say("general", "alice", "@Lilith hello <#1> <@&2>", extra=RICH)
    await discord.wait_reply("general", said)
    for added in (True, False):
        await discord.react("general", "alice", said, "👍", added=added)
    await discord.types("general", "alice")
    await discord.edit("general", said, "@Lilith hello again")
    await discord.delete("general", await discord.say("general", "alice", "gone"))
    await discord.thread("general", "a thread")
    await discord.answered(await discord.slash("general", "alice", "help"))
    [session] = discord.gateway.sessions.values()
    found: dict[str, Json] = {}
    for _, event, data in session.sent:
        assert isinstance(data, dict)
        if event != "READY" and len(str(data)) > len(str(found.get(event, ""))):
            found[event] = data
    return found | made_up(stage, said)


def made_up(stage: Rig, said: str) -> dict[str, Json]:
    """Dispatches that the stand-in has no occasion for. What goes away is another server's."""
    world = stage.discord.world
    here, other, alice = world.guild, world.add_guild("Other", world.person("owner").id), world.person("alice")
    general, lobby = world.channel("general"), world.add_channel("lobby", guild_id=other.id)
    of_message = {"message_id": said, "channel_id": general.id, "guild_id": here.id}
    role = {"guild_id": here.id, "role": payloads.role("77", "a role")}
    return {
        "GUILD_CREATE": payloads.guild_create(world, other),
        "GUILD_UPDATE": payloads.guild(world, other),
        "CHANNEL_CREATE": payloads.channel(world, lobby),
        "CHANNEL_UPDATE": payloads.channel(world, general),
        "THREAD_UPDATE": payloads.channel(world, general) | {"id": str(int(general.id) + 1), "parent_id": general.id, "type": 11},
        "MESSAGE_DELETE_BULK": {"ids": [said], "channel_id": general.id, "guild_id": here.id},
        "MESSAGE_REACTION_REMOVE_ALL": of_message,
        "MESSAGE_REACTION_REMOVE_EMOJI": of_message | {"emoji": {"name": "x", "id": "3"}},
        "GUILD_ROLE_CREATE": role,
        "GUILD_ROLE_UPDATE": role,
        "GUILD_ROLE_DELETE": {"guild_id": here.id, "role_id": "77"},
        "GUILD_MEMBER_ADD": payloads.member(alice) | {"guild_id": here.id},
        "GUILD_MEMBER_REMOVE": {"guild_id": here.id, "user": payloads.user(world.person("zed"))},
        "USER_UPDATE": payloads.me(world.bot),
        "WEBHOOKS_UPDATE": {"guild_id": here.id, "channel_id": general.id},
        "CHANNEL_DELETE": payloads.channel(world, lobby),
        "GUILD_DELETE": {"id": other.id, "unavailable": False},
    }


RICH: Json = {
    "attachments": [{"id": "1", "filename": "a.png", "content_type": "image/png", "size": 10, "url": "https://x.example/a.png"}],
    "embeds": [{"type": "rich", "title": "t", "description": "d", "fields": [{"name": "n", "value": "v"}]}],
    "poll": {"question": {"text": "q"}, "answers": [{"poll_media": {"text": "a"}}]},
    "message_snapshots": [{"message": {"content": "f"}}],
}
