"""Macros in whatever people wrote for prompts: replaced as SillyTavern does, drawn once and recorded, and the same when built again."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from engine import ids, seed
from engine.actor import operator
from engine.decide import character
from engine.decide.craft.note import SetNote
from engine.execute import execute
from engine.store import Log, open_log
from engine.vault import MasterKey
from projections.prompt.assemble import Prompt
from projections.prompt.rebuild import rebuild
from tests.service.test_lore_prompts import ADA, shelve, turn
from tests.service.test_prompt_sections import Room

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


def replace_rolls(section: Any) -> Any:
    return section.model_copy(update={"rolls": tuple(roll.model_copy(update={"value": 0.9999}) for roll in section.rolls)})
