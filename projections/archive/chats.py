"""Conversations of other programs on their way into the log: stored line by line in order, by a command or by a job that may die."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from itertools import batched, chain
from uuid import UUID

from engine import ids
from engine.actor import Actor
from engine.chatlogs import identity
from engine.chatlogs.events import Destination, appends, channel_of, head_of, is_silent
from engine.chatlogs.log import ChatLog
from engine.decide.channel import Activate, Where
from engine.decide.speaking.chat import Import
from engine.errors import PartialRepeat
from engine.events.base import user_subject
from engine.events.reply import ReplyEdited
from engine.execute import execute
from engine.sealing import DataKey
from engine.store import Log, NewEvent
from projections.models import catalog

IMPORT = "import_chats"
AT_ONCE, TOGETHER = 512, 64
"""Lines whose appends are under way together, and lines of one append; they are stored in order."""
Told = Callable[[int, int, int], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class ImportedChat:
    """What became of one conversation. `lines` are those that were anybody's words; `silent` were notes of the program or empty."""

    channel: int
    form: str
    lines: int
    silent: int
    variants: int
    repeated: int
    bad: tuple[str, ...]


async def take(log: Log, actor: Actor, chat: ChatLog, host: UUID, *, start: int = 0, told: Told | None = None) -> ImportedChat:
    """Append a conversation with this character as events with their original times; twice adds nothing, and a cut one goes on.

    Speakers of the log that are called like other characters of the actor's are those. `start` lines are stored already, and counted
    among the lines all the same. `told` hears (done, total, repeated); what it raises ends the import with what is stored so far.
    """
    key = await log.vault.key(user_subject(actor.user_id))
    known_by = await asyncio.to_thread(_identity, key, chat, host)
    channel = channel_of(chat, known_by)
    to = Destination(known_by, actor.user_id, host, await _speakers(log, actor) | {chat.character: host}, channel)
    done = repeated = said = variants = 0
    await log.append(await asyncio.to_thread(head_of, chat, to))
    made = batched(appends(chat, to), AT_ONCE)
    while some := await asyncio.to_thread(next, made, ()):  # parsing and making hundreds of events would keep others waiting
        done, said = done + len(some), said + sum(not is_silent(group) for group in some)
        variants += sum(1 + sum(one.event.TYPE == ReplyEdited.TYPE for one in group) for group in some if not is_silent(group))
        if done <= start:
            continue
        rest = some[max(start - (done - len(some)), 0) :]
        stored = await asyncio.gather(*(_append(log, part, after) for after, part in enumerate(batched(rest, TOGETHER))))
        repeated += sum(stored)
        if told is not None:
            await told(done, len(chat.lines), repeated)
    if said:
        await execute(log, actor, Activate(Where(channel, None, "playground"), host), ids.derived("imported-chat", channel))
        await execute(log, actor, Import(channel, host, said), ids.random_id())  # one that was taken back is there again
    return ImportedChat(channel, chat.form, said, len(chat.lines) - said, variants, repeated, chat.bad)


def _identity(key: DataKey, chat: ChatLog, host: UUID) -> str:
    """What tells a conversation from others: all of it. In a thread: writing a million lines takes seconds."""
    return key.digest_of(chain([b"chat"], identity.told(chat), [host.bytes]))


async def _append(log: Log, groups: Sequence[tuple[NewEvent, ...]], after: int) -> int:
    """Some lines in one append, or each in its own where only some of them are stored; returns how many (no notes) were stored before.

    Each append is sealed at once, one in each turn of the loop: as the one `after` so many others.
    """
    for _ in range(after):
        await asyncio.sleep(0)
    events = [event for group in groups for event in group]
    try:
        done = await log.append(*events)
    except PartialRepeat:
        done = None
    if done is None or len(done.positions) < len(events):  # a repeat is known by its first event, whatever became of the others
        each = [(await log.append(*group)).repeated and not is_silent(group) for group in groups]
        return sum(each)
    return sum(not is_silent(group) for group in groups) if done.repeated else 0


async def _speakers(log: Log, actor: Actor) -> dict[str, UUID]:
    async with log.pool.connection() as connection:
        found = await catalog.characters(connection, log.vault)
    return {one.name: one.id for one in found if not one.erased and (actor.kind != "person" or one.usable_by(actor.user_id))}
