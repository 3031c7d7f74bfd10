"""Notebooks of characters by command: read, written into, struck out, taken back; and nobody else's."""

import pytest

from engine import ids, seed
from engine.actor import operator, person
from engine.config import Settings
from engine.decide.craft.notebook import MOST, AddNote, State, StrikeNote, checked
from engine.decide.rejected import Rejected
from engine.events.craft.tool import NotebookWritten, notebook
from engine.execute import execute, undo
from projections.terminal import NotFound
from tests.service.test_cli_editing import here as here
from tests.service.test_cli_editing import run, run_json
from tests.support.discord.client import NEXTCORD_WARNING
from tests.support.discord.harness import staged
from tests.support.site import Site

WREN = next(sample.character_id for sample in seed.samples() if sample.slug == "wren")


async def test_the_command_line_reads_and_changes_a_notebook(here: Site) -> None:
    """By channel and person; a note is taken back and comes again; what cannot be is said in a sentence."""
    assert await run_json("notebook", "show", "wren", "--json") == []
    await run("notebook", "add", "wren", "88", "77", "Likes tea")
    await run("notebook", "add", "wren", "88", "77", "Hates coffee")
    shown = await run_json("notebook", "show", "wren", "--json")
    assert [(one["channel"], one["person"], one["number"], one["note"]) for one in shown] == [
        ("88", "77", 1, "Likes tea"),
        ("88", "77", 2, "Hates coffee"),
    ]
    await run("notebook", "strike", "wren", "88", "77", "1")
    assert [one["note"] for one in await run_json("notebook", "show", "wren", "--json")] == ["Hates coffee"]
    for words in (("strike", "wren", "88", "77", "1"), ("add", "wren", "88", "77", " Hates coffee "), ("add", "wren", "88", "77", " ")):
        with pytest.raises(NotFound):
            await run("notebook", *words)
    with pytest.raises(NotFound):
        await run("notebook", "add", "wren", "here", "77", "x")
    log = here.console.log
    struck = (await log.stream(notebook(WREN, 88, 77)))[-1]
    assert struck.row.correlation is not None
    await undo(log, operator(), struck.row.correlation, ids.random_id())
    assert [one["note"] for one in await run_json("notebook", "show", "wren", "--json")] == ["Hates coffee", "Likes tea"]
    with pytest.raises(Rejected, match="about somebody else"):
        await execute(log, person(78), AddNote(WREN, 88, 77, None, "Mine"), ids.random_id())
    written = await execute(log, person(77), StrikeNote(WREN, 88, 77, None, 2), ids.random_id())
    assert [(one.by_user_id, one.struck) for one in written.events if isinstance(one, NotebookWritten)] == [(77, 2)]


def test_a_full_notebook_takes_no_more() -> None:
    with pytest.raises(Rejected, match="Strike one out first"):
        checked(State({number: str(number) for number in range(MOST)}, MOST), "one more")


@pytest.mark.filterwarnings(NEXTCORD_WARNING)
async def test_a_person_reads_and_changes_what_was_noted_of_them_on_discord(settings: Settings) -> None:
    """In this channel; what another person is shown of it is nothing."""
    async with staged(settings, lambda turn: "hm", "Lilith") as rig:
        discord = rig.discord
        async with rig.bot():

            async def said(name: str, who: str = "alice", **options: object) -> str:
                asked = await discord.slash("general", who, f"notebook {name}", {"character": "Lilith", **options})
                return str((await discord.answered(asked)).messages[0]["content"])

            assert "noted nothing of you here" in await said("show")
            assert "Noted." in await said("add", text="Likes **tea** @everyone")
            assert "1: Likes" in await said("show")
            assert "noted nothing of you here" in await said("show", "bob")
            assert "There is no note 5." in await said("strike", number=5)
            assert "Note 1 is struck out." in await said("strike", number=1)
            assert "noted nothing of you here" in await said("show")
