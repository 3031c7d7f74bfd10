"""Archives on real Postgres: of a person, of a server, of everything; out, in elsewhere, and out equal (G4, ADR 64)."""

import asyncio
import hashlib
import io
import secrets
import zipfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import orjson
import pytest

from bot import chatlogs, editing, forking, sheets
from engine import blobs, embedded, erasure, ids
from engine.actor import Actor, operator, person
from engine.archive import making, taking
from engine.archive.container import ArchiveError, ArchiveReader
from engine.archive.taking import TakenIn
from engine.chatlogs.reading import read_chats
from engine.decide.channel import Where
from engine.decide.job import Ask, job_id
from engine.decide.remembering.memory import MemoryPlace, Remember
from engine.events.build import new
from engine.events.channel import ConversationForked
from engine.events.message import MessageEdited, MessageReceived
from engine.events.playground.chat import ChatDeleted, ChatTitled
from engine.events.scene import PresenceMarked
from engine.events.script import ScriptsSet
from engine.execute import execute
from engine.resources.craft.script import ScriptSheet
from engine.resources.kinds import CHARACTER, PRESET
from engine.resources.places.kinds import PERSONA
from engine.store import Log, Query, open_log
from engine.vault import MasterKey
from projections.archive.person import make_person
from projections.follow import group_runner, runner
from projections.follow.verify import hashes
from projections.models import keys
from projections.registry import ALL
from tests.support import chatlogs as made

MASTER = MasterKey.of(b"k" * 32)
ADA, BEN = 71, 72
SERVER = 900


@asynccontextmanager
async def world(dsn: str, master: MasterKey = MASTER) -> AsyncIterator[Log]:
    """A log with its read models."""
    async with open_log(dsn, master) as log:
        task = asyncio.create_task(group_runner.run(dsn, ALL))
        try:
            yield log
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def settled(log: Log) -> Log:
    assert await runner.wait_for(log.pool, [projection.name for projection in ALL], await log.head(), seconds=60)
    return log


@pytest.fixture
async def elsewhere(postgres: embedded.Postgres, template: str) -> AsyncIterator[str]:
    """Another empty database."""
    name = f"t_{secrets.token_hex(6)}"
    yield await embedded.create_database(postgres.admin_dsn, name, template)
    await embedded.drop_database(postgres.admin_dsn, name)


def token(who: int, what: str) -> str:
    return f"canary-{who}-{what}"


async def live(log: Log, who: int) -> None:
    """What one person does: a character with a picture, a preset, a profile, a memory, a key, talk, an edit, a job."""
    actor: Actor = person(who)
    picture = await blobs.put(log.pool, log.vault, token(who, "picture").encode(), f"user:{who}")
    character, preset = ids.derived("test", who, "character"), ids.derived("test", who, "preset")
    fields = {"name": f"Wren {who}", "slug": f"wren-{who}", "info": token(who, "info"), "avatar": picture}
    await execute(log, actor, editing.creation(CHARACTER, character, fields), ids.derived("test", who, 1), see=["catalog"])
    await execute(log, actor, editing.creation(PRESET, preset, {"name": token(who, "preset"), "model": "a/b"}), ids.derived("test", who, 2))
    item = await sheets.profile_item(log, actor, who, None)
    await execute(log, actor, editing.change(item, {"about": token(who, "profile")}), ids.derived("test", who, 3))
    create = editing.creation(PERSONA, ids.derived("test", who, "persona"), {"name": token(who, "persona")})
    await execute(log, actor, create, ids.derived("test", who, 5))
    place = MemoryPlace("playground", channel=5)
    await execute(log, actor, Remember(ids.derived("test", who, "memory"), who, place, token(who, "memory")), ids.derived("test", who, 4))
    await keys.add(log, who, "openrouter", f"sk-{token(who, 'key')}-{who}")
    host = await editing.by_id(await settled(log), CHARACTER, actor, character)
    assert host is not None
    [chat] = read_chats(made.jsonl([*made.tavern(), made.line("Ada", token(who, "said"), user=True, at="2024-05-03T16:11:00Z")]))
    await chatlogs.take(log, actor, chat, host)
    said = MessageReceived(
        message_id=1000 + who, channel_id=6, guild_id=SERVER, author_id=who, venue="discord", text=token(who, "server"), author_name="Ada"
    )
    edit = MessageEdited(
        message_id=1000 + who, channel_id=6, guild_id=SERVER, author_id=who, venue="discord", edited_ms=5, text=token(who, "edited")
    )
    titled = ChatTitled(channel_id=40 + who, by_user_id=who, title=token(who, "title"))
    deleted = ChatDeleted(channel_id=50 + who, by_user_id=who)
    present = PresenceMarked(channel_id=5, venue="playground", character_id=character, by_user_id=who, at=7, present=False)
    script = ScriptsSet(scope="character", target=str(character), set_by=who, scripts=(ScriptSheet(name=token(who, "script"), find="a"),))
    for event in (titled, deleted, present, script):
        await log.append(new(event, ids.derived("test", who, event.TYPE)))
    await log.append(new(said, ids.message_event(said.message_id, "received")), new(edit, ids.derived("test", who, "edit")))
    await execute(log, actor, Ask(job_id("catalogue", str(who)), "catalogue", str(who)), job_id("catalogue", str(who)))


WHAT = ("picture", "info", "persona", "preset", "profile", "memory", "said", "server", "edited", "title", "script")


@dataclass(frozen=True)
class Archive:
    content: bytes

    @property
    def members(self) -> dict[str, bytes]:
        with zipfile.ZipFile(io.BytesIO(self.content)) as file:
            return {name: file.read(name) for name in file.namelist()}

    @property
    def everything(self) -> bytes:
        return b"\n".join(self.members.values())

    def comparable(self) -> dict[str, object]:
        """All that does not say when or where it was made."""
        found: dict[str, object] = {name: content for name, content in self.members.items() if name not in {"manifest.json", "README.md"}}
        lines = [orjson.loads(line) for line in self.members["events.jsonl"].splitlines()]
        passing = ("position", "recorded_at", "version")
        return found | {"events.jsonl": [{name: value for name, value in line.items() if name not in passing} for line in lines]}

    async def into(self, log: Log, master: MasterKey = MASTER) -> TakenIn:
        with ArchiveReader(io.BytesIO(self.content)) as archive:
            take = taking.everything if archive.manifest.scope == "everything" else taking.beside
            return await take(log, archive, master)


async def of_person(log: Log, who: int) -> Archive:
    file = io.BytesIO()
    await make_person(await settled(log), file, who)
    return Archive(file.getvalue())


async def of_scope(log: Log, scope: str, about: int, *, opened: bool) -> Archive:
    file = io.BytesIO()
    (await making.make(log, file, "server" if scope == "server" else "everything", about, opened=opened)).finish()
    return Archive(file.getvalue())


async def test_a_person_takes_everything_along_and_is_the_same_elsewhere(dsn: str, elsewhere: str) -> None:
    """Each thing is in the archive, nobody else's is, a key only by its end; in an empty database the same archive comes of it."""
    async with world(dsn) as log:
        await live(log, ADA)
        await live(log, BEN)
        first = await of_person(log, ADA)
    assert [what for what in WHAT if token(ADA, what).encode() not in first.everything] == []
    assert [what for what in (*WHAT, "key") if token(BEN, what).encode() in first.everything] == []
    assert token(ADA, "key").encode() not in first.everything
    assert {"README.md", f"characters/wren-{ADA}.json", "profile.json", "memories.md", "keys.json"} <= set(first.members)
    conversation = next(text for name, text in first.members.items() if name.startswith("conversations/") and b"Hello" in text)
    assert b"Greetings" in conversation
    lines = first.members["events.jsonl"].splitlines(keepends=True)
    async with world(elsewhere) as log:
        cut = await Archive(_with(first, "events.jsonl", b"".join(lines[:3]))).into(log)  # an import that ended in the middle
        assert (cut.events, cut.repeated) == (3, 0)
        taken = await first.into(log)
        assert (taken.events, taken.left_out) == (len(lines), {})
        assert taken.repeated == 3
        again = await first.into(log)
        assert again.events == again.repeated == taken.events
        assert await blobs.get(log.pool, log.vault, _address(first)) == token(ADA, "picture").encode()
        second = await of_person(log, ADA)
    wanted, found = first.comparable(), second.comparable()
    for lost in ("keys.json", "usage.json"):  # keys do not leave, and what was spent there was spent there
        wanted.pop(lost), found.pop(lost)
    assert found == wanted


def _address(archive: Archive) -> str:
    return next(name.partition("/")[2] for name in archive.members if name.startswith("files/"))


async def test_what_was_erased_is_in_no_archive_and_comes_back_by_none(dsn: str) -> None:
    """The log keeps that it happened, so an archive of before finds its events there and opens none of them."""
    async with world(dsn) as log:
        await live(log, ADA)
        first = await of_person(log, ADA)
        await erasure.erase(log, ADA, requested_by=ADA)
        taken = await first.into(log)
        assert taken.events == taken.repeated
        after = await of_person(log, ADA)
        assert [what for what in WHAT if what != "picture" and token(ADA, what).encode() in after.everything] == []


@pytest.mark.parametrize("opened", [False, True])
async def test_a_whole_installation_moves(dsn: str, elsewhere: str, opened: bool) -> None:
    """Positions, times, read models and files are as they were; erased people stay erased; a second time it is refused."""
    async with world(dsn) as log:
        await live(log, ADA)
        await live(log, BEN)
        await erasure.erase(log, BEN, requested_by=BEN)
        archive = await of_scope(await settled(log), "everything", 0, opened=opened)
        before = await _tables(log)
        rows = [row._replace(sealed=None) async for row in log.rows(Query())]
        address = await _picture(log)
    assert (token(ADA, "said").encode() in archive.everything) is opened
    assert token(BEN, "said").encode() not in archive.everything
    master = MasterKey.of(b"o" * 32) if opened else MASTER  # what was opened is sealed anew by whatever key is there
    async with world(elsewhere, master) as log:
        taken = await archive.into(log, master)
        assert taken.events == len(rows)
        assert [row._replace(sealed=None) async for row in log.rows(Query())] == rows
        assert await blobs.get(log.pool, log.vault, address) == token(ADA, "picture").encode()
        texts = [recorded.event async for recorded in log.read(Query(types=frozenset({"message.received"})))]
        assert {event.text for event in texts if isinstance(event, MessageReceived) and event.author_id == BEN} == {"[erased]"}
        assert token(ADA, "said") in {event.text for event in texts if isinstance(event, MessageReceived)}
        after = await _tables(await settled(log))
        assert {name: counts[0] for name, counts in after.items()} == {name: counts[0] for name, counts in before.items()}
        if not opened:
            assert {name for name in after if after[name] != before[name]} == set()
        with pytest.raises(ArchiveError, match="not empty"):
            await archive.into(log, master)


async def _tables(log: Log) -> dict[str, tuple[int, str]]:
    async with log.pool.connection() as connection:
        found = [(p.name, await hashes(connection, p.name)) for p in ALL]
    return {f"{name}.{table}": value for name, tables in found for table, value in tables.items()}


async def _picture(log: Log) -> str:
    return await blobs.put(log.pool, log.vault, token(ADA, "picture").encode(), f"user:{ADA}")


async def test_a_sealed_archive_needs_its_master_key_and_a_damaged_one_is_refused(dsn: str, elsewhere: str, tmp_path: Path) -> None:
    """Of a server as of everything; nothing of it is stored then."""
    async with world(dsn) as log:
        await live(log, ADA)
        archive = await of_scope(log, "server", SERVER, opened=False)
        whole = await of_scope(log, "everything", 0, opened=False)
    assert token(ADA, "server").encode() not in archive.everything
    file = tmp_path / "server.zip"
    file.write_bytes(archive.content)
    async with open_log(elsewhere, MasterKey.of(b"x" * 32)) as log:
        for one in (archive, whole):
            with pytest.raises(ArchiveError, match="master key"):
                await one.into(log, MasterKey.of(b"x" * 32))
        with pytest.raises(ArchiveError):
            await Archive(_with(archive, "events.jsonl", archive.members["events.jsonl"][:-20])).into(log)
        assert await log.head() == 0
    async with open_log(elsewhere, MASTER) as log:
        taken = await archive.into(log)
        assert (taken.events, taken.repeated) == (2, 0)
        edited = [recorded.event async for recorded in log.read(Query(types=frozenset({"message.edited"})))]
        assert [event.text for event in edited if isinstance(event, MessageEdited)] == [token(ADA, "edited")]


@pytest.mark.parametrize("scope", ["person", "server"])
async def test_a_conversation_that_goes_on_from_another_goes_on_from_the_same_elsewhere(dsn: str, elsewhere: str, scope: str) -> None:
    """Among what others say there it names the same lines by where they stand now, and nothing of theirs; twice adds nothing."""
    async with world(dsn) as log:
        await live(log, ADA)
        character = ids.derived("test", ADA, "character")
        into = Where(600, SERVER, "discord")
        await forking.fork(await settled(log), operator(ADA), 6, await log.head(), into, character=character)
        wanted = await taken_over(await settled(log), 600)
        archive = await (of_person(log, ADA) if scope == "person" else of_scope(log, "server", SERVER, opened=True))
    assert wanted == [token(ADA, "edited")]
    async with world(elsewhere) as log:
        await live(log, BEN)
        await archive.into(log)
        assert await taken_over(await settled(log), 600) == wanted
        assert (taken := await archive.into(log)).repeated == taken.events


async def taken_over(log: Log, channel: int) -> list[str]:
    """The texts that a channel took over from the one it goes on from."""
    [fork] = [one.event async for one in log.read(Query(types=frozenset({"conversation.forked"}))) if one.event.tags.channel == channel]
    assert isinstance(fork, ConversationForked)
    assert max(line.position for line in fork.lines) <= fork.at
    return [str(getattr(one.event, "text", "")) for one in await log.at([line.edit or line.position for line in fork.lines])]


async def test_an_archive_of_a_person_cannot_speak_for_others(dsn: str, elsewhere: str) -> None:
    """Anything may stand in a file: events of others, and of what nobody owns, are left out and told."""
    async with world(dsn) as log:
        await live(log, ADA)
        await live(log, BEN)
        mine = await of_person(log, ADA)
        theirs = await of_person(log, BEN)
    forged = Archive(_with(mine, "events.jsonl", theirs.members["events.jsonl"]))
    async with open_log(elsewhere, MASTER) as log:
        taken = await forged.into(log)
        texts = [recorded.event async for recorded in log.read(Query(types=frozenset({"message.received"})))]
    assert texts == []
    assert taken.left_out["it is not this person's"] > 10


def _with(archive: Archive, name: str, content: bytes) -> bytes:
    """The archive with another member, its manifest corrected: what a stranger could make."""
    members = archive.members | {name: content}
    manifest = orjson.loads(members["manifest.json"])
    if content.endswith(b"\n"):
        manifest["members"][name] = {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as out:
        for member, raw in (members | {"manifest.json": orjson.dumps(manifest)}).items():
            out.writestr(member, raw)
    return file.getvalue()
