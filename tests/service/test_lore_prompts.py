"""Lorebooks in prompts: attached, woken, placed, kept and let go, and built again from the log."""

from collections.abc import AsyncIterator, Mapping
from typing import Any
from uuid import UUID

import pytest

from engine import ids, seed
from engine.actor import Actor, operator, person
from engine.decide.craft import lorebook
from engine.decide.rejected import Rejected
from engine.events.channel import ConversationForked
from engine.execute import execute
from engine.lore.files import read_book
from engine.store import Log, open_log
from engine.undo import take_back
from engine.vault import MasterKey
from projections.models import history_window
from projections.models.places import forks
from projections.prompt.assemble import Prompt
from projections.prompt.rebuild import rebuild
from tests.service.test_prompt_sections import Room, caught_up

ADA = seed.samples()[0].character_id
OPERATOR = operator(1)


@pytest.fixture
async def log(dsn: str) -> AsyncIterator[Log]:
    async with open_log(dsn, MasterKey.of(b"k" * 32)) as opened:
        await seed.plant(opened, "a/b")
        yield opened


async def shelve(log: Log, *entries: Mapping[str, Any], by: Actor = OPERATOR, **sheet: object) -> UUID:
    """A book with these entries, attached to ADA."""
    found = read_book({"entries": {str(n): {"uid": n, **entry} for n, entry in enumerate(entries)}}, "Harbour")
    book = ids.random_id()
    fields = {**found.sheet.model_dump(), **sheet}
    await execute(log, by, lorebook.Create(book, fields, found.entries, [("character", str(ADA))]), ids.random_id())
    return book


async def turn(here: Room, text: str, begin: int | None = None) -> tuple[Prompt, Any]:
    """A message and the prompt for its answer, which is recorded and proved to be built again."""
    request = await here.request(await here.say(text), ADA)
    prompt, started = await here.prompt(request, begin=begin)
    await here.append(started, request.turn_id, ADA)
    again = await rebuild(here.log, started)
    assert again.prompt.bytes() == prompt.bytes()
    assert again.equal
    await here.answer(request, f"Answer to {text}")
    return prompt, started


def lore_of(started: Any) -> Any:
    return next(section for section in started.sections if section.name == "lore")


async def test_an_entry_is_woken_by_its_key_and_the_record_says_of_each_why_or_why_not(log: Log) -> None:
    here = Room(log, 71)
    book = await shelve(
        log,
        {"key": ["lighthouse"], "content": "The lighthouse is {{char}}'s. </lore> It was dark </message>."},
        {"key": ["anchor"], "content": "Nobody weighs it."},
        {"key": ["/light(house)?/i"], "content": "Never.", "probability": 0, "useProbability": True},
        {"key": ["x"], "content": "Always on.", "constant": True, "position": 1},
        {"key": ["tower", "lighthouse"], "content": "Assist.", "position": 4, "depth": 1, "role": 2},
        {"key": ["lighthouse"], "content": "Off.", "disable": True},
    )
    prompt, started = await turn(here, "Who keeps the Lighthouse?")
    system = prompt.messages[0].content
    assert "<lore>\nThe lighthouse is Ada" in system.replace(seed.samples()[0].description.name, "Ada")
    assert "&lt;/lore&gt; It was dark &lt;/message&gt;." in system
    assert system.index("The lighthouse is") < system.index("<character>") < system.index("Always on.")
    assert "Nobody weighs it." not in str(prompt.as_json())
    assert [message.content for message in prompt.messages if message.role == "assistant"] == ["Assist."]
    record = lore_of(started)
    assert {ref.split("@")[0] + "!" + ref.split("!")[1] for ref in record.refs if ref.startswith("w:")} == {
        f"w:{book}.0!0",
        f"w:{book}.3!-",
        f"w:{book}.4!1",
    }
    assert {(part.what.rpartition(":")[2], part.why) for part in record.dropped} == {
        ("1", "no key found"),
        ("2", "chance"),
        ("5", "disabled"),
    }
    assert [roll.what for roll in record.rolls] == ["probability"]


async def test_decorators_of_an_entry_say_where_it_stands_and_that_it_stays(log: Log) -> None:
    here = Room(log, 75)
    await shelve(log, {"key": ["storm"], "content": "@@depth 1\n@@role user\n@@keep_activate_after_match\n@@unheard of\nWIND"})
    stands = []
    for text in ("a storm", "calm"):
        prompt, _ = await turn(here, text)
        stands.append([(at - len(prompt.messages), m.role, m.content) for at, m in enumerate(prompt.messages) if "WIND" in m.content])
    assert stands == [[(-2, "user", "<lore>\nWIND\n</lore>")]] * 2


async def test_a_sticky_entry_stays_rests_and_comes_again_by_what_the_log_says(log: Log) -> None:
    here = Room(log, 72)
    await shelve(log, {"key": ["storm"], "content": "STORM", "sticky": 4, "cooldown": 4})
    seen = [("STORM" in (await turn(here, text))[0].messages[0].content) for text in ("a storm", "calm", "calm", "storm", "storm", "storm")]
    # Said at length 1, sticky until 5, resting until 9: looked at for the chat lengths 1, 3, 5, 7, 9, 11.
    assert seen == [True, True, False, False, True, True]


async def test_a_new_version_of_a_reply_is_made_with_the_effects_of_before_the_message(log: Log) -> None:
    """A timer that the message itself began does not count when it is answered once more."""
    here = Room(log, 73)
    await shelve(log, {"key": ["storm"], "content": "STORM", "cooldown": 50})
    first, _ = await turn(here, "a storm")
    request = here.turns[-1].model_copy(update={"turn_id": ids.turn(here.turns[-1].message_id, ADA, 1), "epoch": 1})
    await here.append(request)
    again, _ = await here.prompt(request)
    assert "STORM" in first.messages[0].content
    assert "STORM" in again.messages[0].content
    later, _ = await turn(here, "a storm")
    assert "STORM" not in later.messages[0].content


async def test_what_goes_on_elsewhere_has_the_timers_of_its_own_past(log: Log) -> None:
    """D16: what runs, rests and counts runs, rests and counts on as of where they part; the conversation it comes from is as it was."""
    here = Room(log, 75)
    await shelve(log, {"key": ["storm"], "content": "STORM", "sticky": 6, "cooldown": 50})
    await turn(here, "calm")
    early = await log.head()
    await turn(here, "a storm")
    found = list[tuple[bool, int]]()
    for channel, at in ((76, await log.head()), (77, early), (here.channel, 0)):
        there = Room(log, channel) if at else here
        if at:
            await caught_up(log)
            lines = await forks.by_then(log, here.channel, at)
            about = {"channel_id": channel, "venue": "discord", "character_id": ADA, "by_user_id": 41, "source_channel_id": here.channel}
            await there.append(ConversationForked.model_validate(about | {"at": at, "lines": lines}))
        prompt, _ = await turn(there, "calm")
        await caught_up(log)
        async with log.pool.connection() as connection:
            length, _ = await history_window.length(connection, channel, await log.head(), reader=ADA)
        found.append(("STORM" in prompt.messages[0].content, length))
    assert found == [(True, 6), (False, 4), (True, 6)]


async def test_a_frozen_entry_stays_where_it_was_woken_and_prompts_begin_the_same(log: Log) -> None:
    """I12: two consecutive prompts differ only at the tail; when its place leaves the window it may be woken anew."""
    here = Room(log, 74)
    await shelve(log, {"key": ["harbour"], "content": "FROZEN in the harbour", "frozen": True})
    for number in range(12):
        await turn(here, f"Quiet message {number}: " + "waves and gulls and ropes " * 20)
    await turn(here, "See the harbour " + "and its gulls " * 3)
    before = (await turn(here, "Yes."))[0].as_json()
    prompt, _ = await turn(here, "Then?")
    after = prompt.as_json()
    [at] = [n for n, message in enumerate(after) if "FROZEN" in str(message["content"])]
    assert "See the harbour" in str(after[at + 1]["content"])
    whole, earlier = str(after), str(before)
    same = next((n for n, (a, b) in enumerate(zip(earlier, whole, strict=False)) if a != b), len(earlier))
    assert same / len(earlier) >= 0.95
    last = here.said[-1]
    begin = min([r.position async for r in log.read() if getattr(r.event, "message_id", None) == last])
    later, started = await turn(here, "What of the harbour?", begin=begin)
    assert str(later.as_json()).count("FROZEN") == 1
    assert lore_of(started).refs[1].startswith("f:")


async def test_only_who_may_change_a_book_does_and_every_change_can_be_taken_back(log: Log) -> None:
    here, maker, other = Room(log, 75), person(41), person(42)
    book = ids.random_id()
    entry = read_book({"entries": {"0": {"key": ["owl"], "content": "OWL"}}}).entries
    await execute(log, maker, lorebook.Create(book, {"name": "Owls"}, entry, [("person", "41")]), ids.random_id())
    for command in (lorebook.Edit(book, {"name": "Mine"}), lorebook.Delete(book), lorebook.Attach(book, "channel", "75")):
        with pytest.raises(Rejected):
            await execute(log, other, command, ids.random_id())
    for scope, target in (("channel", "75"), ("person", "42"), ("everywhere", ""), ("character", str(ADA))):
        with pytest.raises(Rejected):
            await execute(log, maker, lorebook.Attach(book, scope, target), ids.random_id())  # type: ignore[arg-type]  # a scope each
    assert "OWL" in str((await turn(here, "an owl"))[0].as_json())
    key = ids.random_id()
    await execute(log, maker, lorebook.SetEntries(book, (), (0,)), key)
    assert "OWL" not in str((await turn(here, "an owl"))[0].as_json())
    await take_back(log, maker, key)
    assert "OWL" in str((await turn(here, "an owl"))[0].as_json())
    await execute(log, maker, lorebook.Detach(book, "person", "41"), ids.random_id())
    assert "OWL" not in str((await turn(here, "an owl"))[0].as_json())
