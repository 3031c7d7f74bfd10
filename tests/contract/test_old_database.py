"""A database that an earlier version made opens with this one: migrated, every event read, every read model built and equal to its fold.

The copies are backups that the version itself wrote, with the master key of 32 `k`: whole turns, an edit, a deletion, an erased person,
a preset with stop sequences in the clear, a provider key, and one event of every other type there was.
"""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from engine import backup, embedded, ids
from engine.events.build import new
from engine.events.message import MessageReceived
from engine.events.preset import PresetCreated
from engine.migrate import migrate
from engine.store import Log, open_log
from engine.store.check import walk
from engine.vault import MasterKey
from projections.follow import forms, rebuild, verify
from projections.models import catalog, history, keys
from projections.models.history import HISTORY
from projections.registry import ALL
from tests.bench.append import talk

MASTER = MasterKey.of(b"k" * 32)
COPIES = sorted((Path(__file__).parent / "databases").glob("*.dump"))
ERASED = talk.FIRST_ID + 14


@pytest.fixture(params=COPIES, ids=lambda file: file.stem)
async def log(request: pytest.FixtureRequest, postgres: embedded.Postgres) -> AsyncIterator[Log]:
    """The copy, restored and migrated by today's program."""
    name = f"old_{ids.random_id().hex[-8:]}"
    dsn = await embedded.create_database(postgres.admin_dsn, name)
    await backup.restore(dsn, request.param, MASTER)
    await migrate(dsn)
    async with open_log(dsn, MASTER) as opened:
        yield opened
    await embedded.drop_database(postgres.admin_dsn, name)


async def test_it_opens_whole_and_goes_on(log: Log) -> None:
    """Every event is read in today's form by both ways, read models are built anew and equal, and the erased person may come back.

    What stood in it is read through them.
    """
    found = [recorded async for recorded in log.read()]
    assert (await walk(log, 0, None)).problems == ()
    assert sum([len(part) async for part in log.replay()]) == len(found) == await log.head()
    said = {r.event.author_id: r.event.text for r in found if isinstance(r.event, MessageReceived)}
    assert said[ERASED] == "[erased]"
    assert said[talk.FIRST_ID + 7].startswith("The tavern keeper")
    async with log.pool.connection() as connection:
        assert await forms.outdated(connection, HISTORY)
    await rebuild.rebuild(log.dsn, ALL)
    verdicts = await verify.verify(log.dsn, ALL)
    assert {v.name: v.different for v in verdicts if not v.equal} == {}
    assert {v.position for v in verdicts} == {await log.head()}
    await _read_through_todays_read_models(log)
    back = MessageReceived(message_id=1, channel_id=1, author_id=ERASED, venue="discord", text="back", author_name="Somebody")
    await log.append(new(back, ids.message_event(1, "received")))
    assert (await log.stream("message:1"))[0].event == back


async def _read_through_todays_read_models(log: Log) -> None:
    """History, the preset with its clear stop sequences, and the sealed provider key."""
    async with log.pool.connection() as connection:
        entries = await history.recent(connection, log.vault, talk.FIRST_ID + 13, until=await log.head())
        assert [(entry.text, entry.edited) for entry in entries if entry.kind == "message"] == [("never mind", True)]
        preset = await catalog.preset(connection, log.vault, ids.derived("preset", "copy"))
        assert preset is not None
        assert (preset.sheet.parameters.stop, preset.sheet.parameters.extra) == (("Alice:",), {"note": "mine"})
        [key] = [key for key in await keys.browse(connection) if key.user_id == talk.FIRST_ID + 7]
        assert await keys.reveal(connection, log.vault, key.key_id) == "sk-not-a-key-1234567890"
    [stored] = [r async for r in log.read() if isinstance(r.event, PresetCreated) and r.event.preset_id == ids.derived("preset", "copy")]
    assert stored.row.schema_version == 1
