"""Answers, or parts of them, that somebody made void between their making and their showing: nothing of them is shown."""

from collections.abc import AsyncIterator

import pytest

from bot.delivery import queue, showing
from engine import erasure, ids
from engine.config import Settings
from engine.decide.reply import ChooseVersion, EditReply, Regenerate
from engine.events.build import new
from engine.events.message import MessageDeleted
from engine.events.reply import DeliveryFailed, DeliveryIntended, ReplyDelivered
from engine.execute import execute
from engine.failpoints import Injected
from engine.store import Query
from tests.service.test_delivery import ALICE, LONG, Stage, staged
from tests.support.discord.client import NEXTCORD_WARNING

pytestmark = pytest.mark.filterwarnings(NEXTCORD_WARNING)


@pytest.fixture
async def stage(settings: Settings) -> AsyncIterator[Stage]:
    async with staged(settings) as made:
        yield made


async def test_what_was_superseded_or_whose_person_was_erased_is_not_shown(stage: Stage) -> None:
    """Each has its end, which says why; the version that counts is shown once."""
    first = await stage.say("one")
    await stage.ended(first)
    await execute(stage.rig.log, ALICE, Regenerate(first, stage.character), ids.random_id())
    await stage.ended(first, epoch=1)
    second = await stage.say("two")
    await stage.ended(second)
    await stage.deliver(stage.deliverer())
    assert stage.shown() == [f"answer 1 to {first}", f"answer 0 to {second}"]
    third = await stage.say("three")
    await stage.ended(third)
    await erasure.erase(stage.rig.log, 7, requested_by=7)
    await stage.deliver(stage.deliverer())
    assert len(stage.shown()) == 2
    failed = [r.event async for r in stage.rig.log.read(Query(types=frozenset({DeliveryFailed.TYPE})))]
    assert [(f.turn_id, f.category) for f in failed if isinstance(f, DeliveryFailed)] == [
        (ids.turn(first, stage.character), "superseded"),
        (ids.turn(third, stage.character), "user erased"),
    ]


async def test_a_part_that_was_taken_away_meanwhile_is_not_shown_again(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bot dies after the first part, a moderator deletes that, and the next bot shows the rest."""
    stage.rig.write = lambda turn: LONG
    asked, dying = list[str](), True

    def die(name: str) -> None:
        asked.extend([name] if name == "deliver.before_post" else [])
        if dying and len(asked) > 1:
            raise Injected(name)

    monkeypatch.setattr(showing, "failpoint", die)
    monkeypatch.setattr(queue, "ODD_TRIES", 99)
    message = await stage.say()
    await stage.ended(message)
    one = stage.deliverer()
    one.wake(stage.channel, await stage.rig.log.head())
    await stage.discord.wait_for(lambda: len(asked) > 1, what="the crash")
    await one.close()
    [part] = stage.discord.replies("general")
    await stage.discord.delete("general", part["id"])
    await _known_to_be_gone(stage, int(part["id"]))
    dying = False
    await stage.deliver(stage.deliverer())
    assert [text[:6] for text in stage.shown()] == ["Part 1", "Part 2"]


async def test_an_earlier_showing_says_nothing_about_a_later_one(stage: Stage) -> None:
    """A part that was taken away stands there again with its version, whether or not another version was shown in between.

    Each showing says before it sends what it is about to send.
    """
    stage.rig.write = lambda turn: LONG if turn.epoch == 0 else "short"
    message = await stage.say()
    await stage.ended(message)
    await stage.deliver(stage.deliverer())
    first = ids.turn(message, stage.character)
    for epoch, seen in ((1, True), (2, False)):
        part = stage.discord.replies("general")[1]["id"]
        await stage.discord.delete("general", part)
        await _known_to_be_gone(stage, int(part))
        await execute(stage.rig.log, ALICE, Regenerate(message, stage.character), ids.random_id())
        await stage.ended(message, epoch)
        if seen:
            await stage.deliver(stage.deliverer())
            assert stage.shown() == ["short"]
        await execute(stage.rig.log, ALICE, ChooseVersion(message, stage.character, version=first), ids.random_id())
        await stage.deliver(stage.deliverer())
        assert [text[:6] for text in stage.shown()] == ["Part 0", "Part 1", "Part 2"]
    told = [r.type async for r in stage.rig.log.rows(Query(types=frozenset({DeliveryIntended.TYPE, ReplyDelivered.TYPE})))]
    assert told == 4 * [DeliveryIntended.TYPE, ReplyDelivered.TYPE]


async def _known_to_be_gone(stage: Stage, message: int) -> None:
    gone = MessageDeleted(message_id=message, channel_id=stage.channel, guild_id=1, venue="discord")
    await stage.rig.log.append(new(gone, ids.message_event(message, "deleted")))


async def test_a_message_that_can_neither_be_changed_nor_taken_away_stays_the_only_one(stage: Stage) -> None:
    """Another one in its place would let the answer stand there twice: the change has its end, and the person is told."""
    message = await stage.say()
    await stage.ended(message)
    await stage.deliver(stage.deliverer())
    await stage.rig.settle()
    stage.discord.fault(method="PATCH", path="/webhooks/", status=400, times=9)
    stage.discord.fault(method="DELETE", path="/webhooks/", status=403, times=9)
    await execute(stage.rig.log, ALICE, EditReply(message, stage.character, text="in other words"), ids.random_id())
    await stage.deliver(stage.deliverer())
    shown = stage.shown()
    assert shown[0] == f"answer 0 to {message}"
    assert "in other words" not in shown
    failed = [r.event async for r in stage.rig.log.read(Query(types=frozenset({DeliveryFailed.TYPE})))]
    assert [f.category for f in failed if isinstance(f, DeliveryFailed)] == ["refused"]
    assert [text for text in shown[1:] if not text.startswith("**")] == []
