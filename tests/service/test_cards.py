"""Cards by the command line and the console: the same code, nothing lost, refused in one sentence."""

import json
from pathlib import Path
from typing import Any

import pytest

from bot import cards, editing
from bot.console.pages.editing import ACTOR
from engine.cards.card import read_card
from engine.events.memory import MemoryNoted
from engine.oldmemories.reading import memory_id
from engine.resources.kinds import CHARACTER
from engine.store import Query
from projections.terminal import NotFound
from tests.service.test_cli_editing import here as here
from tests.service.test_cli_editing import run, run_json
from tests.support import cards as made
from tests.support import shapes
from tests.support.pictures import picture
from tests.support.site import Site

LEFT_HERE = {"slug", "avatar", "card", "visibility"}


def carried(item: editing.Item) -> dict[str, Any]:
    """What of a character a card carries."""
    return {name: value for name, value in item.values.items() if name not in LEFT_HERE}


async def upload(here: Site, name: str, content: bytes, **fields: str) -> tuple[int, str]:
    answer = await here.http.post("/characters/import", data=fields, files={"file": (name, content)}, headers={"origin": here.address})
    return answer.status_code, answer.text


async def test_a_card_goes_in_and_out_by_every_face(here: Site, tmp_path: Path) -> None:
    """The command line's copy, the console's, and the copies of all their files are one character with one card."""
    file = tmp_path / "wren.charx"
    file.write_bytes(made.charx(made.v3(), {"assets/song.mp3": b"la la"}))
    shown = await run_json("character", "import", str(file), "--json")
    assert shown["from"] == "a V3 card (CHARX)"
    first = await editing.find(here.console.log, CHARACTER, ACTOR, shown["id"])
    assert first.values["scenario"] == made.token("scenario")
    assert first.values["talkativeness"] == 0.7
    for form, path in (("png", "export.png"), ("charx", "export.charx"), ("json", "export.v3.json"), ("v2", "export.v2.json")):
        out = tmp_path / f"out-{form}"
        await run("character", "export", first.handle, "--format", form, "--out", str(out))
        assert out.read_bytes() == (await here.http.get(f"/characters/{first.id}/{path}")).content
        again = await editing.find(here.console.log, CHARACTER, ACTOR, (await run_json("character", "import", str(out), "--json"))["id"])
        assert carried(again) == carried(first)
        kept = await cards.card_of(here.console.log, again)
        assert kept is not None
        assert made.token("entry_strange") in json.dumps(kept.form.tree)
        assert ("assets/song.mp3" in kept.files) == (form == "charx")
    assert [a.read() for a in read_card((tmp_path / "out-charx").read_bytes()).assets] == [b"la la"]


async def test_our_own_file_carries_the_card_too(here: Site, tmp_path: Path) -> None:
    """Every field, the picture, and the card it came from."""
    file, own = tmp_path / "wren.png", tmp_path / "own.json"
    file.write_bytes(made.in_png(made.text_chunk(b"chara", made.coded(made.v2()))))
    first = (await run_json("character", "import", str(file), "--json"))["id"]
    await run("character", "export", first, str(own))
    again = (await run_json("character", "import", str(own), "--json"))["id"]
    one, other = [await editing.find(here.console.log, CHARACTER, ACTOR, id_) for id_ in (first, again)]
    assert other.values | {"slug": one.values["slug"]} == one.values
    assert one.values["avatar"]
    assert one.values["card"]


async def test_a_look_makes_nothing_and_names_every_part(here: Site, tmp_path: Path) -> None:
    file = tmp_path / "wren.json"
    file.write_bytes(json.dumps(made.v3()).encode())
    before = len(await editing.items(here.console.log, CHARACTER, ACTOR))
    seen = await run_json("character", "import", str(file), "--preview", "--json")
    assert {part["part"] for part in seen["parts"]} >= {"name", "character_book", "nickname", "unheard", "beside"}
    status, page = await upload(here, "wren.json", file.read_bytes(), look="yes")
    assert status == 200
    for part in ("character_book", "nickname", "unheard", "beside"):
        assert f"<code>{part}</code>" in page
    assert len(await editing.items(here.console.log, CHARACTER, ACTOR)) == before
    assert "Nothing was done" in await run("character", "import", str(file), "--preview")


async def test_a_form_sent_twice_makes_one_character(here: Site) -> None:
    content, key = json.dumps(made.v2()).encode(), "7a8a4a4e-3c0c-4f43-9a53-16a7f2c8d0aa"
    for _ in range(2):
        assert (await upload(here, "wren.json", content, key=key))[0] == 200
    found = [item for item in await editing.items(here.console.log, CHARACTER, ACTOR) if item.name == made.token("name")]
    assert len(found) == 1


async def test_a_file_that_is_no_card_is_refused_in_one_sentence(here: Site, tmp_path: Path) -> None:
    broken = made.in_png(made.text_chunk(b"chara", made.coded(made.v2())))[:-20]
    for name, content, said in (
        ("a.png", picture(), "holds no character card"),
        ("a.jpg", picture("JPEG"), "holds no character card"),
        ("cut.png", broken, "ends in the middle"),
        ("a.charx", made.zipped({"../card.json": b"{}"}), "leads out of it"),
        ("a.json", b'{"hello": 1}', "holds no character card"),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(NotFound, match=said):
            await run("character", "import", str(tmp_path / name))
        status, page = await upload(here, name, content)
        assert status == 422
        assert said in page


async def test_a_backup_of_shapes_comes_in_once_with_everything(here: Site, tmp_path: Path) -> None:
    """Character, preset, memories, talk; imported + repeated + skipped is all; the same backup, or one cut off, doubles nothing (G3)."""
    for name, content in shapes.raw(20).items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    held = await run_json("character", "import", str(tmp_path / "mochi"), "--preview", "--json")
    assert (held["name"], held["lines"], held["senders"]) == ("Mochi", 41, {"u": 3})
    with pytest.raises(NotFound, match="is an account"):
        await run("character", "import", str(tmp_path / "mochi"), "--map", "u=123456789012345678")
    asked = await run("character", "import", str(tmp_path / "mochi"), "--map", "u=Rook", "--preview")
    assert ("u: 3 memories" in asked, "u is Rook" in asked) == (True, True)
    first = await run_json("character", "import", str(tmp_path / "mochi"), "--map", "u=Rook", "--json")
    assert (first["created"], first["character"], first["messages"]) == (True, "mochi", 41)
    counts = first["imported"] + first["repeated"] + sum(first["skipped"].values())
    assert (first["records"], counts, first["repeated"]) == (7, 7, 1)
    log = here.console.log
    before = await log.head()
    packed = tmp_path / "mochi.zip"
    packed.write_bytes(shapes.zipped(shapes.raw(20)))
    again = await run_json("character", "import", str(packed), "--source", "shapes", "--json")
    assert (again["created"], again["imported"], again["messages"], again["messages_repeated"]) == (False, 0, 41, 41)
    added = [row.type async for row in log.rows(Query(after=before))]
    assert [kind for kind in added if kind not in ("reply.intended", "reply.chunk_delivered", "reply.delivered")] == []  # it is shown
    noted = [event for event in await here.events(["memory.noted"]) if isinstance(event, MemoryNoted)]
    assert ({event.origin for event in noted}, {event.speaker for event in noted}) == ({"shapes_inc"}, {"Rook", ""})
    key, character = await log.vault.key("user:1"), noted[0].character_id
    assert character is not None
    assert memory_id(key, 1, character, "canary memory") in {event.memory_id for event in noted}, "by `tzurot memory import` it is the same"
    shown = await run_json("character", "show", "mochi", "--json")
    assert (shown["greeting"], shown["custom"]["userPersonalization"]) == ("canary greeting", {"backstory": "canary backstory"})
