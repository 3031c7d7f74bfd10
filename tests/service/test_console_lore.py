"""Lorebooks and regex scripts on the console: made, edited, tried while they are typed, taken back."""

import json
import re
from collections.abc import AsyncIterator

import pytest

from bot import lore, scripts
from bot.console.pages.lore import ACTOR
from engine import seed
from engine.config import Settings
from tests.support.site import Site, site

WREN = next(sample.character_id for sample in seed.samples() if sample.slug == "wren")


@pytest.fixture
async def here(settings: Settings) -> AsyncIterator[Site]:
    async with site(settings) as opened:
        yield opened


async def look(here: Site, path: str, status: int = 200) -> str:
    await here.settled()
    answer = await here.http.get(path)
    assert answer.status_code == status, answer.text
    return answer.text


async def test_a_lorebook_is_made_edited_tried_and_taken_back(here: Site) -> None:
    """Empty or of a file; entries with all that is wrong with them; a text tried live, and without a script."""
    assert "There is no lorebook yet." in await look(here, "/lore")
    assert "Choose a file, or give the new lorebook a name." in (await here.form("/lore", {"name": " "})).text
    made = await here.form("/lore", {"name": "Harbour <b>"})
    page = made.headers["location"]
    shown = await look(here, page)
    assert "Harbour &lt;b&gt;" in shown
    assert "Nowhere yet" in shown
    wrong = await here.form(f"{page}/entries/0", {"comment": "Old mill", "content": "It burnt down."})
    assert (wrong.status_code, "An entry needs a key" in wrong.text, "It burnt down." in wrong.text) == (422, True, True)
    added = await here.form(f"{page}/entries/0", {"comment": "Old mill", "keys": "mill\n/ferr(y|ies)/i", "content": "It burnt down."})
    assert (added.status_code, "changed=" in added.headers["location"]) == (303, True)
    assert (await here.form(f"{page}/entries/1", {"comment": "Off", "keys": "ship", "disabled": "yes", "content": "x"})).status_code == 303
    shown = await look(here, page)
    assert "Old mill" in shown
    assert "New entry" in shown
    book = page.rpartition("/")[2]
    tried = await here.http.post(
        "/lore/test", data={"text": "The FERRY is late", "book": book}, headers={"hx-request": "true", "origin": here.address}
    )
    assert re.search(r"Old mill.*woken.*/ferr", tried.text, re.DOTALL)
    assert "Off" in tried.text
    assert "<html" not in tried.text
    whole = await here.form("/lore/test", {"text": "nothing of it", "character": "wren"})
    assert "<html" in whole.text
    assert "woken</span>" not in whole.text
    assert (await here.form(f"{page}/attach", {"scope": "character", "character": "wren"})).status_code == 303
    assert (await here.form(f"{page}/attach", {"scope": "channel", "target": "12a"})).status_code == 422
    assert (await here.form(f"{page}/edit", {"name": "Harbour", "recursive": "yes", "budget": "10"})).status_code == 303
    assert (await here.form(f"{page}/edit", {"name": "", "budget": "many"})).status_code == 422
    await here.settled()
    found = await lore.find(here.console.log, ACTOR, book)
    assert (found.sheet.name, found.sheet.recursive, found.sheet.budget) == ("Harbour", True, 10)
    assert found.shelved.attached == (("character", str(WREN)),)
    assert found.entries[0]["key"] == ["mill", "/ferr(y|ies)/i"]
    edited = await here.form(f"{page}/entries/0", {"keys": "mill", "order": "7"})
    await here.settled()
    assert (await lore.find(here.console.log, ACTOR, book)).entries[0]["key"] == ["mill"]
    await here.form(f"{page}/undo", {"of": edited.headers["location"].partition("changed=")[2]})
    await here.form(f"{page}/entries/1", {"remove": "yes"})
    await here.form(f"{page}/detach", {"scope": "character", "target": str(WREN)})
    await here.settled()
    found = await lore.find(here.console.log, ACTOR, book)
    assert (list(found.entries), found.entries[0]["key"], found.shelved.attached) == ([0], ["mill", "/ferr(y|ies)/i"], ())
    world = (await here.http.get(f"{page}/export.json")).content
    gone = await here.form(f"{page}/delete", {})
    assert "Deleted." in await look(here, gone.headers["location"])
    assert (await here.http.get(page)).status_code == 422
    again = await here.http.post("/lore", files={"file": ("Harbour.json", world)}, data={"name": ""}, headers={"origin": here.address})
    assert again.status_code == 303, again.text
    assert "Old mill" in await look(here, again.headers["location"])
    assert (
        await here.http.post("/lore", files={"file": ("x.json", b"{")}, data={"name": ""}, headers={"origin": here.address})
    ).status_code == 422
    assert (await here.form(f"{page}/undo", {"of": gone.headers["location"].partition("changed=")[2]})).status_code == 303
    assert "Old mill" in await look(here, page)


async def test_scripts_of_a_character_are_edited_ordered_and_tried(here: Site) -> None:
    page = f"/characters/{WREN}/scripts"
    assert "There is no script yet." in await look(here, page)
    wrong = await here.form(page, {"name": "Twice", "find": "/(a)\\1/", "replies": "yes"})
    assert (wrong.status_code, "What you typed is still here" in wrong.text) == (422, True)
    for name, find, replace in (("Sea", "/sea/g", "lake"), ("Lake", "/lake/g", "<pond>")):
        saved = await here.form(page, {"name": name, "find": find, "replace": replace, "replies": "yes", "user": "no"})
        assert saved.status_code == 303, saved.text
    assert (await here.form(page, {"name": "sea", "find": "x", "replies": "yes"})).status_code == 422
    tried = await here.http.post(f"{page}/test", data={"text": "The sea"}, headers={"hx-request": "true", "origin": here.address})
    assert "The &lt;pond&gt;" in tried.text
    assert "<html" not in tried.text
    await here.form(f"{page}/later", {"name": "Sea"})
    assert "The lake" in (await here.form(f"{page}/test", {"text": "The sea"})).text
    assert 'value="Sea"' in await look(here, f"{page}?edit=Sea")
    renamed = await here.form(page, {"was": "Sea", "name": "Ocean", "find": "/ocean/g", "replace": "sea", "replies": "yes"})
    shown = await look(here, renamed.headers["location"])
    assert "Ocean" in shown
    assert (await here.form(f"{page}/undo", {"of": renamed.headers["location"].partition("changed=")[2]})).status_code == 303
    assert "Ocean" not in await look(here, page)
    await here.form(f"{page}/remove", {"name": "Lake"})
    assert "Lake" not in await look(here, page)
    world = json.dumps([{"scriptName": "Quiet", "findRegex": "/!/g", "replaceString": ".", "placement": [2]}]).encode()
    assert (
        await here.http.post(f"{page}/import", files={"file": ("s.json", world)}, data={}, headers={"origin": here.address})
    ).status_code == 303
    assert "Quiet" in await look(here, page)
    assert (await here.form(f"{page}/nonsense", {"name": "Quiet"})).status_code == 422


async def test_scripts_of_a_server_have_a_page_too(here: Site) -> None:
    """By its name where it has one, reached from its own page, with all that a character's have; they hold before the character's own."""
    page = "/servers/4711/scripts"
    assert f'href="{page}"' in await look(here, "/servers/4711")
    assert "server …4711" in await look(here, page)
    assert "There is no script yet." in await look(here, page)
    saved = await here.form(page, {"name": "Sea", "find": "/sea/g", "replace": "lake", "replies": "yes"})
    assert saved.headers["location"].startswith(f"{page}?changed=")
    assert "The lake" in (await here.form(f"{page}/test", {"text": "The sea"})).text
    assert 'value="Sea"' in await look(here, f"{page}?edit=Sea")
    assert "Sea" not in await look(here, f"/characters/{WREN}/scripts")
    await here.settled()
    assert [script.find for script in await scripts.scripts_of(here.console.log, WREN, 4711)] == ["/sea/g"]
    assert (await here.form(f"{page}/undo", {"of": saved.headers["location"].partition("changed=")[2]})).status_code == 303
    assert "There is no script yet." in await look(here, page)
    assert (await here.form(f"{page}/nonsense", {"name": "Sea"})).status_code == 422


async def test_a_notebook_is_read_written_and_taken_back(here: Site) -> None:
    """What is noted of a person in a channel, escaped; a note that cannot be is said in a sentence."""
    page = f"/characters/{WREN}/notebooks"
    assert "It has noted nothing yet." in await look(here, page)
    assert f'href="{page}"' in await look(here, f"/characters/{WREN}")
    about = {"person": "77", "channel": "88"}
    assert "by their ids" in (await here.form(f"{page}/add", about | {"person": "Zoe", "note": "x"})).text
    saved = await here.form(f"{page}/add", about | {"note": "Likes <b>tea</b>"})
    shown = await look(here, saved.headers["location"])
    assert "Likes &lt;b&gt;tea&lt;/b&gt;" in shown
    assert "That stands there already." in (await here.form(f"{page}/add", about | {"note": " Likes <b>tea</b> "})).text
    struck = await here.form(f"{page}/strike", about | {"note": "1"})
    assert "It has noted nothing yet." in await look(here, page)
    await here.form(f"{page}/undo", {"of": struck.headers["location"].partition("changed=")[2]})
    assert "Likes &lt;b&gt;tea" in await look(here, page)
    assert "There is no note 9." in (await here.form(f"{page}/strike", about | {"note": "9"})).text
    assert (await here.form(f"{page}/burn", about | {"note": "1"})).status_code == 422
