"""The console's pages of characters and presets: view, edit, duplicate, delete, undo, export, import."""

import json
import re
from collections.abc import AsyncIterator

import pytest

from bot import editing
from bot.console.pages.editing import ACTOR
from engine import ids
from engine.actor import person
from engine.config import Settings
from engine.resources.kinds import CHARACTER, PRESET, defaults
from engine.resources.typed import show
from tests.support.site import Site, site

FULL = {
    "name": "Ada <b>Smith</b>",
    "slug": "ada",
    "info": "A smith; calls {{user}} friend.",
    "custom": '{"a": [1, null]}',
    "aliases": "The Smith\nSparks",
    "birthday": "1815-12-10",
    "avatar_url": "https://example.org/ada.png",
    "visibility": "shared",
    "co_owners": "11",
    "shared_with": "12\n13",
}


@pytest.fixture
async def here(settings: Settings) -> AsyncIterator[Site]:
    async with site(settings) as opened:
        yield opened


async def test_a_character_with_every_field_is_equal_in_form_file_and_read_model(here: Site) -> None:
    """C8: what the form took, the page shows, the file holds, and the file makes again."""
    texts = {spec.key: f"some {spec.key}" for spec in CHARACTER.fields if spec.kind == "text" and not spec.stored} | FULL
    assert (await here.form("/characters", texts)).status_code == 303
    ada = await editing.find(here.console.log, CHARACTER, ACTOR, "ada")
    assert {key: show(spec, ada.values[key]) for key in texts if (spec := CHARACTER.field(key)) and spec.kind != "json"} == {
        key: text for key, text in texts.items() if key != "custom"
    }
    shown = (await here.http.get(f"/characters/{ada.id}")).text
    assert "calls you friend" in shown
    assert "<b>Smith" not in shown
    file = (await here.http.get(f"/characters/{ada.id}/export.json")).content
    answer = await here.http.post("/characters/import", files={"file": ("ada.json", file)}, headers={"origin": here.address})
    assert answer.status_code == 303
    again = await editing.find(here.console.log, CHARACTER, ACTOR, "ada-2")
    assert again.values | {"slug": "ada"} == ada.values
    assert json.loads(file)["custom"] == {"a": [1, None]}


async def test_an_edit_is_made_once_and_what_is_wrong_is_said_at_its_field(here: Site) -> None:
    """The first wrong field has the focus; the same form sent twice is one event; an edit in between is noticed."""
    await here.form("/characters", {"name": "Ada", "info": "A smith."})
    ada = await editing.find(here.console.log, CHARACTER, ACTOR, "ada")
    path = f"/characters/{ada.id}/edit"
    bad = await here.form(path, {"name": "", "tone": "x" * 501})
    assert (bad.status_code, bad.text.count('aria-invalid="true"'), bad.text.count(" autofocus")) == (422, 2, 1)
    form = (await here.http.get(path)).text
    hidden = {name: re.search(f'name="{name}" value="([^"]*)"', form)[1] for name in ("key", "seen")}  # type: ignore[index]  # a form has both
    for _ in range(2):
        assert (await here.form(path, {"tone": "dry", "key": hidden["key"]})).status_code == 303
    assert len(await here.events(["character.edited"])) == 1
    late = await here.form(path, {"tone": "warm", "seen": hidden["seen"]})
    assert late.status_code == 422
    assert "changed elsewhere" in late.text


async def test_deleting_is_undone_and_a_copy_has_its_own_name(here: Site) -> None:
    """Both kinds alike; the list offers the way back."""
    await here.form("/presets", {"name": "Mine", "model": "a/b", "reasoning.effort": "high", "max_tokens": "500"})
    mine = await editing.find(here.console.log, PRESET, ACTOR, "mine")
    page = (await here.http.get(f"/presets/{mine.id}")).text
    assert "500 (set here)" in page
    assert "less than the effort high" in page
    copied = await here.form(f"/presets/{mine.id}/duplicate", {})
    assert (await here.http.get(copied.headers["location"])).status_code == 200
    gone = await here.form(f"/presets/{mine.id}/delete", {})
    assert "Undo" in (await here.http.get(gone.headers["location"])).text
    assert (await here.http.get(f"/presets/{mine.id}")).status_code == 422
    assert (await here.form(f"/presets/{mine.id}/restore", {})).status_code == 303
    back = await editing.find(here.console.log, PRESET, ACTOR, str(mine.id))
    assert back.values == mine.values
    assert defaults(PRESET)["temperature"] is None


async def test_a_persona_is_made_worn_and_taken_off(here: Site) -> None:
    """C3: the same pages as of the other kinds; the page says whether it is who one is, and the change can be taken back."""
    made = await here.form("/personas", {"name": "Captain <i>Ahab</i>", "about": "Hunts a whale."})
    one = made.headers["location"]
    assert "Captain &lt;i&gt;Ahab" in (await here.http.get("/personas")).text
    assert "Be it everywhere" in (await here.http.get(one)).text
    worn = await here.form(f"{one}/wear", {})
    after = (await here.http.get(worn.headers["location"])).text
    assert "worn everywhere" in after
    assert "Be it no longer" in after
    await here.form(f"{one}/wear", {"clear": "yes"})
    assert "Be it everywhere" in (await here.http.get(one)).text
    gone = await here.form(f"{one}/delete", {})
    assert "Undo" in (await here.http.get(gone.headers["location"])).text
    assert (await here.form(f"{one}/wear", {})).status_code == 422


async def test_an_unlisted_character_of_somebody_else_is_offered_to_nobody(here: Site) -> None:
    """C9: the chooser of the playground shows what lists show; who knows its short name still gets to it."""
    fields = {"name": "Hidden", "slug": "hidden", "info": "Nobody knows.", "visibility": "unlisted"}
    command = editing.creation(CHARACTER, ids.derived("test", "hidden"), fields)
    await editing.carry_out(here.console.log, person(77), command, ids.derived("test", "make"))
    assert "Hidden" not in (await here.http.get("/?new=1")).text
    assert "Hidden" in (await here.http.get("/?character=hidden")).text


async def test_a_saved_change_is_taken_back_from_the_page_it_leads_to(here: Site) -> None:
    """Once: a second press says that it was taken back, and a key of somebody's invention that there is nothing."""
    await here.form("/characters", {"name": "Ada", "info": "A smith.", "tone": "dry"})
    ada = await editing.find(here.console.log, CHARACTER, ACTOR, "ada")
    saved = await here.form(f"/characters/{ada.id}/edit", {"tone": "warm"})
    after = (await here.http.get(saved.headers["location"])).text
    of = re.search(r'name="of" value="([^"]+)"', after)
    assert of is not None
    assert (await here.form(f"/characters/{ada.id}/undo", {"of": of[1]})).status_code == 303
    assert (await editing.find(here.console.log, CHARACTER, ACTOR, "ada")).values["tone"] == "dry"
    again = await here.form(f"/characters/{ada.id}/undo", {"of": of[1]})
    assert (again.status_code, "taken back already" in again.text) == (422, True)
    for wrong in ("", "x", str(ada.id)):
        assert (await here.form(f"/characters/{ada.id}/undo", {"of": wrong})).status_code == 422
    assert "Undo" not in (await here.http.get(f"/characters/{ada.id}?changed=<b>")).text
