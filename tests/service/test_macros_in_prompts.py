"""Macros in whatever people wrote for prompts: replaced as SillyTavern does, drawn once and recorded, and the same when built again."""

import re
from collections.abc import AsyncIterator
from typing import Any

import pytest

from engine import ids, seed
from engine.actor import operator
from engine.decide import character
from engine.decide.craft.note import SetNote
from engine.events.channel import ConversationForked
from engine.execute import execute
from engine.store import Log, open_log
from engine.vault import MasterKey
from projections.models.places import forks
from projections.prompt.assemble import Prompt
from projections.prompt.rebuild import rebuild
from tests.service.test_lore_prompts import ADA, shelve, turn
from tests.service.test_prompt_sections import Room, caught_up

OPERATOR = operator(1)
TEN = "::".join(f"option{number}" for number in range(250))


@pytest.fixture
async def log(dsn: str) -> AsyncIterator[Log]:
    async with open_log(dsn, MasterKey.of(b"k" * 32)) as opened:
        await seed.plant(opened, "a/b")
        yield opened


async def describe(log: Log, **fields: object) -> None:
    await execute(log, OPERATOR, character.Edit(ADA, fields), ids.random_id())


def rolls(started: Any, section: str) -> list[str]:
    return [roll.what for one in started.sections if one.name == section for roll in one.rolls if roll.what.startswith("macro:")]


def words(prompt: Prompt) -> str:
    return "\n".join(message.content for message in prompt.messages)


async def test_macros_are_replaced_in_every_authored_text_and_what_they_drew_is_recorded(log: Log) -> None:
    """`turn` proves of each prompt that it is built again byte for byte."""
    here = Room(log, 91)
    await describe(
        log,
        info="{{char}} met {{user}} on {{isodate}}. {{setvar::mood::stormy}}",
        traits="Is {{getvar::mood}} and {{random::" + TEN + "}}; {unknown} {{unheard::of}} stay.",
        tone="Rolls {{roll::1000000}}",
        system_prompt="By the sea: {{outlet::Sea}}|{{outlet::sea}}|",
    )
    await shelve(
        log,
        {"key": ["x"], "content": "Mood {{getvar::mood}}, asked {{lastMessage}}, {{random::" + TEN + "}}", "constant": True},
        {"key": ["x"], "content": "{{if {{getvar::mood}}}}waves{{else}}calm{{/if}}", "constant": True, "position": 7, "outletName": "Sea"},
        {"key": ["x"], "content": "{{outlet::Sea}}none", "constant": True, "position": 1},
    )
    await execute(log, OPERATOR, SetNote("channel", "91", {"text": "Be {{.mood}}. {{roll::1000000}}", "depth": 0}), ids.random_id())
    prompt, started = await turn(here, "Who </lore> are {{char}}?")
    said = words(prompt)
    assert "met the other person on " in said
    assert "Is stormy and option" in said
    assert "{unknown} {{unheard::of}} stay." in said
    assert "Mood stormy, asked Who &lt;/lore&gt; are {{char}}?, option" in said  # what somebody says is never read for macros
    assert "By the sea: waves||" in said
    assert "<lore>\nnone\n</lore>" in said
    assert "<note>\nBe stormy. " in said
    assert [len(rolls(started, name)) for name in ("character", "lore", "note")] == [2, 1, 1]
    assert len({*rolls(started, "character"), *rolls(started, "lore"), *rolls(started, "note")}) == 4
    other, _ = await turn(here, "Who </lore> are {{char}}?")
    assert words(other) != said


async def test_a_frozen_entry_keeps_what_its_macros_gave_when_it_came(log: Log) -> None:
    here = Room(log, 92)
    await shelve(log, {"key": ["harbour"], "content": "FROZEN {{roll::1000000}} {{isotime}}", "frozen": True})
    seen = [
        [line for line in words((await turn(here, text))[0]).splitlines() if "FROZEN" in line]
        for text in ("See the harbour", "Yes", "And then?")
    ]
    assert len(seen[0]) == 1
    assert seen[0] == seen[1] == seen[2]


async def test_a_prompt_of_the_past_takes_its_numbers_from_the_record(log: Log) -> None:
    """Whatever generator of numbers this program has by then."""
    here = Room(log, 93)
    await describe(log, info="{{random::" + TEN + "}}")
    prompt, started = await turn(here, "Well?")
    other = [replace_rolls(section) for section in started.sections]
    again = await rebuild(log, started.model_copy(update={"sections": tuple(other)}))
    assert words(again.prompt) != words(prompt)
    assert "option249" in words(again.prompt)


async def gone_on(here: Room, channel: int, at: int) -> Room:
    """A channel that goes on from `here` as it was at a position."""
    await caught_up(here.log)
    there = Room(here.log, channel)
    about = {"channel_id": channel, "venue": "discord", "character_id": ADA, "by_user_id": 41, "source_channel_id": here.channel, "at": at}
    lines = await forks.by_then(here.log, here.channel, at)
    await there.append(ConversationForked.model_validate(about | {"lines": lines}))
    return there


async def test_variables_last_in_their_conversation_and_every_branch_has_those_of_its_own_past(log: Log) -> None:
    """D16: the next answer goes on where the last one left them, another version of it where that began, a fork where they part."""
    here, elsewhere = Room(log, 94), Room(log, 95)
    await describe(log, info="Visit {{incvar::visits}}.{{if {{getvar::mood}}}} Still {{getvar::mood}}.{{/if}}{{setvar::mood::stormy}}")
    first, started = await turn(here, "Hello")
    early = await log.head()
    assert "Visit 1." in words(first)
    assert (started.keeps, started.variables) == (2, {"visits": "1", "mood": "stormy"})
    assert "Visit 2. Still stormy." in words((await turn(here, "And again"))[0])
    request = here.turns[-1].model_copy(update={"turn_id": ids.turn(here.turns[-1].message_id, ADA, 1), "epoch": 1})
    await here.append(request)
    assert "Visit 2." in words((await here.prompt(request))[0])
    assert "Visit 2." in words((await turn(await gone_on(here, 96, early), "Otherwise"))[0])
    assert "Visit 3." in words((await turn(here, "Once more"))[0])
    assert "Visit 1." in words((await turn(elsewhere, "Hello"))[0])
    await describe(log, info="Plain.")
    _, started = await turn(here, "Nothing kept")
    assert (started.keeps, [section.refs for section in started.sections if section.name == "variables"]) == (0, [()])


async def test_what_was_picked_stays_picked_in_every_branch(log: Log) -> None:
    """I14: by where the conversation began, of which a fork of a fork is a part as well."""
    here = Room(log, 97)
    await describe(log, info="{{pick::" + TEN + "}}")
    picked = [words((await turn(here, "Well?"))[0])]
    there = await gone_on(here, 98, await log.head())
    picked.append(words((await turn(there, "Well?"))[0]))
    picked.append(words((await turn(await gone_on(there, 99, await log.head()), "Well?"))[0]))
    other = words((await turn(Room(log, 100), "Well?"))[0])
    found = [re.search("option[0-9]+", one) for one in (*picked, other)]
    names = [one[0] for one in found if one]
    assert len(names) == 4
    assert len(set(names[:3])) == 1
    assert names[3] != names[0]


def replace_rolls(section: Any) -> Any:
    return section.model_copy(update={"rolls": tuple(roll.model_copy(update={"value": 0.9999}) for roll in section.rolls)})
