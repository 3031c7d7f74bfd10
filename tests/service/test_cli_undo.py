"""`tzurot undo`: the newest change of the operator or of a person is taken back, once, by a command of its own."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import typer
from psycopg.rows import scalar_row
from typer.testing import CliRunner

from bot import editing, undoing
from bot.cli import editing as commands
from bot.cli import undo
from engine import config, ids, log
from engine import undo as undo_rules
from engine.actor import Actor, operator, person
from engine.config import Settings
from engine.decide import key
from engine.decide.rejected import Rejected
from engine.decide.spending.budget import ChangeLimits, SetBudget
from engine.events.build import new
from engine.events.preset import PresetCreated
from engine.execute import execute
from engine.resources.kinds import CHARACTER, PRESET
from engine.store import Log, Query, open_log
from engine.store.connect import Connection
from engine.vault import MasterKey
from projections.base import sql
from projections.follow import runner
from projections.live import heartbeats
from projections.models import catalog, changes
from projections.models.changes import CHANGES
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


async def test_budgets_limits_and_keys_are_listed_with_everything_else(dsn: str) -> None:
    """Budgets and limits are taken back like the rest; a key is told and stays gone, because nobody kept it.

    The list is the same whether the read model knows of all of it, of a part, or of nothing.
    """
    doer, kept = operator(1), ids.random_id()
    async with open_log(dsn, MasterKey.of(b"k" * 32)) as store, store.pool.connection() as connection:
        await execute(store, doer, SetBudget("system", 2.5), ids.random_id())
        await execute(store, doer, ChangeLimits({"user_per_minute": 7}), ids.random_id())
        await execute(store, doer, key.Add(1, kept, "openrouter", "abcd"), ids.random_id())
        before = await undoing.lately(store, by=(0, 1))
        await caught_up(connection, store)
        await execute(store, doer, key.Remove(1, kept), ids.random_id())
        listed = await undoing.lately(store, by=(0, 1))
        assert listed[1:] == before
        assert [change.type for change in listed] == ["key.removed", "key.added", "quota.limits_changed", "quota.budget_set"]
        await caught_up(connection, store)
        assert await undoing.lately(store, by=(0, 1)) == listed
        assert [change.type for change in await undoing.lately(store, by=(0, 1), limit=2)] == ["key.removed", "key.added"]
        assert await undoing.lately(store, by=(71,)) == []
        with pytest.raises(Rejected, match="Store it again"):
            await undo_rules.take_back(store, doer, listed[0].key)
        for change in listed[2:]:
            assert [event.TYPE for event in (await undo_rules.take_back(store, doer, change.key)).events] == [change.type]
        shown = {change.key: change.taken_back for change in await undoing.lately(store, by=(0, 1))}
        assert [shown[change.key] for change in listed] == [False, False, True, True]


async def caught_up(connection: Connection, store: Log) -> None:
    """The list of changes knows what the log holds."""
    after = await runner.install(connection, CHANGES)
    if rows := [row async for row in store.rows(Query(after=after))]:
        await runner.apply(connection, CHANGES, rows)


async def test_the_list_of_changes_reads_no_more_than_it_shows(dsn: str) -> None:
    """Among a hundred thousand changes of others."""
    async with open_log(dsn, MasterKey.of(b"k" * 32)) as store, store.pool.connection() as connection:
        await runner.install(connection, CHANGES)
        await connection.execute(
            "INSERT INTO changes.changes SELECT gen_random_uuid(), n % 50, 'preset.edited', now(), n FROM generate_series(1, 100000) AS n"
        )
        await connection.execute("ANALYZE changes.changes")
        assert len(await changes.newest(connection, (0, 1))) == changes.MOST
        async with connection.cursor(row_factory=scalar_row) as cursor:
            await cursor.execute(b"EXPLAIN " + sql(changes._NEWEST, "changes"), {"people": [0, 1], "limit": changes.MOST})
            plan = "\n".join(await cursor.fetchall())
        assert "Seq Scan" not in plan, plan
