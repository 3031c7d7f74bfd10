"""Characters and presets at the command line, as a person types it, beside the console on the same database."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from bot.cli import channels, checks, denials, editing, lore, memories, notebooks, scripts
from bot.console.state import OPERATOR
from bot.discord.context import Context
from bot.discord.features.resources import known, screens
from bot.discord.features.resources.editor import Editor
from bot.discord.roster import Roster
from engine import config, log
from engine.actor import person
from engine.config import Settings
from engine.resources.kinds import CHARACTER, PRESET, Kind
from projections.live import heartbeats
from projections.terminal import NotFound
from tests.support.site import Site, site

CHOSEN = {
    "slug": "ada",
    "birthday": "1815-12-10",
    "avatar_url": "https://example.org/ada.png",
    "visibility": "shared",
    "co_owners": "11",
    "shared_with": "12\n13",
    "talkativeness": "0.9",
    "tools": "dice\nnotes",
    "reasoning.max_tokens": "1500",
    "max_tokens": "2000",
    "stop": "END\nStop\\nthere",
    "logit_bias": '{"50256": -100}',
    "response_format": "json_object",
    "context_tokens": "9000",
    "max_messages": "20",
    "max_age_s": "3600",
    "is_global": "yes",
}
NOT_TYPED = {"avatar", "card", "preset_id", "reasoning.effort", "top_a", "is_default", "is_free_default"}
"""Chosen in other ways, or excluded by another field that is set."""


@pytest.fixture
async def here(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Site]:
    """A console whose read models the commands use too: a command starts its own only where nobody runs them."""
    monkeypatch.setattr(config, "settings", lambda: settings)
    log.configure("tzurot", "warning")  # as the command line does: standard output belongs to the answers
    async with site(settings) as opened:
        await heartbeats.beat(opened.console.log.pool, "projections")
        yield opened


async def run(*words: str) -> str:
    """What `tzurot` prints for these words. Raises what it ends with."""
    app = typer.Typer()
    editing.register(app)
    channels.register(app)
    denials.register(app)
    lore.register(app)
    memories.register(app)
    scripts.register(app)
    notebooks.register(app)
    ran = await asyncio.to_thread(CliRunner().invoke, app, list(words), catch_exceptions=False)
    assert ran.exit_code == 0, ran.output
    return ran.stdout


async def run_json(*words: str) -> Any:
    return json.loads(await run(*words))


def every_field(kind: Kind[Any]) -> dict[str, str]:
    """A text for each field that can be typed, none its default."""
    by_kind = {"text": "some {}", "texts": "one {}\ntwo", "json": '{{"a": [1, "{}"]}}', "int": "7", "float": "0.5", "switch": "yes"}
    found = {}
    for spec in kind.fields:
        if spec.key not in NOT_TYPED:
            made = spec.choices[-1] if spec.choices else by_kind.get(spec.kind, "{}").format(spec.key)
            found[spec.key] = CHOSEN.get(spec.key, "no" if spec.kind == "switch" and spec.default else made)
    return found


def options(kind: Kind[Any], texts: dict[str, str]) -> list[str]:
    return [f"--{spec.option}={texts[spec.key]}" for spec in kind.fields if spec.key in texts]


async def read_on_discord(here: Site, settings: Settings, kind: Kind[Any], id_: str) -> tuple[Any, str]:
    """What `export` hands over there, and all screens of the dashboard with what `view` says."""
    log_, actor = here.console.log, person(OPERATOR, owner=True)
    editor = Editor(Context(log_, Roster(log_, "@"), settings))
    item = await known.find(editor.context, kind, actor, id_)
    sent = (await editor.exported(item)).file
    assert sent is not None
    pages = [await editor.dashboard(actor, item, number) for number in range(len(screens.screens(kind, actor)))]
    return json.loads(sent[1]), "\n".join(told.text for told in [*pages, await editor.view(actor, item)])


@pytest.mark.parametrize("kind", [CHARACTER, PRESET], ids=lambda kind: str(kind.name))
async def test_discord_console_command_and_file_are_equal_with_every_field_set(
    here: Site, settings: Settings, kind: Kind[Any], tmp_path: Path
) -> None:
    """C8: what a form took, `show --json`, three exports and Discord's view say alike; the file makes it again, and so do the options."""
    texts = every_field(kind)
    made = await here.form(f"/{kind.name}s", texts)
    assert made.status_code == 303, made.text
    shown = await run_json(kind.name, "show", texts["name"], "--json")
    id_ = shown.pop("id")
    shown.pop("owner_id")
    file = tmp_path / "file.json"
    await run(kind.name, "export", id_, str(file))
    exported = json.loads(file.read_text())
    assert shown == exported == (await here.http.get(f"/{kind.name}s/{id_}/export.json")).json()
    on_discord, viewed = await read_on_discord(here, settings, kind, id_)
    assert on_discord == exported
    assert [spec.key for spec in kind.fields if spec.key in texts and f"**{spec.shown.label}:** " not in viewed] == []
    again = await run_json(kind.name, "import", str(file), "--json")
    typed = await run_json(kind.name, "create", *options(kind, texts | ({"slug": "typed"} if kind is CHARACTER else {})), "--json")
    for other in (again, typed):
        copy = json.loads(await run(kind.name, "export", other["id"]))
        assert copy | {"slug": exported.get("slug")} == exported | {"slug": exported.get("slug")}


@pytest.mark.parametrize("kind", [CHARACTER, PRESET], ids=lambda kind: str(kind.name))
async def test_what_is_made_is_edited_deleted_and_brought_back(here: Site, kind: Kind[Any]) -> None:
    """An edit changes what it names and nothing else; without --yes nothing is deleted; what was deleted comes back as it was."""
    first = {"name": "Ada"} | ({"info": "A smith."} if kind is CHARACTER else {"model": "a/b"})
    id_ = (await run_json(kind.name, "create", *options(kind, first), "--json"))["id"]
    before = await run_json(kind.name, "show", "ada", "--json")
    assert await run_json(kind.name, "edit", "ada", "--name=Bea", "--json") == {"changed": ["name"]}
    after = await run_json(kind.name, "show", id_, "--json")
    assert {key for key in before if before[key] != after[key]} == {"name"}
    with pytest.raises(NotFound, match="name"):
        await run(kind.name, "edit", id_, "--name=")
    assert (await run_json(kind.name, "delete", id_, "--json"))["deleted"] is False
    assert (await run_json(kind.name, "delete", id_, "--yes", "--json"))["deleted"] is True
    with pytest.raises(NotFound, match=f"no such {kind.name}"):
        await run(kind.name, "show", id_)
    assert (await run_json(kind.name, "restore", "bea", "--json")) == {"id": id_}
    assert await run_json(kind.name, "show", id_, "--json") == after
    assert id_ in [item["id"] for item in await run_json(kind.name, "list", "--json")]


async def test_doctor_says_which_preset_decides_the_model(here: Site, settings: Settings) -> None:
    """DEFAULT_MODEL counts at the first start only: afterwards the default preset decides, and the check names the command."""
    found = await asyncio.to_thread(checks.decides, settings)
    assert "DEFAULT_MODEL" in found
    assert settings.default_model in found
    id_ = (await run_json("preset", "create", "--name=Mine", "--model=a/b", "--json"))["id"]
    await run("preset", "default", id_)
    told = await asyncio.to_thread(checks.decides, settings.model_copy(update={"default_model": "c/d"}))
    for words in ("Mine", "a/b", "tzurot preset default", f"tzurot preset edit {id_[:8]} --model", "DEFAULT_MODEL (c/d)"):
        assert words in told


async def test_a_channel_is_told_who_speaks_there(here: Site) -> None:
    """A4, A3: activate two, choose how they are drafted and how many answer; what is out of range is refused and nothing changes."""
    await run("character", "create", "--name", "Osric", "--info", "Keeps a tower.", "--talkativeness", "0.9")
    await run("character", "create", "--name", "Lilith", "--info", "Watches the moon.")
    await run("channel", "activate", "4242", "osric")
    await run("channel", "activate", "4242", "lilith")
    assert await run_json("channel", "edit", "4242", "--strategy", "list", "--most", "2", "--json") == {"changed": ["most", "strategy"]}
    assert await run_json("channel", "edit", "4242", "--strategy", "list", "--json") == {"changed": []}
    shown = await run_json("channel", "show", "4242", "--json")
    assert (shown["strategy"], shown["most"], shown["set"]) == ("list", 2, True)
    assert [(one["short name"], one["talkativeness"]) for one in shown["characters"]] == [("osric", 0.9), ("lilith", 0.5)]
    with pytest.raises(NotFound, match="1 to 10"):
        await run("channel", "edit", "4242", "--most", "11")
    with pytest.raises(NotFound, match="number"):
        await run("channel", "show", "general")
    await run("channel", "deactivate", "4242", "osric")
    assert "Lilith" in await run("channel", "show", "4242")
    assert "list" in await run("channel", "show", "4242")


async def test_a_person_is_denied_and_answered_again(here: Site) -> None:
    """H1: everywhere, or in one place, with a reason; what is no id is refused."""
    await run("deny", "add", "99", "--reason", "spam")
    await run("deny", "add", "99", "--channel", "4242", "--mute")
    listed = await run_json("deny", "list", "--json")
    assert [(d["person"], d["where"], d["mode"], d["reason"]) for d in listed] == [
        (99, "in channel 4242", "mute", ""),
        (99, "anywhere", "block", "spam"),
    ]
    await run("deny", "remove", "99")
    assert len(await run_json("deny", "list", "99", "--json")) == 1
    with pytest.raises(NotFound, match="not denied"):
        await run("deny", "remove", "99")
    with pytest.raises(NotFound, match="by their id"):
        await run("deny", "add", "somebody")
    with pytest.raises(NotFound, match="not both"):
        await run("deny", "add", "99", "--channel", "1", "--guild", "2")


async def test_what_cannot_be_taken_back_is_shown_before_it_is_done(here: Site) -> None:
    """Forgetting at the command line: nothing without --yes, and JSON stays JSON."""
    await run("memory", "remember", "99", "She keeps bees.")
    [noted] = await run_json("memory", "list", "--json")
    assert await run_json("memory", "purge", "99", "--json") == {"person": 99, "forgotten": False}
    assert await run_json("memory", "forget", noted["name"], "--json") == {"id": noted["id"], "forgotten": False}
    told = await run("memory", "forget", noted["name"])
    assert "She keeps bees." in told
    assert "--yes" in told
    assert await run_json("memory", "list", "--json") == [noted]
    await run("memory", "forget", noted["name"], "--yes")
    assert await run_json("memory", "list", "--json") == []
    await run("memory", "remember", "99", "She keeps wasps.")
    assert "is forgotten" in await run("memory", "purge", "99", "--yes")
    assert await run_json("memory", "list", "--json") == []


async def test_an_export_of_pluralkit_becomes_personas_once(here: Site, tmp_path: Path) -> None:
    """At the command line; a second time nothing is added."""
    file = tmp_path / "system.json"
    file.write_text(
        json.dumps({"version": 1, "members": [{"id": "abcde", "name": "Rook", "pronouns": "they/them"}, {"id": "fghij", "name": "Wren"}]})
    )
    assert (await run_json("persona", "import", str(file), "--json"))["made"] == ["Rook", "Wren"]
    again = await run_json("persona", "import", str(file), "--json")
    assert (again["made"], again["repeated"]) == ([], 2)
    assert [row["name"] for row in await run_json("persona", "list", "--json")] == ["Rook", "Wren"]


async def test_presets_are_chosen_for_places_and_said_who_decides(here: Site) -> None:
    """C4: with a character, for a channel, for a server; the nearest decides and the others are named; taken back one by one."""
    await run("character", "create", "--name", "Osric", "--info", "Keeps a tower.")
    for name in ("One", "Two", "Three"):
        await run("preset", "create", f"--name={name}", "--model=a/b", "--is-global=yes")
    assert "answers there now" in await run("preset", "override", "one", "--server", "6")
    assert (await run_json("preset", "override", "one", "--server", "6", "--json"))["changed"] is False
    await run("preset", "override", "two", "--channel", "5", "--server", "6")
    await run("preset", "override", "three", "--person", "7", "--character", "osric")
    asked = ("preset", "override", "--person", "7", "--server", "6", "--channel", "5", "--json")
    found = await run_json(*asked, "--character", "osric")
    assert (found["name"], found["tier"], found["before"][:2]) == ("Three", "user+character", ["channel", "server"])
    assert ((await run_json(*asked))["name"], (await run_json(*asked))["tier"]) == ("Two", "channel")
    assert "server decides" in await run("preset", "override", "--person", "7", "--server", "6")
    listed = await run_json("preset", "override", "--json")
    assert {(row["preset"], row["person"], row["character"], row["channel"], row["server"]) for row in listed} == {
        ("Three", "7", "osric", "", ""),
        ("One", "", "", "", "6"),
        ("Two", "", "", "5", "6"),
    }
    await run("preset", "override", "--clear", "--channel", "5", "--server", "6")
    assert (await run_json(*asked))["name"] == "One"
    with pytest.raises(NotFound, match="for a person with a character"):
        await run("preset", "override", "one", "--channel", "5")
