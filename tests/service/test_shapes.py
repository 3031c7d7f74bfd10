"""Backups of shapes.inc as a job: preview, progress, cut anywhere, again; the counts add up (G3)."""

import asyncio
import json
from dataclasses import replace
from datetime import timedelta

import pytest

from bot import avatars, editing
from bot import shapes as faces
from engine import clock, ids
from engine.actor import person
from engine.config import Settings
from engine.decide.job import Cancel
from engine.decide.places import persona
from engine.decide.rejected import Rejected
from engine.events.memory import MemoryNoted, MemoryRecordKept
from engine.execute import execute
from engine.resources.kinds import CHARACTER
from engine.resources.typed import Wrong
from engine.shapes import senders
from engine.shapes.backup import read_backup
from engine.shapes.mapping import planned
from engine.store import Query
from projections.archive import chats, shapes, uploads
from projections.archive.shapes import ShapesCounts
from projections.models import jobs
from projections.models.jobs import Job
from tests.service.test_cli_editing import here as here
from tests.support import shapes as made
from tests.support.pictures import picture
from tests.support.provider.room import local_standin, with_provider
from tests.support.site import Site
from worker.__main__ import working

ADA = person(5)
TYPES = ["memory.noted", "message.received", "turn.completed"]


class Cut(Exception):
    """The process ends here."""


def texts(found: list[object]) -> list[str]:
    return sorted(str(getattr(event, "text", "")) for event in found)


async def test_a_backup_that_is_cut_anywhere_goes_on_and_its_counts_add_up(here: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Among the memories, among the lines, or before what was stored was told: nothing doubles, nothing is missing."""
    monkeypatch.setattr(shapes, "TOGETHER", 2)
    monkeypatch.setattr(chats, "AT_ONCE", 4)
    plan = planned(read_backup(made.opened(made.raw(12))))
    host = (await faces.begin(here.console.log, ADA, made.zipped(made.raw(12)))).item.id
    done, before = 0, ShapesCounts()
    for at in (2, 4, 9, 13, 22):

        async def told(reached: int, _: int, counts: ShapesCounts, at: int = at) -> None:
            nonlocal done, before
            if reached >= at:
                raise Cut  # it is stored, and nobody was told
            done, before = reached, replace(counts)

        with pytest.raises(Cut):
            await shapes.take(here.console.log, ADA, plan, host, start=done, before=replace(before), told=told)
    taken = await shapes.take(here.console.log, ADA, plan, host, start=done, before=replace(before))
    assert taken.imported + taken.repeated + sum(plan.skipped.values()) == plan.records
    assert taken.messages == len(plan.chat.lines)
    stored = await here.events(TYPES)
    wanted = {one.text for one in plan.memories} | {one.shown.text if one.by_user else one.variants[0].text for one in plan.chat.lines}
    assert texts(list(stored)) == sorted(wanted)
    again = await shapes.take(here.console.log, ADA, plan, host)
    assert (again.imported, again.messages_repeated) == (0, again.messages)
    assert len(await here.events(TYPES)) == len(stored)


async def test_a_backup_is_brought_in_by_a_job_once(here: Site, settings: Settings) -> None:
    """The character is there at once; the job tells the counts and fetches its picture; again it is the same job; the kept file is gone."""
    log = here.console.log
    served = await asyncio.start_server(_picture, "127.0.0.1", 0)
    origin = f"http://127.0.0.1:{served.sockets[0].getsockname()[1]}"
    settings = settings.model_copy(update={"web_fetch_hosts": (origin,)})
    raw = made.zipped(made.raw() | {"mochi/mochi.json": json.dumps(made.config() | {"avatar": f"{origin}/mochi.png"}).encode()})
    backup, plan = await faces.read_zip(raw)
    assert (backup.shape, faces.summary(plan)) == (
        "shape-1",
        "Mochi: 4 memories, 3 skipped (1 deleted there, 1 empty, 1 no record), 5 lines of talk; 2 messages say nothing or cannot be read.",
    )
    async with served, local_standin() as url, working(with_provider(settings, url)):
        begun = await faces.begin(log, ADA, raw)
        assert (begun.item.name, begun.created) == ("Mochi", True)
        found: Job | None = None
        while found is None or not found.over:
            async with log.pool.connection() as connection:
                found = await jobs.get(connection, begun.job)
            await asyncio.sleep(0.05)
    assert (found.status, found.why, found.share) == ("completed", None, 1.0)
    counts = dict(found.result or {})
    assert counts.pop("skipped") == {"deleted_there": 1, "empty": 1, "no_record": 1}
    assert [line.split(":")[0] for line in counts.pop("told")] == ["Message 4", "Message 5"]
    assert counts == {"imported": 3, "repeated": 1, "messages": 5, "messages_repeated": 0, "records": 7, "bad": 2}
    item = await editing.by_id(log, CHARACTER, ADA, begun.item.id)
    assert item is not None
    assert await avatars.read(log, str(item.values["avatar"]))
    await avatars.clear(log, ADA, item.id, ids.random_id())
    again = await faces.begin(log, ADA, raw)
    assert (again.job, again.created) == (begun.job, False)
    async with log.pool.connection() as connection:
        row = await (await connection.execute("SELECT count(*) FROM blobs WHERE subject = 'user:5'")).fetchone()
    assert row == (1,), "the picture"


async def test_who_was_who_is_asked_before_anything_comes_in(here: Site) -> None:
    """A file that was looked at is held for its giver for a day; each sender is taken as said, which is kept beside the memory."""
    log, raw = here.console.log, made.zipped(made.raw())
    own = persona.Create(ids.derived("test", "rook"), {"name": "Rook"})
    await editing.carry_out(log, ADA, own, ids.random_id())
    before = await log.head()
    found = await faces.look(log, ADA, raw, ids.derived("test", "look"))
    assert (faces.asked(found.senders)[1:], found.personas) == (("u: 3 memories",), ("Rook",))
    assert [row.type async for row in log.rows(Query(after=before)) if not row.type.startswith("job.")] == []
    assert await faces.who(log, ADA, found.held) == found.senders
    with pytest.raises(Rejected, match="not kept any more"):
        await faces.bring(log, person(6), found.held, {})
    with pytest.raises(Wrong, match="is an account"):
        await faces.bring(log, ADA, found.held, {"u": "123456789012345678"})
    plan, said = planned(read_backup(made.opened(made.raw()))), {"u": "rook"}
    begun = await faces.bring(log, ADA, found.held, said)
    assert (await faces.begin(log, ADA, raw)).job != begun.job, "said otherwise it is another job"
    choices = await faces.choices(log, ADA, plan, said)
    taken = senders.taken(plan, choices)
    for imported in (3, 0):
        assert (await shapes.take(log, ADA, taken, begun.item.id, choices=choices)).imported == imported
    noted = {event.text: event for event in await here.events(["memory.noted"]) if isinstance(event, MemoryNoted)}
    assert (noted["canary memory"].speaker, noted["canary memory"].user_id, noted["canary title\ncanary story"].speaker) == ("Rook", 5, "")
    kept = [event for event in await here.events(["memory.record_kept"]) if isinstance(event, MemoryRecordKept)]
    assert len(kept) == 3
    [one] = [event for event in kept if event.memory_id == noted["canary memory"].memory_id]
    assert json.loads(one.kept) == {name: value for name, value in made.memory("canary memory").items() if name != "result"}
    assert json.loads(one.as_whom) == senders.packed(choices)
    assert await uploads.expire(log, clock.now() + timedelta(hours=25)) == 0, "jobs under way need it"
    for job in (begun.job, (await faces.begin(log, ADA, raw)).job):
        await execute(log, ADA, Cancel(job), ids.random_id(), see=("jobs",))
    assert await uploads.expire(log, clock.now() + timedelta(hours=23)) == 0
    assert await uploads.expire(log, clock.now() + timedelta(hours=25)) == 1
    with pytest.raises(Rejected, match="not kept any more"):
        await faces.bring(log, ADA, found.held, {})


async def _picture(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer one request with a picture."""
    await reader.readuntil(b"\r\n\r\n")
    content = picture()
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: image/png\r\ncontent-length: %d\r\nconnection: close\r\n\r\n" % len(content) + content)
    await writer.drain()
    writer.close()


async def test_what_is_no_backup_is_refused_before_anything_is_made(here: Site) -> None:
    """In one sentence, and no character is made."""
    before = len(await here.events(["character.created"]))
    for raw in (b"", b"PK\x05\x06", made.zipped({"a.txt": b"x"})):
        with pytest.raises(Rejected, match=r"\.$"):
            await faces.begin(here.console.log, ADA, raw)
    assert len(await here.events(["character.created"])) == before
