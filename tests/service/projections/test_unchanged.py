"""What read models answered before is used again only where they would answer the same."""

from collections.abc import AsyncIterator
from uuid import UUID

import pytest
from psycopg import AsyncConnection

from engine import seed
from engine.actor import person
from engine.decide import character
from engine.decide.craft.note import SetNote
from engine.decide.places import persona
from engine.events.message import MessageDeleted
from engine.store import open_log
from engine.vault import MasterKey
from projections.follow import rebuild, runner
from projections.models.craft.notes import NOTES
from projections.unchanged import CHARACTERS, ROWS, Unchanged, rows
from tests.support.memories import WREN, Spot, World

ADA, PLACE = 41, Spot(501, 9)


@pytest.fixture
async def world(dsn: str) -> AsyncIterator[World]:
    async with open_log(dsn, MasterKey.of(b"k" * 32)) as log:
        await seed.plant(log, "a/b")
        yield World(log)


async def marks(world: World) -> dict[str, str]:
    """The state each read model is in."""
    async with world.log.pool.connection() as connection:
        return {entry.name: entry.changed for entry in await runner.progress(connection) if entry.role == "live"}


async def test_a_prompt_is_the_one_of_a_process_that_kept_nothing(world: World) -> None:
    """After every change of what a prompt is made of, and after none. The marks that change are those of the read models concerned."""
    kept = world.unchanged
    ahab = UUID(int=77)
    first = await world.say(PLACE, "hello")
    acts = (
        ({"notes"}, lambda: world.do(SetNote("channel", str(PLACE.channel), {"text": "Speak in rhymes.", "depth": 0}))),
        ({"personas"}, lambda: world.do(persona.Create(ahab, {"name": "Ahab"}), person(ADA))),
        ({"personas"}, lambda: world.do(persona.Wear(ADA, ahab), person(ADA))),
        ({"catalog"}, lambda: world.do(character.Edit(WREN, {"tone": "dry"}))),
        ({"notes"}, lambda: world.do(SetNote("character", str(WREN), {"text": "Speak low.", "depth": 0}))),
        ({"personas"}, lambda: world.do(persona.Delete(ahab), person(ADA))),
        ({"history"}, lambda: world.append(MessageDeleted(message_id=first, channel_id=PLACE.channel, venue="discord"))),
        ({"catalog"}, lambda: world.do(character.Edit(WREN, {"tone": "warm"}))),
    )
    seen = list[bytes]()
    for concerned, act in acts:
        asked = await world.say(PLACE, "What now?")
        for _ in range(2):  # the second finds everything as it was
            world.unchanged = kept
            prompt, _ = await world.prompt(asked)
            world.unchanged = Unchanged()
            fresh, _ = await world.prompt(asked)
            assert prompt.bytes() == fresh.bytes()
            seen.append(prompt.bytes())
        before = await marks(world)
        await act()
        await world.caught_up()
        after = await marks(world)
        changed = {name for name in after if after[name] != before[name]}
        assert concerned <= changed
        assert not changed & ({"notes", "personas", "catalog", "history", "scripts"} - concerned)
    assert len(set(seen)) == len(acts)
    assert b"Speak in rhymes." in seen[-1]
    await _other_tables_are_another_state(world)


async def _other_tables_are_another_state(world: World) -> None:
    """A rebuild may have mended what was wrong: nothing that was kept before it holds."""
    before = await marks(world)
    await rebuild.rebuild(world.log.dsn, [NOTES])
    after = await marks(world)
    assert {name for name in after if after[name] != before[name]} == {"notes"}


async def test_only_answers_of_the_same_snapshot_and_state_are_taken(world: World) -> None:
    """Elsewhere, outside, for another parameter or state, and for what is long the database is asked."""
    kept = Unchanged()
    async with world.log.pool.connection() as one, world.log.pool.connection() as other:
        await one.execute("CREATE SEQUENCE public.asks")

        async def ask(connection: AsyncConnection, *values: object, many: int = 1) -> object:
            statement = f"SELECT nextval('public.asks'), %s FROM generate_series(1, {many})".encode()
            return (await rows(connection, ["notes"], statement, values or (1,)))[0][0]

        with kept.within(one, {"notes": "a"}):
            assert [await ask(one), await ask(one), await ask(other), await ask(one, 2)] == [1, 1, 2, 3]
            assert [await ask(one, many=ROWS + 1), await ask(one, many=ROWS + 1)] == [4, 4 + ROWS + 1]
        now = 4 + 2 * (ROWS + 1)
        assert await ask(one) == now
        with kept.within(one, {"notes": "b"}):
            assert [await ask(one), await ask(one)] == [now + 1, now + 1]
        with kept.within(one, {"notes": "a"}):
            assert await ask(one) == 1
        with kept.within(one, {"scripts": "a"}):
            assert await ask(one) == now + 2
        with kept.within(one, {"notes": "a"}):
            long = "x" * CHARACTERS
            assert [await ask(one, long), await ask(one, long)] == [now + 3, now + 4]
