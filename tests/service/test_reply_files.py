"""A file made for a reply stands below its text: once, whatever dies in between; it goes with the reply, and never costs the text."""

import asyncio
import base64
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest

from bot.delivery import showing
from engine import ids
from engine.config import Settings
from engine.decide.reply import ChooseVersion, DeleteReply, Regenerate
from engine.events.craft.made import ReplyFileDropped, ReplyFileShown
from engine.events.reply import ReplyDelivered
from engine.events.turn import TurnCompleted
from engine.execute import execute
from engine.failpoints import Injected
from engine.store import Query
from projections.follow import verify
from projections.models import history
from projections.models.deliveries import DELIVERIES
from projections.models.history import HISTORY
from tests.service.test_delivery import ALICE, FULL, Stage, staged
from tests.support.discord.checks import VOICE
from tests.support.discord.client import NEXTCORD_WARNING
from worker.turn import made
from worker.turn.made import Media

pytestmark = pytest.mark.filterwarnings(NEXTCORD_WARNING)
SPEECH = Media("speech", b"OggS spoken", "audio/ogg", "ogg", seconds=1.5, waveform=base64.b64encode(bytes(range(100))).decode())
PICTURE = Media("picture", b"\x89PNG drawn", "image/png", "png", caption="-# Made by a model", alt="A heron")


@pytest.fixture
async def stage(settings: Settings) -> AsyncIterator[Stage]:
    async with staged(settings) as made:
        yield made


def key(name: str) -> UUID:
    return ids.derived("test", name)


async def completed(stage: Stage, message: int, epoch: int = 0) -> TurnCompleted:
    await stage.ended(message, epoch)
    found = [one.event async for one in stage.rig.log.read(Query(types=frozenset({"turn.completed"})))]
    return next(one for one in found if isinstance(one, TurnCompleted) and one.message_id == message)


async def add(stage: Stage, message: int, *media: Media) -> None:
    """Somebody made these for the reply to a message."""
    turn = await completed(stage, message)
    for number, one in enumerate(media):
        await stage.rig.log.append(await made.keep(stage.rig.log, turn, one, number))


def posted(stage: Stage) -> list[tuple[str, list[str]]]:
    """(text, kinds of files) of the bot's messages, in channel order."""
    return [(m["content"], [one["filename"].partition("-")[0] for one in m["attachments"]]) for m in stage.discord.replies("general")]


async def told(stage: Stage, kind: type) -> list[Any]:
    return [one.event async for one in stage.rig.log.read(Query()) if isinstance(one.event, kind)]


async def test_files_stand_below_the_text_and_belong_to_the_reply(stage: Stage) -> None:
    """Under the character's name, with what is said of them; a later file joins them; to the history they are messages of the reply."""
    message = await stage.say()
    await completed(stage, message)
    await stage.deliver(stage.deliverer())
    text = f"answer 0 to {message}"
    await add(stage, message, SPEECH)
    await stage.deliver(stage.deliverer())
    assert posted(stage) == [(text, []), ("", ["speech"])]
    await add(stage, message, SPEECH, PICTURE)
    await stage.deliver(stage.deliverer())
    assert posted(stage) == [(text, []), ("", ["speech"]), ("-# Made by a model", ["picture"])]
    shown = stage.discord.replies("general")
    assert {m["author"]["username"] for m in shown} == {"Lilith"}
    assert shown[2]["attachments"][0]["description"] == "A heron"
    path = shown[2]["attachments"][0]["url"].partition("/cdn/")[2]
    assert stage.discord.world.files[path] == (PICTURE.content, "image/png")
    await stage.rig.settle()
    async with stage.rig.log.pool.connection() as connection:
        assert await history.speaker_of(connection, int(shown[2]["id"])) == stage.character
    assert await stage.seen_in_history() == [text]
    assert (await told(stage, ReplyDelivered))[-1].message_ids == tuple(int(m["id"]) for m in shown)
    assert all(verdict.equal for verdict in await verify.verify(stage.rig.log.dsn, [DELIVERIES, HISTORY]))


async def test_a_voice_message_is_the_bots_own_and_a_file_where_there_is_none(stage: Stage) -> None:
    """A webhook cannot send one, and some channels take none; either way it is heard once."""
    spoken = Media("speech", b"OggS", "audio/ogg", "ogg", as_voice=True, seconds=2.25, waveform=SPEECH.waveform)
    for count, status in enumerate((0, 403, 400)):
        if status:
            stage.discord.fault(method="POST", path=f"/channels/{stage.channel}/messages", status=status, code=50173)
        message = await stage.say()
        await add(stage, message, spoken)
        await stage.deliver(stage.deliverer())
        text, voice = stage.discord.replies("general")[2 * count :]
        assert (text["content"], len(voice["attachments"])) == (f"answer 0 to {message}", 1)
        assert (bool(voice["flags"] & VOICE), "webhook_id" in voice) == ((False, True) if status else (True, False))
        if not status:
            assert voice["attachments"][0] | {"duration_secs": 2.25, "waveform": SPEECH.waveform} == voice["attachments"][0]
    await execute(stage.rig.log, ALICE, DeleteReply((await told(stage, TurnCompleted))[0].message_id, stage.character), key("gone"))
    await stage.rig.settle()
    await stage.deliver(stage.deliverer())
    assert len(posted(stage)) == 4, "the voice message, which no webhook can take away, went with its reply"


async def test_a_file_is_shown_once_whatever_dies(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Around its own post, and between the text's post and its record while the file was made already."""
    armed: list[tuple[str, int]] = []

    def die(name: str) -> None:
        if armed and armed[0][0] == name:
            armed[0] = (name, armed[0][1] - 1)
            if not armed[0][1]:
                armed.clear()
                raise Injected(name)

    monkeypatch.setattr(showing, "failpoint", die)
    ways = [(f"deliver.{point}_post", when, early) for early in (True, False) for when in (1, 2, 3) for point in ("after", "before")]
    for count, (point, when, early) in enumerate(ways if FULL else [ways[0], ways[3], ways[8]]):
        message = await stage.say()
        await completed(stage, message)
        armed.append((point, when))
        if early:
            await add(stage, message, SPEECH, PICTURE)
        await cut_short(stage, armed, when == 1 or early)
        if not early:
            await add(stage, message, SPEECH, PICTURE)
            await cut_short(stage, armed, True)
        await stage.deliver(stage.deliverer())
        assert [files for _, files in posted(stage)[3 * count :]] == [[], ["speech"], ["picture"]], (point, when, early)
    assert any(one.adopted for one in await told(stage, ReplyFileShown))


async def cut_short(stage: Stage, armed: list[Any], dies: bool) -> None:
    """A deliverer at work until it died, where it does, or was done."""
    await stage.rig.settle()
    dying = stage.deliverer()
    if not dies:
        await stage.deliver(dying)
        return
    dying.wake(stage.channel, await stage.rig.log.head())
    await stage.discord.wait_for(lambda: not armed or not dying._tasks, what="the crash")
    await dying.close()


async def test_files_go_and_come_with_their_version(stage: Stage) -> None:
    """Another version has none of them, the first one brought back has them again, a deleted reply takes them along."""
    message = await stage.say()
    await add(stage, message, SPEECH)
    await stage.deliver(stage.deliverer())
    first = (await completed(stage, message)).turn_id
    steps = (
        Regenerate(message, stage.character),
        ChooseVersion(message, stage.character, version=first),
        DeleteReply(message, stage.character),
    )
    seen = []
    for number, step in enumerate(steps):
        await execute(stage.rig.log, ALICE, step, key(f"step {number}"))
        if not number:
            await stage.ended(message, 1)
        await stage.rig.settle()
        await stage.deliver(stage.deliverer())
        seen.append(posted(stage))
    assert seen == [[(f"answer 1 to {message}", [])], [(f"answer 0 to {message}", []), ("", ["speech"])], []]


async def test_a_refused_file_costs_nothing_but_itself(stage: Stage) -> None:
    """Nobody is told in the channel, the log says why, it is not tried again; one whose person was erased is not shown either."""
    for count, (status, code, why) in enumerate(((413, 40005, "refused"), (403, 50013, "missing permission")), 1):
        message = await stage.say()
        await completed(stage, message)
        await stage.deliver(stage.deliverer())
        stage.discord.fault(method="POST", path="/webhooks/", status=status, code=code, times=9)
        await add(stage, message, SPEECH)
        await stage.deliver(stage.deliverer())
        stage.discord.faults.clear()
        assert posted(stage)[-1] == (f"answer 0 to {message}", [])
        dropped = await told(stage, ReplyFileDropped)
        assert [(len(dropped), dropped[-1].category, dropped[-1].status)] == [(count, why, status)]
    assert len(posted(stage)) == 2
    assert await stage.rig.types("reply.failed") == []


async def test_what_a_moderator_took_away_does_not_come_back_with_a_file(stage: Stage) -> None:
    """The text is gone when its speech is there: only that is shown."""
    async with stage.rig.bot():
        message = await stage.discord.say("general", "alice", "@Lilith hello")
        await stage.discord.wait_for(lambda: len(posted(stage)) == 1, what="the text")
        await stage.discord.delete(
            "general", stage.discord.replies("general")[0]["id"]
        )  # perhaps before the log knows that it stands there
        async with asyncio.timeout(60):
            while not await stage.rig.types("message.deleted"):
                await asyncio.sleep(0.01)
        await add(stage, int(message), SPEECH)
        await stage.discord.wait_for(lambda: posted(stage) == [("", ["speech"])], what="the speech alone")
