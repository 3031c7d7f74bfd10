"""A character's picture: put, shown, carried in files, erased with its owner."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot import avatars, editing
from engine import config, erasure, ids, log, seed
from engine.actor import Actor, operator, person
from engine.blobs.pictures import media_type, prepared
from engine.config import Settings
from engine.decide.rejected import Rejected
from engine.resources.kinds import CHARACTER
from engine.store import Log
from projections.live import heartbeats
from projections.terminal import NotFound
from tests.service.test_cli_editing import run, run_json
from tests.support.pictures import picture
from tests.support.site import Site, site

OPERATOR = operator(1)
RED, BLUE = picture(colour="red"), picture("JPEG", (600, 300), colour="blue")


@pytest.fixture
async def here(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Site]:
    monkeypatch.setattr(config, "settings", lambda: settings)
    log.configure("tzurot", "warning")
    async with site(settings) as opened:
        await heartbeats.beat(opened.console.log.pool, "projections")
        yield opened


async def ada(log: Log, actor: Actor = OPERATOR) -> editing.Item:
    new_id = ids.random_id()
    made = editing.creation(CHARACTER, new_id, {"name": "Ada", "slug": "ada", "info": "A smith."})
    await editing.carry_out(log, actor, made, ids.random_id())
    return await editing.find(log, CHARACTER, actor, "ada")


async def test_a_picture_is_put_by_a_file_and_taken_away(here: Site, tmp_path: Path) -> None:
    """From the command line, whatever the file is called; --save gives it back."""
    await ada(here.console.log)
    file = tmp_path / "red.txt"
    file.write_bytes(RED)
    address = (await run_json("character", "avatar", "ada", str(file), "--json"))["avatar"]
    assert await avatars.read(here.console.log, address) == prepared(RED).content
    await run("character", "avatar", "ada", "--save", str(tmp_path / "out.png"))
    assert (tmp_path / "out.png").read_bytes() == prepared(RED).content
    file.write_text("<svg/>")
    with pytest.raises(NotFound, match="no picture"):
        await run("character", "avatar", "ada", str(file))
    assert (await run_json("character", "avatar", "ada", "--json"))["avatar"] == address
    assert (await run_json("character", "avatar", "ada", "--clear", "--json"))["avatar"] == ""


async def test_only_who_may_edit_a_character_may_change_its_picture(here: Site) -> None:
    """And a refused one leaves nothing behind but what the samples have."""
    log = here.console.log
    owner, other = person(71), person(72)
    hers = await ada(log, owner)
    with pytest.raises(Rejected, match="not yours"):
        await avatars.put(log, other, hers.id, RED, ids.random_id())
    async with log.pool.connection() as connection:
        row = await (await connection.execute("SELECT count(*) FROM blobs")).fetchone()
    assert row == (len(seed.samples()),)
    await avatars.put(log, owner, hers.id, RED, key := ids.random_id())
    assert (await avatars.put(log, owner, hers.id, RED, key)).repeated


async def test_a_file_carries_the_picture_into_another_character(here: Site, tmp_path: Path) -> None:
    """Exported inside the JSON by both faces alike; an address alone is named as left out, and so is what is no picture."""
    log = here.console.log
    made = await ada(log)
    await avatars.put(log, OPERATOR, made.id, BLUE, ids.random_id())
    file = tmp_path / "ada.json"
    await run("character", "export", "ada", str(file))
    tree = json.loads(file.read_text())
    assert tree["avatar"].startswith("data:image/")
    assert tree == (await here.http.get(f"/characters/{made.id}/export.json")).json()
    again = await run_json("character", "import", str(file), "--json")
    assert again["notes"] == []
    copy = await editing.find(log, CHARACTER, OPERATOR, again["id"])
    first = await editing.find(log, CHARACTER, OPERATOR, "ada")
    assert await avatars.read(log, copy.values["avatar"]) == prepared(prepared(BLUE).content).content
    for value, said in ((first.values["avatar"], "not in the file"), ("QUJD" * 40, "no picture"), ("ä" * 100, "no picture")):
        file.write_text(json.dumps({**tree, "avatar": value}))
        notes = (await run_json("character", "import", str(file), "--json"))["notes"]
        assert any(said in line for line in notes), notes
    file.write_text(json.dumps({"name": "Old", "characterInfo": "x", "avatarData": tree["avatar"].partition(",")[2]}))
    old = await run_json("character", "import", str(file), "--json")
    assert (await editing.find(log, CHARACTER, OPERATOR, old["id"])).values["avatar"]


async def test_erasing_an_owner_takes_their_pictures_and_leaves_a_copy_of_another(here: Site) -> None:
    """The blob is sealed for who owns the character, and so is a copy for whom it was copied."""
    log = here.console.log
    hers = await ada(log, person(71))
    await avatars.put(log, person(71), hers.id, RED, ids.random_id())
    address = (await editing.find(log, CHARACTER, OPERATOR, "ada")).values["avatar"]
    copy = await avatars.copied(log, address, 1)
    assert copy != address
    await erasure.erase(log, 71, requested_by=1)
    assert await avatars.read(log, address) is None
    assert await avatars.copied(log, address, 1) == ""
    assert media_type(await avatars.read(log, copy) or b"") is not None


async def test_the_console_takes_shows_and_removes_a_picture(here: Site) -> None:
    """By a form of the character's page; served by its content's address, and not again while it is the same."""
    made = await ada(here.console.log)
    page, path = f"/characters/{made.id}", f"/characters/{made.id}/avatar"
    face = await here.http.get(f"/avatars/{made.id}")
    assert face.headers["location"] == f"/avatars/{made.id}.svg"
    sent = await here.http.post(path, files={"file": ("a.svg", RED, "image/svg+xml")}, headers={"origin": here.address})
    assert sent.status_code == 303
    assert sent.headers["location"].startswith(f"{page}?changed=")
    address = (await editing.find(here.console.log, CHARACTER, OPERATOR, "ada")).values["avatar"]
    for where in (page, "/characters"):
        assert f"/pictures/{address}/small" in (await here.http.get(where)).text
    assert (await here.http.get(f"/avatars/{made.id}")).headers["location"] == f"/pictures/{address}/small"
    shown = await here.http.get(f"/pictures/{address}")
    assert shown.content == prepared(RED).content
    assert (shown.headers["content-type"], shown.headers["x-content-type-options"]) == ("image/png", "nosniff")
    again = await here.http.get(f"/pictures/{address}", headers={"if-none-match": shown.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert (await here.http.get(f"/pictures/{address}/large")).status_code == 404
    assert (await here.http.get(f"/pictures/{'0' * 64}")).status_code == 404
    refused = await here.http.post(path, files={"file": ("a.png", b"<svg/>", "image/png")}, headers={"origin": here.address})
    assert refused.status_code == 422
    assert "no picture" in refused.text
    foreign = await here.http.post(path, files={"file": ("a.png", BLUE)}, headers={"origin": "https://elsewhere.example"})
    assert foreign.status_code == 403
    copied = await here.form(f"/characters/{made.id}/duplicate", {})
    assert f"/pictures/{address}" in (await here.http.get(copied.headers["location"].removesuffix("/edit"))).text
    assert (await here.form(path, {"remove": "yes"})).status_code == 303
    assert "/pictures/" not in (await here.http.get(page)).text


async def test_a_picture_larger_than_a_form_may_be_is_taken(here: Site) -> None:
    """Phones make files of some megabytes; more than ten are refused in a sentence."""
    made = await ada(here.console.log)
    for size, status in ((3, 303), (11, 422)):
        file = {"file": ("a.png", RED + bytes(size * 2**20), "image/png")}
        sent = await here.http.post(f"/characters/{made.id}/avatar", files=file, headers={"origin": here.address})
        assert sent.status_code == status
