"""Rows about what goes out to Discord: R27, R28, R30 with a whole system; R29, R31, R32, R37 in this process."""

import asyncio
import random
import re
from collections.abc import Sequence
from functools import partial

import aiohttp
from aiohttp import web

from bot.delivery.split import FENCE, LIMIT, length, pieces, split
from bot.delivery.venue import Place, Speaker
from bot.discord.names import avatar, legal
from bot.discord.post import Post
from bot.discord.rest import Rest
from bot.discord.translate import Us
from bot.discord.webhooks import Webhooks
from engine import ids
from engine.clock import monotonic
from engine.config import Settings
from engine.events.message import Attachment
from tests.chaos.run import Run
from tests.chaos.scene import ANSWER_S, Said, Scene, scene
from tests.support import oracle
from tests.support.discord.errors import ApiError
from tests.support.discord.server import StandinDiscord
from tests.support.discord.webhooks import check_name
from tests.support.proxy import Latency
from tests.support.system import until
from worker.providers.http import Http
from worker.senses import pictures

DEFERRED_S = 1.0
COMMANDS = ("channel show", "settings show", "history stats", "memory status", "help", "persona browse")


async def r27(run: Run) -> None:
    """R27: Postgres answers after two seconds. Every command is deferred at once and comes to an answer; no interaction expires."""
    async with scene(lanes=1, proxied=True) as stage:
        await slowed(run, stage)
        await stage.judge(run)


async def slowed(run: Run, stage: Scene) -> None:
    """The trials of R27."""
    assert stage.tzurot.proxy is not None
    stage.tzurot.proxy.add(Latency(2.0), "downstream")
    slowest = 0.0
    async for trial in run.each():
        asked = await stage.discord.slash("lane-0", "ann-0", COMMANDS[trial % len(COMMANDS)])
        try:
            done = await stage.discord.answered(asked, 120.0)
        except AssertionError:
            run.lost += 1
            run.broken.append(f"/{COMMANDS[trial % len(COMMANDS)]} got no answer")
            continue
        slowest = max(slowest, done.answered_after or 0.0)
        run.in_time((done.answered_after or 99.0) <= DEFERRED_S, f"deferred after {done.answered_after} s")
        run.expect(bool(done.text), "an empty answer")
    run.figures |= {"slowest_deferral_s": round(slowest, 3)}
    stage.tzurot.proxy.clear()


KINDS = ("route", "shared", "global", "500", "502", "503", "webhook deleted", "forbidden")
INVALID = 50


async def r28(run: Run) -> None:
    """R28: 429 of each scope, 5xx, a deleted webhook, a missing permission. What can be answered is, once; refusals do not pile up."""
    async with scene(lanes=len(KINDS)) as stage:
        await obstructed(run, stage)
        await stage.judge(run)


async def obstructed(run: Run, stage: Scene) -> None:
    """The trials of R28."""
    async for trial in run.each():
        lane = trial % len(KINDS)
        since, said = monotonic(), await _obstructed(stage, lane, KINDS[lane])
        if said is not None:
            await stage.follow(run, said, since)
    told = [int(m["id"]) for m in stage.discord.messages(stage.discord.dm("owner"))]
    stage.notices |= set(told)
    run.figures |= {"admin_told": len(told)}
    run.expect(len(told) == int(run.trials > KINDS.index("forbidden")), f"whose server it is was told {len(told)} times")
    codes = [(e.status, e.path) for e in stage.discord.recorder.exchanges if e.status in (401, 403, 404)]
    run.figures |= {"invalid_requests": sum(status in (401, 403) for status, _ in codes), "not_found": len(codes)}
    run.expect(sum(status in (401, 403) for status, _ in codes) <= INVALID, "too many invalid requests")
    gone = [path for status, path in codes if status == 404 and "/webhooks/" in path]
    run.expect(len(gone) == len(set(gone)), "a webhook that is gone was asked for twice")


async def _obstructed(stage: Scene, lane: int, kind: str) -> Said | None:
    """Say something while posting there fails in this way; what was said last is to be answered."""
    discord, channel = stage.discord, stage.discord.world.channel(f"lane-{lane}")
    hooks = [hook for hook in discord.world.webhooks.values() if hook.channel_id == channel.id]
    path = f"/webhooks/{hooks[0].id}/" if hooks else f"/channels/{channel.id}/"
    if kind == "webhook deleted":
        for hook in hooks:
            del discord.world.webhooks[hook.id]
    elif kind == "forbidden":
        return await _forbidden(stage, lane)
    elif kind.isdigit():
        discord.fault(method="POST", path=path, status=int(kind), times=1)
    else:
        discord.fault(method="POST", path=path, status=429, scope="user" if kind == "route" else kind, times=2, retry_after=0.3)
    return await stage.say(lane)


async def _forbidden(stage: Scene, lane: int) -> Said | None:
    """Nothing may be posted there: whoever asked is told in private; once it may, the next message is answered without a restart."""
    channel = stage.discord.world.channel(f"lane-{lane}")
    channel.denied |= {"SEND_MESSAGES", "MANAGE_WEBHOOKS"}
    fault = stage.discord.fault(path="/webhooks/", status=403, code=50013, times=10**9)
    said = await stage.say(lane)
    dm = stage.discord.dm(said.user)
    before = len(stage.discord.messages(dm))
    await stage.discord.wait_for(lambda: len(stage.discord.messages(dm)) > before, 90.0, "the refusal told in private")
    stage.notices |= {int(m["id"]) for m in stage.discord.messages(dm)[before:]}
    fault.times = 0
    channel.denied.clear()
    return await stage.say(lane)


CROWD, REACTIONS = 50, 200


async def r30(run: Run) -> None:
    """R30: 200 reactions of 50 people in a moment. One other version at a time, and only for who may; a deleted message gets no reply."""
    async with scene(lanes=2) as stage:
        await reacted(run, stage)
        await stage.judge(run)


async def reacted(run: Run, stage: Scene) -> None:
    """The trials of R30."""
    async for trial in run.each():
        said = await stage.say(0)
        await stage.answered(said)
        await stage.rest()
        [reply] = stage.answers(said)
        crowd = [said.user if n % CROWD == 0 else f"stranger-{n % CROWD}" for n in range(REACTIONS)]
        await asyncio.gather(*(stage.discord.react(said.channel, who, str(reply), "👎") for who in crowd))
        await until(partial(_counted, stage, "reaction.added", CROWD * (trial + 1)), ANSWER_S, "every reaction in the log")
        await stage.rest()
        run.expect(await _counted(stage, "reply.regenerated", trial + 1), "whoever asked got no other version")
        await _deleted_meanwhile(run, stage)
    asked = await _count(stage, "reply.regenerated")
    run.expect(asked == run.trials, f"{asked} other versions were asked for in {run.trials} trials")
    run.figures |= {"reactions": await _count(stage, "reaction.added")}


async def _counted(stage: Scene, type_: str, wanted: int) -> bool:
    return await _count(stage, type_) >= wanted


async def _count(stage: Scene, type_: str) -> int:
    return sum(row.type == type_ for row in await oracle.events(stage.tzurot.dsn))


async def _deleted_meanwhile(run: Run, stage: Scene) -> None:
    word = f"ping-{len(stage.said)}"
    stage.stage.hold(word)
    said = await stage.say_word(word, 1)
    await stage.stage.held(word)
    await stage.discord.delete(said.channel, str(said.id))
    await stage.rest()
    stage.stage.release(word)
    run.expect(not stage.answers(said), f"{word} was deleted and is answered")


PARTS = [
    *("word ", "a sentence. ", "\n\n", "\n", "```", "```python\n", "`", "|a|b|\n", "漢字"),
    *("🧙🏽‍♀️", "e\u0301\u0301", "\u200b", "🇫🇷", "x" * 700),
]


async def r29(run: Run) -> None:
    """R29: long answers with fences, tables, emoji, marks, unseen characters. Every message fits, and joined they are the answer."""
    draw = random.Random(29)
    async for trial in run.each():
        text = "".join(draw.choices(PARTS, k=draw.randint(1, 60)))
        cut = list(pieces(text))
        run.expect("".join(piece.body for piece in cut) == text, f"text {trial} is not what its messages say")
        run.expect(all(length(piece.text) <= LIMIT for piece in cut), f"a message of text {trial} is too long")
        run.expect(all(len(re.findall("`{3,}", piece.text)) % 2 == 0 for piece in cut[:-1]), f"a fence of text {trial} is left open")
        run.expect(all(message.strip() == message and message for message in split(text)), f"a message of text {trial} is empty")
        await _breathe(trial)
    run.figures |= {"fence": FENCE}
    run.verdict = oracle.Verdict({})


WORDS = [
    *("Clyde", "discord", "DISCORD", "dis\u200dcord", "ｄｉｓｃｏｒｄ", "", " ", "\u200b", "\u202e", "\0", "\ud800"),
    *("שלום", "🧙🏽‍♀️", "é", "x" * 90, "here"),
]
ADDRESSES = [
    *("", "http://", "https://[", "javascript:alert(1)", "https://a b", "https://ü.example/a.png"),
    *("https://e.example/" + "x" * 3000, "data:,x"),
]


async def r32(run: Run) -> None:
    """R32: names with forbidden words, unseen, too long, from right to left; addresses that are none. Discord takes what they become."""
    draw = random.Random(32)
    async for trial in run.each():
        odd = (chr(draw.randrange(0x110000)) for _ in range(draw.randint(0, 9)))
        name = "".join([*draw.choices(WORDS, k=draw.randint(0, 5)), *odd])
        try:
            check_name("username", legal(name))
        except ApiError as error:
            run.broken.append(f"{name!r} became {legal(name)!r}: {error}")
        address = draw.choice(ADDRESSES)
        run.expect(avatar(address) is None, f"{address!r} is no address of a picture")
        await _breathe(trial)
    run.verdict = oracle.Verdict({})


async def _breathe(trial: int) -> None:
    if trial % 500 == 0:
        await asyncio.sleep(0)


PINGS = (
    *("@everyone", "@here", "<@1>", "<@!1>", "<@&2>", "@everyone" * 300),
    *("```\n@here\n```", "@\u200beveryone", "||@everyone||", "> @here"),
)
PLACES = ("text", "name", "long", "edited", "bot", "dm")


async def r31(run: Run) -> None:
    """R31: @everyone, @here, people and roles in what a model says and in names. On no path does a post ping anybody."""
    async with StandinDiscord.start() as discord, aiohttp.ClientSession() as session:
        world = discord.world
        us = Us(int(world.bot.id), int(world.application_id))
        rest = Rest(discord.api_base, discord.token, session)
        post = Post(rest, Webhooks(rest, us.application_id), us)
        channel, private = int(discord.add_channel("lane")), int(discord.dm("ann"))
        async for trial in run.each():
            ping, where = PINGS[trial % len(PINGS)], PLACES[trial // len(PINGS) % len(PLACES)]
            await _posted(post, ping, where, Place(private if where == "dm" else channel, None, None, dm=where == "dm"), trial)
        run.expect(not discord.recorder.pings, f"pinged: {discord.recorder.pings[:5]}")
        run.expect(not discord.recorder.violations, f"{discord.recorder.violations[:5]}")
        run.figures |= {"posts": sum(e.method in ("POST", "PATCH") for e in discord.recorder.exchanges)}
        run.verdict = oracle.Verdict({})


async def _posted(post: Post, ping: str, where: str, place: Place, trial: int) -> None:
    speaker = Speaker(f"W {ping}" if where == "name" else "Wren", "")
    said = f"{ping} hello " * (40 if where == "long" else 1)
    for index, text in enumerate(post.cut(said, speaker, place)):
        nonce = ids.derived("r31", trial)
        if where == "bot":
            await post._as_bot(place, speaker, text, f"{nonce.hex[:20]}{index}", first=True)
            continue
        message, hook = await post.send(place, speaker, text, nonce, index)
        if where == "edited":
            await post.edit(place, message, f"{ping} again", hook)


def _hostile(port: int) -> Sequence[str]:
    """Addresses of a listener on this machine and of what else no picture may be at, in every dress."""
    hosts = [
        *("127.0.0.1", "localhost", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0", "[::]"),
        *("cdn.discordapp.com@127.0.0.1", "127.0.0.1#cdn.discordapp.com", "cdn.discordapp.com.localhost"),
    ]
    return [
        *(f"{scheme}://{host}:{port}/a.png" for scheme in ("http", "https") for host in hosts),
        *("http://169.254.169.254/latest/meta-data", "http://10.0.0.1/a.png", "http://192.168.0.1/a.png", "http://[fe80::1]/a.png"),
        *("file:///etc/passwd", f"gopher://127.0.0.1:{port}/", f"ftp://127.0.0.1:{port}/", "data:image/png;base64,AAAA"),
        *(
            "//127.0.0.1/a.png",
            "http://cdn.discordapp.com/a.png",
            "https://cdn.discordapp.com:8443/a.png",
            "https://cdn.discordapp.com.evil/a",
        ),
        *("https://cdn.discordapp.com%2e127.0.0.1/a.png", "https://[::ffff:7f00:1]/a.png"),
    ]


async def r37(run: Run) -> None:
    """R37: addresses of this machine, of its network and of other schemes where a picture should be. Nobody connects to any of them."""
    asked: list[str] = []

    async def note(request: web.Request) -> web.Response:
        asked.append(str(request.url))
        return web.Response(body=b"secret", content_type="image/png")

    application = web.Application()
    application.router.add_route("*", "/{tail:.*}", note)
    listener = web.AppRunner(application, access_log=None)
    await listener.setup()
    site = web.TCPSite(listener, "127.0.0.1", 0)
    await site.start()
    addresses = _hostile(listener.addresses[0][1])
    api = Settings(_env_file=None).discord_api_base
    async with Http() as http:
        async for trial in run.each():
            url = addresses[trial % len(addresses)]
            seen = pictures.visible([Attachment(kind="image", name="a.png", url=url, media_type="image/png")], api)
            run.expect(not seen, f"{url} counts as a picture of Discord's")
            try:
                await pictures.fetch(_Reader(http), url)  # type: ignore[arg-type]  # of a worker's work it needs these two
            except pictures.Unavailable:
                continue
            run.broken.append(f"{url} was fetched")
    run.expect(not asked, f"asked: {asked[:5]}")
    run.figures |= {"addresses": len(addresses), "connections": len(asked)}
    await listener.cleanup()
    run.verdict = oracle.Verdict({})


class _Reader:
    """What fetching a picture needs of a worker's work."""

    def __init__(self, http: Http) -> None:
        self.http, self.settings = http, Settings(_env_file=None)
