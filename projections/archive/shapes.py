"""What a backup of shapes.inc holds besides its character, on its way into the log: memories, then talk; it may die anywhere."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from itertools import batched
from uuid import UUID

from engine import ids
from engine.actor import Actor
from engine.cards import trees
from engine.events.base import user_subject
from engine.events.build import new
from engine.events.memory import MemoryNoted, MemoryRecordKept
from engine.oldmemories.reading import memory_id
from engine.sealing import DataKey
from engine.shapes.mapping import ShapesMemory, ShapesPlan
from engine.shapes.senders import Choices, packed
from engine.store import Log, NewEvent
from projections.archive import chats

IMPORT, AVATAR = "import_shapes", "fetch_avatar"
TOGETHER = 64


@dataclass(slots=True)
class ShapesCounts:
    """How many memories are new and how many were here (a long one counts once), and lines of talk likewise."""

    imported: int = 0
    repeated: int = 0
    messages: int = 0
    messages_repeated: int = 0


Told = Callable[[int, int, ShapesCounts], Awaitable[None]]


async def take(
    log: Log,
    actor: Actor,
    plan: ShapesPlan,
    host: UUID,
    *,
    choices: Choices | None = None,
    start: int = 0,
    before: ShapesCounts | None = None,
    told: Told | None = None,
) -> ShapesCounts:
    """Append memories and the conversation with this character; twice adds nothing, and a cut one goes on.

    `choices` by which the plan was made are kept with each memory. `start` things are stored already, counted in `before`. `told` hears
    (done, total, counts): what it raises ends the import there.
    """
    counts, notes = before or ShapesCounts(), len(plan.memories)
    total = notes + len(plan.chat.lines)

    async def tell(done: int) -> None:
        if told is not None:
            await told(done, total, counts)

    await _remember(log, actor, plan.memories, choices or {}, host, start, counts, tell)
    if plan.chat.lines:
        already = counts.messages_repeated

        async def lines(done: int, _: int, repeated: int) -> None:
            counts.messages_repeated = already + repeated
            await tell(notes + done)

        done = await chats.take(log, actor, plan.chat, host, start=max(start - notes, 0), told=lines)
        counts.messages, counts.messages_repeated = done.lines, already + done.repeated
    return counts


async def _remember(
    log: Log,
    actor: Actor,
    memories: tuple[ShapesMemory, ...],
    choices: Choices,
    host: UUID,
    start: int,
    counts: ShapesCounts,
    tell: Callable[[int], Awaitable[None]],
) -> None:
    """One event for each part, known by its text: the same text is one memory, and one that was forgotten does not come back."""
    key, done = await log.vault.key(user_subject(actor.user_id)), start
    seen = set[UUID]()
    for some in batched(memories[start:], TOGETHER):
        news = [_noted(one, memory_id(key, actor.user_id, host, one.text), actor, host) for one in some]
        answers = await asyncio.gather(*(log.append(one) for one in {one.id: one for one in news}.values()))
        records = [_record(one, event, key, choices) for one, event in zip(some, news, strict=True) if one.rest]
        await asyncio.gather(*(log.append(one) for one in {one.id: one for one in records}.values()))
        fresh = dict(zip(dict.fromkeys(one.id for one in news), (not one.repeated for one in answers), strict=True))
        for memory, event in zip(some, news, strict=True):
            if memory.part == 0:
                first = fresh[event.id] and event.id not in seen
                counts.imported, counts.repeated = counts.imported + first, counts.repeated + (not first)
            seen.add(event.id)
        done += len(some)
        await tell(done)


def _noted(one: ShapesMemory, memory: UUID, actor: Actor, host: UUID) -> NewEvent:
    event = MemoryNoted(
        memory_id=memory,
        user_id=actor.user_id,
        by_user_id=actor.user_id,
        origin="shapes_inc",
        character_id=host,
        venue="playground",
        at_ms=max(int(one.at.timestamp() * 1000), 0) if one.at is not None else 0,
        text=one.text,
        speaker=one.speaker,
    )
    return new(event, memory, occurred_at=one.at)


def _record(one: ShapesMemory, noted: NewEvent, key: DataKey, choices: Choices) -> NewEvent:
    """What the record says besides. Known by itself, whoever its senders are taken as: the same file again adds nothing."""
    memory, raw = noted.event, one.rest
    assert isinstance(memory, MemoryNoted)
    said = packed({sender: choices[sender] for sender in one.senders if sender in choices})
    event = MemoryRecordKept(
        memory_id=memory.memory_id,
        user_id=memory.user_id,
        by_user_id=memory.by_user_id,
        character_id=memory.character_id,
        kept=raw.decode("utf-8", "replace"),
        as_whom=trees.written(said).decode() if said else "",
    )
    return new(event, ids.derived("imported-record", memory.memory_id, key.digest(b"record\n" + raw)), occurred_at=one.at)


def counted(cursor: Mapping[str, object]) -> ShapesCounts:
    """The counts that an earlier attempt recorded."""
    found = {name: value for name, value in cursor.items() if name in ShapesCounts.__slots__ and isinstance(value, int)}
    return ShapesCounts(**found)
