"""Author's notes and ready-made rules: each stands where it should, when it is its time."""

from collections.abc import AsyncIterator

import pytest

from engine import ids, seed
from engine.actor import operator, person
from engine.decide.craft.note import SetNote
from engine.decide.rejected import Rejected
from engine.execute import execute
from engine.resources.craft.directives import DIRECTIVES
from engine.store import Log, open_log
from engine.undo import take_back
from engine.vault import MasterKey
from tests.service.test_lore_prompts import ADA, shelve, turn
from tests.service.test_prompt_sections import Room

OPERATOR = operator(1)


@pytest.fixture
async def log(dsn: str) -> AsyncIterator[Log]:
    async with open_log(dsn, MasterKey.of(b"k" * 32)) as opened:
        await seed.plant(opened, "a/b")
        yield opened


async def test_a_note_stands_at_its_depth_with_every_so_many_messages_and_lore_around_it(log: Log) -> None:
    here = Room(log, 81)
    above = {"key": ["x"], "content": "ABOVE", "constant": True, "position": 2}
    await shelve(log, above, {"key": ["third"], "content": "BELOW", "position": 3})
    await execute(log, OPERATOR, SetNote("channel", "81", {"text": "NOTE </note>", "every": 3, "depth": 2}), ids.random_id())
    prompts = [(await turn(here, text))[0] for text in ("first", "second", "third", "fourth")]
    assert ["NOTE" in str(prompt.as_json()) for prompt in prompts] == [False, False, True, False]
    said = [message.content for message in prompts[2].messages]
    [at] = [n for n, text in enumerate(said) if "NOTE" in text]
    assert said[at] == "<note>\nABOVE\nNOTE &lt;/note&gt;\nBELOW\n</note>"
    assert len(said) - at - 1 == 2
    await execute(log, OPERATOR, SetNote("character", str(ADA), {"text": "LAST", "depth": 0}), key := ids.random_id())
    last = (await turn(here, "fifth"))[0].messages[-1].content
    assert last.index("fifth") < last.index("<note>\nABOVE\nLAST\n</note>") < last.index("<situation>")
    await take_back(log, OPERATOR, key)
    assert "LAST" not in str((await turn(here, "sixth"))[0].as_json())


async def test_each_ready_made_rule_stands_at_the_end_of_the_system_message_of_its_character_only(log: Log) -> None:
    here = Room(log, 82)
    assert "<rules>" not in (await turn(here, "before"))[0].messages[0].content
    for at, name in enumerate(DIRECTIVES):
        on = tuple(DIRECTIVES)[: at + 1]
        await execute(log, OPERATOR, SetNote("character", str(ADA), {"directives": on}), ids.random_id())
        system = (await turn(here, f"with {name}"))[0].messages[0].content
        assert system.endswith("<rules>\n" + "\n".join(f"- {DIRECTIVES[one]}" for one in on) + "\n</rules>")
    other = seed.samples()[1].character_id
    prompt, _ = await here.prompt(await here.request(await here.say("you"), other))
    assert "<rules>" not in prompt.messages[0].content


async def test_a_rule_with_a_condition_stands_where_it_holds_and_the_record_says_when_not(log: Log) -> None:
    """Every so many messages, where a pattern is found, when replies stray; each prompt is built again byte for byte by `turn`."""
    here = Room(log, 84)
    rules = ("brief: every 2", "plain: /opinion|think/i", "own-words: drift", "continuity")
    await execute(log, OPERATOR, SetNote("channel", "84", {"directives": rules}), ids.random_id())
    found, dropped = [], []
    for text in ("Hello", "Go on", "What do you THINK?", "And now"):
        prompt, started = await turn(here, text)  # it answers "Answer to ..." each time
        lines = prompt.messages[0].content.partition("<rules>")[2]
        found.append([name for name, rule in DIRECTIVES.items() if rule in lines])
        record = next(one for one in started.sections if one.name == "directives")
        dropped.append([(part.what, part.why) for part in record.dropped])
        assert [ref[2:] for ref in record.refs if ref.startswith("w:")] == found[-1]
    assert found == [["continuity"], ["brief", "continuity"], ["plain", "continuity"], ["brief", "continuity"]]
    assert ("directive:plain", "where a pattern is found") in dropped[0]
    assert ("directive:brief", "every 2") in dropped[2]


async def test_only_who_may_edit_the_character_or_manage_the_channel_sets_a_note(log: Log) -> None:
    for scope, target in (("character", str(ADA)), ("channel", "83")):
        with pytest.raises(Rejected):
            await execute(log, person(42), SetNote(scope, target, {"text": "mine"}), ids.random_id())  # type: ignore[arg-type]  # a scope each
    moderator = person(42, permissions=frozenset({"manage_messages"}))
    assert (await execute(log, moderator, SetNote("channel", "83", {"text": "ours"}), ids.random_id())).events
    with pytest.raises(Rejected, match="no rule called"):
        await execute(log, OPERATOR, SetNote("channel", "83", {"directives": ("nonsense",)}), ids.random_id())
