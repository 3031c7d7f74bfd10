"""Commands on a real log: rules that hold between processes, repeats that change nothing, and taking back."""

import asyncio
import hashlib
import random
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import AsyncExitStack
from uuid import UUID

import pytest

from engine import ids, migrate
from engine.actor import operator, person
from engine.decide import channel, character, preset
from engine.decide.channel import Where
from engine.decide.command import Command
from engine.decide.places.override import OverridePreset
from engine.decide.rejected import Rejected
from engine.decide.spending import budget, model_override
from engine.events import SYSTEM_SUBJECT
from engine.events.character import CharacterCreated, CharacterDeleted, CharacterEdited, Description
from engine.events.claim import Claimed
from engine.events.preset import PresetCreated
from engine.execute import Executed, execute, undo
from engine.store import Log, NewEvent, Query, connect, open_log
from engine.vault import MasterKey
from projections.follow import runner
from projections.models import catalog, channels, provider_models, quota
from projections.models.catalog import CATALOG
from projections.models.channels import CHANNELS
from projections.models.places import overrides

MASTER = MasterKey.of(b"k" * 32)
ALICE = person(7)
BOSS = person(9, owner=True)
HERE = Where(5, None, "discord")
FIELDS = {"name": "Wren", "info": "Keeps a lighthouse."}


@pytest.fixture
async def logs(dsn: str) -> AsyncIterator[list[Log]]:
    """Two open logs: what two processes have."""
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(open_log(dsn, MASTER)) for _ in range(2)]


async def _all(work: Sequence[Awaitable[Executed]]) -> tuple[list[Executed], list[str]]:
    outcomes = await asyncio.gather(*work, return_exceptions=True)
    done = [o for o in outcomes if isinstance(o, Executed)]
    rejected = [str(o) for o in outcomes if isinstance(o, Rejected)]
    assert len(done) + len(rejected) == len(outcomes), outcomes
    return done, rejected


async def test_fifty_creations_of_one_short_name_leave_one(logs: list[Log]) -> None:
    """Also when two processes take them at the same moment: the others are told that the name is taken."""
    commands = [character.Create(ids.derived("test", n), FIELDS) for n in range(50)]
    work = [execute(logs[n % 2], person(n), command, ids.derived("key", n)) for n, command in enumerate(commands)]
    done, rejected = await _all(work)
    assert len(done) == 1
    assert set(rejected) == {"There is a character called wren already. Choose another short name, such as wren-2."}
    assert [row.type async for row in logs[0].rows(Query())] == ["character.created", "claim.made"]


async def test_twenty_activations_leave_the_limit(logs: list[Log]) -> None:
    """Five, whoever was first."""
    made = [character.Create(ids.derived("test", n), FIELDS | {"slug": f"wren-{n}", "visibility": "public"}) for n in range(20)]
    for n, create in enumerate(made):
        await execute(logs[0], ALICE, create, ids.derived("key", n))
    work = [execute(logs[n % 2], ALICE, channel.Activate(HERE, c.character_id), ids.derived("on", n)) for n, c in enumerate(made)]
    done, rejected = await _all(work)
    assert len(done) == channel.CHARACTERS
    assert all("activated here already" in sentence for sentence in rejected)
    assert len([row async for row in logs[0].rows(Query(types=frozenset({"channel.activated"})))]) == channel.CHARACTERS


async def test_a_repeat_changes_nothing_and_answers_the_same(logs: list[Log]) -> None:
    """The key decides, not the state: a second activation with the same key is no "already", also not at the same moment."""
    create = character.Create(ids.derived("test", 1), FIELDS)
    first = await execute(logs[0], ALICE, create, ids.derived("key", 1))
    again = await execute(logs[1], ALICE, create, ids.derived("key", 1))
    assert again == Executed(first.events, first.positions, repeated=True)
    command = channel.Activate(HERE, create.character_id)
    done, rejected = await _all([execute(log, ALICE, command, ids.derived("on", 1)) for log in logs for _ in range(3)])
    assert rejected == []
    assert {one.positions for one in done} == {done[0].positions}
    assert sum(not one.repeated for one in done) == 1
    off = channel.Deactivate(HERE)
    await execute(logs[0], ALICE, off, ids.derived("off", 1))
    assert (await execute(logs[1], ALICE, command, ids.derived("on", 1))).repeated
    assert [row.type async for row in logs[0].rows(Query(backwards=True, limit=1))] == ["channel.deactivated"]


WREN, LILITH = ids.derived("test", "wren"), ids.derived("test", "lilith")
ONE, TWO = ids.derived("preset", 1), ids.derived("preset", 2)
BEFORE: list[Command] = [
    character.Create(WREN, FIELDS | {"visibility": "public"}),
    character.Create(LILITH, FIELDS | {"name": "Lilith", "visibility": "public"}),
    channel.Activate(HERE, WREN),
    channel.Activate(HERE, LILITH),
    preset.Create(ONE, {"name": "One", "model": "a/b", "is_global": True}),
    preset.Create(TWO, {"name": "Two", "model": "a/b", "is_global": True}),
    preset.SetDefault(ONE),
    budget.SetBudget("system", 1.0),
    budget.ChangeLimits({"free_daily": 7}),
    model_override.Override("a/b", {"max_output": 5}),
]
CHANGES: list[Command] = [
    character.Create(ids.derived("test", "third"), FIELDS | {"name": "Third"}),
    character.Edit(WREN, {"name": "Wren the Second", "slug": "second", "visibility": "private", "tone": "dry"}),
    character.AddAlias(WREN, "Keeper"),
    character.Delete(WREN),
    channel.Deactivate(HERE, WREN),
    channel.Deactivate(HERE),
    channel.Reset(HERE),
    preset.Edit(TWO, {"temperature": 0.5, "name": "Too"}),
    preset.SetDefault(TWO),
    preset.ChooseDefault(9, TWO),
    preset.ChooseDefault(None, TWO),
    OverridePreset(TWO, user_id=9, character_id=WREN),
    OverridePreset(TWO, channel_id=5, guild_id=6),
    preset.Delete(TWO),
    budget.SetBudget("system", 2.0),
    budget.SetBudget("system", None),
    budget.ChangeLimits({"free_daily": 9, "guests_may_spend": True}),
    model_override.Override("a/b", {"max_output": 6}),
    model_override.Clear("a/b"),
]


async def _digest(log: Log) -> str:
    """One hash over everything that can be read of these things, without log positions and who changed it last."""
    async with log.pool.connection() as connection:
        cast = sorted(await catalog.characters(connection, log.vault), key=lambda c: c.id)
        presets = sorted(await catalog.presets(connection, log.vault), key=lambda p: p.id)
        active = await channels.all_active(connection)
        limits, budgets = await quota.limits_now(connection)
        known = await provider_models.known(connection, ["a/b"])
        chosen = (await catalog.defaults(connection, 9), await overrides.everywhere(connection))
    people = [(c.id, c.owner_id, c.sheet) for c in cast]
    models = [(p.id, p.owner_id, p.sheet, chosen) for p in presets]
    return hashlib.sha256(repr((people, models, active, limits.model_dump(exclude={"changed_by"}), budgets, known)).encode()).hexdigest()


async def test_taking_back_leaves_equal_read_models(logs: list[Log]) -> None:
    """C10: for every command there is, the read models after the undo have the hash from before; the undo can be repeated too."""
    log = logs[0]
    projections = [CATALOG, CHANNELS, quota.QUOTA, provider_models.MODELS, overrides.OVERRIDES]
    running = [asyncio.create_task(runner.run(log.dsn, projection)) for projection in projections]
    names = [projection.name for projection in projections]
    for number, command in enumerate(BEFORE):
        done = await execute(log, BOSS, command, ids.derived("before", number))
    assert await runner.wait_for(log.pool, names, done.positions[-1], seconds=60)
    for number, command in enumerate(CHANGES):
        before = await _digest(log)
        await execute(log, BOSS, command, ids.derived("change", number), see=names)
        assert await _digest(log) != before, command
        undone = await undo(log, BOSS, ids.derived("change", number), ids.derived("undo", number), see=names)
        assert await _digest(log) == before, command
        assert (await undo(log, BOSS, ids.derived("change", number), ids.derived("undo", number))).positions == undone.positions
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)


async def test_what_was_changed_again_is_not_taken_back(logs: list[Log]) -> None:
    """An older change of the same field stays, with a sentence why; one of another field is taken back alone."""
    log = logs[0]
    await execute(log, ALICE, character.Create(WREN, FIELDS), ids.derived("key", 0))
    for number, changes in enumerate([{"tone": "dry"}, {"info": "A keeper."}, {"tone": "wet"}]):
        await execute(log, ALICE, character.Edit(WREN, changes), ids.derived("edit", number))
    with pytest.raises(Rejected, match="changed again"):
        await undo(log, ALICE, ids.derived("edit", 0), ids.derived("undo", 0))
    await undo(log, ALICE, ids.derived("edit", 1), ids.derived("undo", 1))
    with pytest.raises(Rejected, match="nothing to take back"):
        await undo(log, ALICE, ids.derived("edit", 9), ids.derived("undo", 9))
    with pytest.raises(Rejected, match="no such character"):
        await undo(log, person(8), ids.derived("edit", 2), ids.derived("undo", 2))
    last = (await log.stream(f"character:{WREN}"))[-1].event
    assert isinstance(last, CharacterEdited)
    assert (last.description.info, last.description.tone) == ("Keeps a lighthouse.", "wet")


def _earlier(event: CharacterCreated | CharacterDeleted | PresetCreated, stream: str) -> NewEvent:
    """A row as an earlier version wrote it: without a claim."""
    return NewEvent(event, stream, ids.random_id(), subjects=(SYSTEM_SUBJECT,))


def _character(number: int, slug: str) -> NewEvent:
    character_id = ids.derived("old", number)
    event = CharacterCreated(character_id=character_id, owner_id=None, slug=slug, description=Description(name=slug))
    return _earlier(event, f"character:{character_id}")


async def test_names_taken_before_there_were_claims_are_claimed(dsn: str) -> None:
    """A database of an earlier version: the oldest holder of a short name keeps it, one that was deleted does not."""
    old = ids.derived("old", 3)
    gone = _earlier(CharacterDeleted(character_id=old, owner_id=None, slug="gone", deleted_by=0), f"character:{old}")
    presets = [
        PresetCreated(preset_id=one, owner_id=None, model="a/b", is_global=True, is_default=True, name="Default") for one in (ONE, TWO)
    ]
    async with open_log(dsn, MASTER) as log:
        await log.append(_character(1, "wren"), _character(2, "wren"), _character(3, "gone"), gone)
        await log.append(*(_earlier(one, f"preset:{one.preset_id}") for one in presets))
    async with await connect.connect(dsn, application="test") as connection:
        await connection.execute((migrate.FOLDER / "0040_claims.sql").read_bytes())
    async with open_log(dsn, MASTER) as log:
        claims = [r.event async for r in log.read(Query(types=frozenset({"claim.made"})))]
        assert claims == [Claimed(name="default:preset", holder=TWO), Claimed(name="slug:wren", holder=ids.derived("old", 1))]
        assert (await log.stats()).events == await log.head() == 8
        with pytest.raises(Rejected, match="called wren already"):
            await execute(log, ALICE, character.Create(ids.random_id(), FIELDS), ids.random_id())
        await execute(log, ALICE, character.Create(ids.random_id(), FIELDS | {"name": "Gone"}), ids.random_id())
        await execute(log, operator(), preset.SetDefault(ONE), ids.random_id())
        await execute(log, operator(), preset.Delete(TWO), ids.random_id())


async def test_a_character_is_never_active_and_deleted_whoever_comes_first(logs: list[Log]) -> None:
    """Twenty times a deletion and activations of the same character meet, by two processes, in any order and overlap."""
    shuffled = random.Random(5)
    for number in range(20):
        wren, place = ids.derived("wren", number), Where(500 + number, None, "discord")
        await execute(logs[0], ALICE, character.Create(wren, FIELDS | {"slug": f"wren-{number}"}), ids.derived("make", number))
        commands: list[Command] = [
            channel.Activate(place, wren),
            character.Delete(wren),
            channel.Activate(Where(700, None, "discord"), wren),
        ]
        shuffled.shuffle(commands)

        async def later(command: Command, log: Log, yields: int, key: UUID) -> Executed:
            for _ in range(yields):
                await asyncio.sleep(0)
            return await execute(log, ALICE, command, key)

        work = [
            later(command, shuffled.choice(logs), shuffled.randrange(60), ids.derived("meet", number * 3 + place_in_line))
            for place_in_line, command in enumerate(commands)
        ]
        await _all(work)
    rows = [row async for row in logs[0].rows(Query())]
    deleted = {row.character: row.position for row in rows if row.type == "character.deleted"}
    activated = [row for row in rows if row.type == "channel.activated"]
    assert len(deleted) == 20
    assert activated
    assert [row for row in activated if row.position > deleted[row.character]] == []
    state = channel.State()
    for recorded in [one async for one in logs[0].read()]:
        state = channel.evolve(state, recorded.event)
    assert state.present == [], "what was active when it was deleted answers nobody"
