"""Lorebooks by command: in, out, attached, tried out; and with the card they came in."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot import lore
from engine import ids, seed
from engine.actor import person
from engine.decide.craft.lorebook import SetEntries
from engine.decide.rejected import Rejected
from engine.store import Log, open_log
from engine.vault import MasterKey
from projections.terminal import NotFound
from tests.service.test_cli_editing import here as here
from tests.service.test_cli_editing import run, run_json
from tests.service.test_prompt_sections import caught_up
from tests.support.site import Site

MAKER, OTHER = person(41), person(42)
ENTRIES = {"0": {"uid": 0, "key": ["sea"], "content": "Salt."}, "7": {"uid": 7, "constant": True, "content": "Wind."}}
WORLD = {"name": "Coast", "entries": ENTRIES}
"""Two entries, one always on."""


@pytest.fixture
async def log(dsn: str) -> AsyncIterator[Log]:
    async with open_log(dsn, MasterKey.of(b"k" * 32)) as opened:
        await seed.plant(opened, "a/b")
        yield opened


async def test_a_book_comes_in_is_seen_by_its_owner_only_and_goes_out_as_it_came(log: Log) -> None:
    found = await lore.read_file(json.dumps(WORLD).encode(), "coast.json")
    book = await lore.make(log, MAKER, found, key := ids.random_id(), [("person", "41")])
    assert await lore.make(log, MAKER, found, key, [("person", "41")]) == book, "a repeat is the same book"
    await caught_up(log)
    [own] = await lore.books(log, MAKER)
    assert (own.sheet.name, sorted(own.entries), own.shelved.attached) == ("Coast", [0, 7], (("person", "41"),))
    assert await lore.books(log, OTHER) == []
    with pytest.raises(Rejected, match="no such lorebook"):
        await lore.find(log, OTHER, "Coast")
    assert json.loads(lore.file_of(await lore.find(log, MAKER, "coast")))["entries"] == ENTRIES
    tried = {one.uid: (one.woken, one.reason) for one in lore.trial([own], "To the SEA!", None, "Ann")}
    assert tried == {0: (True, "found sea"), 7: (True, "always on")}
    assert [one.reason for one in lore.trial([own], "inland", None, "Ann") if not one.woken] == ["no key found"]
    fields, wrong = lore.filled_in(own.entries[0], {"keys": "ocean\nsea", "sticky": "3", "where": "nowhere"})
    assert set(wrong) == {"where"}
    await lore.carry_out(log, MAKER, SetEntries(book, [{**fields, "uid": 0}]), ids.random_id())
    await caught_up(log)
    [own] = await lore.books(log, MAKER)
    assert (own.entries[0]["key"], own.entries[0]["sticky"], own.entries[0]["content"]) == (["ocean", "sea"], 3, "Salt.")


async def test_the_book_of_a_card_comes_with_its_character_and_the_command_line_does_everything_with_it(here: Site, tmp_path: Path) -> None:
    """In with the card, seen, tried, edited, detached, attached, out, deleted, in again."""
    entries = [{"keys": ["gull"], "content": "Gulls."}, {"keys": ["kraken"], "content": "Asleep."}]
    card = {"spec": "chara_card_v2", "data": {"name": "Maren", "description": "d", "character_book": {"name": "Coast", "entries": entries}}}
    file, out = tmp_path / "maren.json", tmp_path / "coast.json"
    file.write_text(json.dumps(card))
    shown = await run_json("character", "import", str(file), "--json")
    assert any("2 entries and is attached" in note for note in shown["notes"])
    [listed] = await run_json("lore", "list", "--json")
    assert (listed["name"], listed["attached"]) == ("Coast", "character maren")
    tried = await run_json("lore", "test", "A Gull!", "--character", "maren", "--json")
    assert [(one["title"], one["woken"], one["why"]) for one in tried] == [("gull", True, "found gull"), ("kraken", False, "no key found")]
    assert (await run_json("lore", "edit", "Coast", "--case-sensitive", "yes", "--json"))["changed"] == ["case_sensitive"]
    assert not any(one["woken"] for one in await run_json("lore", "test", "A Gull!", "--json"))
    await run("lore", "detach", "Coast", "--character", "maren")
    await run("lore", "attach", "Coast", "--channel", "77")
    await run("lore", "export", "Coast", "--out", str(out))
    await run("lore", "delete", "Coast", "--yes")
    assert await run_json("lore", "list", "--json") == []
    await run("lore", "import", str(out), "--everywhere")
    [again] = await run_json("lore", "list", "--json")
    assert (again["name"], again["entries"], again["attached"]) == ("Coast", 2, "everywhere")
    assert (await run_json("lore", "show", "Coast", "--json"))["case_sensitive"]
    with pytest.raises(NotFound, match="Name one place"):
        await run("lore", "attach", "Coast", "--channel", "1", "--guild", "2")
