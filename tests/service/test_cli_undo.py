"""`tzurot undo`: the newest change of the operator or of a person is taken back, once, by a command of its own."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from bot import editing
from bot.cli import editing as commands
from bot.cli import undo
from engine import config, ids, log
from engine.actor import Actor, operator, person
from engine.config import Settings
from engine.events.build import new
from engine.events.preset import PresetCreated
from engine.resources.kinds import CHARACTER, PRESET
from projections.live import heartbeats
from projections.models import catalog
from projections.terminal import NotFound
from tests.support.site import Site, site


@pytest.fixture
async def here(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Site]:
    monkeypatch.setattr(config, "settings", lambda: settings)
    log.configure("tzurot", "warning")
    async with site(settings) as opened:
        await heartbeats.beat(opened.console.log.pool, "projections")
        yield opened


async def run(*words: str) -> Any:
    """What `tzurot` answers with --json."""
    app = typer.Typer()
    commands.register(app)
    undo.register(app)
    ran = await asyncio.to_thread(CliRunner().invoke, app, [*words, "--json"], catch_exceptions=False)
    assert ran.exit_code == 0, ran.output
    return json.loads(ran.stdout)


async def made(here: Site, slug: str, actor: Actor) -> None:
    command = editing.creation(CHARACTER, ids.random_id(), {"name": slug, "slug": slug, "info": "A smith."})
    await editing.carry_out(here.console.log, actor, command, ids.random_id())


async def slugs(here: Site) -> set[str]:
    return {item.handle for item in await editing.items(here.console.log, CHARACTER, operator(1)) if item.owner_id is not None}


async def test_the_newest_change_is_taken_back_and_then_the_one_before(here: Site) -> None:
    """What was made in the console counts as the operator's; taking back is a change, too, and can be taken back by its position."""
    await here.form("/characters", {"name": "Ada", "info": "A smith."})
    await run("character", "edit", "ada", "--tone=dry")
    await made(here, "theirs", person(71))
    listed = await run("undo", "--list")
    assert [(one["what"], one["by"], one["taken back"]) for one in listed] == [
        ("character.edited", 1, False),
        ("character.created", 1, False),
    ]
    assert (await run("undo"))["events"] == ["character.edited"]
    assert (await run("character", "show", "ada"))["tone"] == ""
    assert await slugs(here) == {"ada", "theirs"}
    with pytest.raises(NotFound, match="taken back already"):
        await run("undo", str(listed[0]["position"]))
    assert (await run("undo", str(listed[1]["position"])))["events"][0] == "character.deleted"
    assert await slugs(here) == {"theirs"}


async def test_a_persons_newest_change_is_taken_back_by_the_operator(here: Site) -> None:
    """Only when they are named; what is no change is refused in a sentence."""
    await made(here, "theirs", person(71))
    with pytest.raises(NotFound, match="no change"):
        await run("undo")
    assert (await run("undo", "--by", "71"))["events"][0] == "character.deleted"
    assert await slugs(here) == set()
    for which in ("1", "nonsense", "999999"):
        with pytest.raises(NotFound):
            await run("undo", which)


async def test_an_edit_makes_nothing_younger(here: Site) -> None:
    """Presets stand oldest first by when they were made: editing the first does not make it the newest default."""
    made_at = []
    for name in ("First", "Second"):
        created = PresetCreated(preset_id=ids.random_id(), owner_id=None, model="a/b", is_global=True, is_default=True, name=name)
        await here.console.log.append(new(created, ids.random_id()))
    await here.settled()
    for round_ in range(2):
        async with here.console.log.pool.connection() as connection:
            names = [p.name for p in await catalog.presets(connection, here.console.log.vault) if p.name in ("First", "Second")]
            default = await catalog.default_preset(connection, here.console.log.vault)
        made_at.append((names, default.name if default else None))
        if round_ == 0:
            first = await editing.find(here.console.log, PRESET, operator(1), "First")
            await editing.carry_out(here.console.log, operator(1), editing.edition(PRESET, first.id, {"temperature": 0.1}), ids.random_id())
    assert made_at == [(["First", "Second"], "Second")] * 2
