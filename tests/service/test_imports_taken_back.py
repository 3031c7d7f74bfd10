"""An import that is taken back is as if it never had been: history, memory and prompts are those from before (C10)."""

from collections.abc import AsyncIterator
from uuid import UUID

import pytest

from bot import imports as faces
from engine import clock, ids, seed, undo
from engine.actor import operator, person
from engine.chatlogs.events import channel_of
from engine.chatlogs.reading import read_chats
from engine.config import Settings
from engine.decide.rejected import Rejected
from engine.decide.speaking.chat import Readmit, Withdraw
from engine.events.base import Tags
from engine.events.build import Cause, new
from engine.events.memory import MemoryNoted, Source
from engine.events.message import MessageDeleted
from engine.events.reply import ChunkDelivered, VersionChosen
from engine.execute import execute
from engine.store import Log, Query
from projections.archive import chats
from projections.follow import rebuild, verify
from projections.models import changes, history_window
from projections.models.history import HISTORY
from projections.models.memories import memory_scope
from projections.models.memories.memory_scope import MemoryScope
from tests.service.test_prompt_sections import Room, caught_up
from tests.service.test_prompt_sections import log as log
from tests.support import chatlogs as made
from tests.support.site import Site, site

ADA = person(5)
WREN = next(one.character_id for one in seed.samples() if one.slug == "wren")


@pytest.fixture
async def here(settings: Settings) -> AsyncIterator[Site]:
    async with site(settings) as opened:
        yield opened


async def _seen(here: Site, channel: int) -> tuple[object, ...]:
    """What a prompt in that conversation shows, what may be met there and in another private talk, what is listed."""
    log = here.console.log
    await here.settled()
    until = 1 << 40
    async with log.pool.connection() as connection:
        window = {"limit": 100, "since": None, "most_bytes": 1 << 30}
        lines = await history_window.before(connection, channel, until, reader=WREN, **window)  # type: ignore[arg-type]  # the window's own options
        scopes = [MemoryScope(WREN, 5, place, None, "playground", until, clock.now()) for place in (channel, 77)]
        return (lines, [await memory_scope.met(connection, scope) for scope in scopes], await faces.imported(log, ADA, WREN))


async def _summary(here: Site, channel: int) -> UUID:
    """A memory that a job made of the conversation, met wherever that person is answered."""
    said = [row.event async for row in here.console.log.read(Query(types=frozenset({"message.received"})))]
    sources = tuple(Source(message_id=one.message_id) for one in said if getattr(one, "channel_id", None) == channel)  # type: ignore[attr-defined]  # only messages are in a channel here
    memory = ids.random_id()
    note = {"memory_id": memory, "user_id": 5, "origin": "fact", "character_id": WREN, "channel_id": channel, "venue": "playground"}
    note |= {"reach": "everywhere", "people": (5,), "sources": sources, "text": "Ada was there."}
    await here.console.log.append(new(MemoryNoted.model_validate(note), memory))
    return memory


async def test_what_was_imported_goes_with_all_that_was_made_of_it_and_comes_back(here: Site) -> None:
    """By whoever imported it alone; `/undo` knows it; once more brings it back, and so does the same file; what was deleted stays away."""
    log = here.console.log
    [chat] = read_chats(made.jsonl(made.tavern()))
    channel = channel_of(chat, chats._identity(await log.vault.key("user:5"), chat, WREN))
    before = await _seen(here, channel)
    done = await chats.take(log, ADA, chat, WREN)
    assert done.channel == channel
    await _summary(here, channel)
    whole = await _seen(here, channel)
    assert whole != before
    [talk] = await faces.imported(log, ADA, WREN)
    assert (talk.channel, talk.lines, talk.memories) == (channel, done.lines, 1)
    async with log.pool.connection() as connection:
        listed = await changes.of(connection, 5, clock.now() - undo.WITHIN)
    assert listed[0].type == "chat.imported"
    for stranger in (person(6), person(0)):
        with pytest.raises(Rejected, match="No conversation of yours"):
            await execute(log, stranger, Withdraw(channel), ids.random_id())
    await undo.take_back(log, ADA, listed[0].key)
    assert await _seen(here, channel) == before, "as if it never had been"
    await undo.take_back(log, ADA, undo.undo_key(listed[0].key))
    assert await _seen(here, channel) == whole, "all of it is there again"

    assert await faces.take_back(log, ADA, WREN, ids.random_id()) == 1
    [chosen] = [row.event async for row in log.read(Query(types=frozenset({"reply.version_chosen"})))]
    assert isinstance(chosen, VersionChosen)
    late = {"turn_id": chosen.version, "channel_id": channel, "venue": "playground", "index": 0, "total": 1, "message_id": 1 << 50}
    about = Tags(turn=chosen.version, character=WREN, channel=channel)
    await log.append(new(ChunkDelivered.model_validate(late), ids.random_id(), cause=Cause(tags=about)))
    assert await _seen(here, channel) == before, "also when a version is shown after that"
    again = await chats.take(log, ADA, chat, WREN)
    assert (again.lines, again.repeated) == (done.lines, done.lines)
    assert await _seen(here, channel) == whole, "the same file brings it back, and adds nothing"

    await execute(log, operator(1), Withdraw(channel), ids.random_id())
    [gone, *_] = [row.event async for row in log.read(Query(types=frozenset({"message.received"})))]
    await log.append(new(MessageDeleted(message_id=gone.message_id, channel_id=channel, venue="playground"), ids.random_id()))  # type: ignore[attr-defined]  # a message, as chosen above
    await execute(log, ADA, Readmit(channel), ids.random_id())
    await _seen(here, channel)
    [rest] = await faces.imported(log, ADA, WREN)
    assert rest.lines == done.lines - 1
    await _equal_when_loaded(log)


class _Beside(Room):
    """A conversation whose messages are of the same moment as those of others."""

    def id(self) -> int:
        self.number += 1
        return (1 << 60) + self.channel % 997 * 100 + self.number


async def test_a_prompt_after_it_is_the_one_of_a_conversation_in_which_nothing_was_imported(log: Log) -> None:
    """Byte by byte; with the import it was another one."""
    [chat] = read_chats(made.jsonl(made.tavern()))
    await caught_up(log)
    done = await chats.take(log, person(41), chat, WREN)
    prompts = list[bytes]()
    for place in (_Beside(log, done.channel), _Beside(log, 99)):
        turn = await place.request(await place.say("Well?"), WREN)
        prompts.append((await place.prompt(turn))[0].bytes())
        if place.channel == done.channel:
            await execute(log, person(41), Withdraw(done.channel), ids.random_id())
            prompts.append((await place.prompt(turn))[0].bytes())
    with_it, without, never = prompts
    assert without == never
    assert len(with_it) > len(never) + 50


async def _equal_when_loaded(log: Log) -> None:
    async with log.pool.connection() as connection:
        await rebuild.create(connection, HISTORY, "again")
        await rebuild.load(connection, HISTORY, "again", 0, await log.head())
        assert await verify.hashes(connection, "again") == await verify.hashes(connection, "history")
        await connection.rollback()
