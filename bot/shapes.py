"""Backups of shapes.inc on their way in, for every face; knows no face. Each step happens once, however often it is begun."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import batched
from pathlib import Path
from uuid import UUID

from bot import editing
from bot.editing import Item
from engine import ids
from engine.actor import SYSTEM, Actor
from engine.cards.refusal import Unreadable
from engine.decide.rejected import Rejected
from engine.events.base import user_subject
from engine.events.build import new
from engine.events.memory import MemoryNoted
from engine.oldmemories.reading import memory_id
from engine.resources.kinds import CHARACTER, PRESET
from engine.shapes.backup import MOST_BYTES, ShapesBackup, read_backup, unzipped
from engine.shapes.mapping import ShapesMemory, ShapesPlan, planned
from engine.store import Log, NewEvent
from projections.archive import chats

TOGETHER = 64


@dataclass(slots=True)
class TakenShape:
    """What became of a backup. Of its `records`: imported + repeated + skipped = records (a long one counts once)."""

    character: str
    name: str
    created: bool
    records: int = 0
    imported: int = 0
    repeated: int = 0
    skipped: dict[str, int] = field(default_factory=dict)
    messages: int = 0
    messages_repeated: int = 0
    notes: list[str] = field(default_factory=list)


async def read(path: Path) -> tuple[ShapesBackup, ShapesPlan]:
    """Look at a folder or a ZIP. Stores nothing. Raises Rejected with one sentence."""

    def look() -> tuple[ShapesBackup, ShapesPlan]:
        backup = read_backup(_files(path))
        return backup, planned(backup)

    try:
        return await asyncio.to_thread(look)
    except Unreadable as error:
        raise Rejected(str(error)) from None
    except OSError as error:
        raise Rejected(f"{path} cannot be read: {error.strerror}.") from None


def _files(path: Path) -> Mapping[str, bytes]:
    if not path.is_dir():
        if path.stat().st_size > MOST_BYTES:
            raise Unreadable(f"The file is larger than {MOST_BYTES // 2**20} MB.")
        return unzipped(path.read_bytes())
    found = {}
    for file in sorted(path.rglob("*.json")):
        if file.is_file() and not file.is_symlink():
            found[str(file.relative_to(path))] = file.read_bytes()
        if sum(map(len, found.values())) > MOST_BYTES:
            raise Unreadable(f"The folder holds more than {MOST_BYTES // 2**20} MB.")
    return found


async def take(log: Log, actor: Actor, backup: ShapesBackup, plan: ShapesPlan, told: chats.Told | None = None) -> TakenShape:
    """Make the character with its preset, its memories and its conversation; twice adds nothing, a cut one goes on. Raises Rejected."""
    item, created, notes = await _character(log, actor, backup, plan)
    taken = TakenShape(item.handle, item.name, created, plan.records, skipped=dict(plan.skipped), notes=[*notes, *plan.told])
    await _remember(log, actor, item, plan, taken)
    if plan.chat.lines:
        done = await chats.take(log, actor, plan.chat, item.id, told=told)
        taken.messages, taken.messages_repeated = done.lines, done.repeated
    taken.notes += plan.chat.bad
    return taken


async def _character(log: Log, actor: Actor, backup: ShapesBackup, plan: ShapesPlan) -> tuple[Item, bool, list[str]]:
    item_id = ids.derived("shapes-character", actor.user_id, backup.shape)
    if (known := await editing.by_id(log, CHARACTER, actor, item_id)) is not None:
        return known, False, ["The character is here already and stays as it is."]
    found = await editing.imported(log, CHARACTER, actor, dict(plan.character))
    values, notes = dict(found.values), [f"Left out: {one}" for one in found.left]
    preset = await _preset(log, actor, backup, plan, notes)
    if preset is not None:
        values["preset_id"] = preset
    fields = editing.without_name_clash(await editing.items(log, CHARACTER, SYSTEM), values)
    await editing.carry_out(log, actor, editing.creation(CHARACTER, item_id, fields, measured=False), ids.derived("shapes-create", item_id))
    item = await editing.by_id(log, CHARACTER, actor, item_id)
    if item is None:
        raise Rejected("This shape was imported before, and the character was deleted. Bring it back: `tzurot character restore`.")
    return item, True, notes


async def _preset(log: Log, actor: Actor, backup: ShapesBackup, plan: ShapesPlan, notes: list[str]) -> UUID | None:
    """The preset of its engine settings; without one that can be used the default answers."""
    if not plan.preset:
        return None
    item_id = ids.derived("shapes-preset", actor.user_id, backup.shape)
    try:
        found = await editing.imported(log, PRESET, actor, dict(plan.preset))
        notes += [f"Left out of the preset: {one}" for one in found.left]
        create = editing.creation(PRESET, item_id, found.values, measured=False)
        await editing.carry_out(log, actor, create, ids.derived("shapes-create", item_id))
    except Rejected as error:
        notes.append(f"The preset was left out: {error}")
        return None
    return item_id


async def _remember(log: Log, actor: Actor, item: Item, plan: ShapesPlan, taken: TakenShape) -> None:
    """One event for each part, known by its text: the same text is one memory, and one that was forgotten does not come back."""
    key = await log.vault.key(user_subject(actor.user_id))
    before = set[UUID]()
    for some in batched(plan.memories, TOGETHER):
        news = [_noted(one, memory_id(key, actor.user_id, item.id, one.text), actor, item) for one in some]
        done = await asyncio.gather(*(log.append(one) for one in {one.id: one for one in news}.values()))
        fresh = dict(zip(dict.fromkeys(one.id for one in news), (not one.repeated for one in done), strict=True))
        for memory, event in zip(some, news, strict=True):
            if memory.part == 0:
                first = fresh[event.id] and event.id not in before
                taken.imported, taken.repeated = taken.imported + first, taken.repeated + (not first)
            before.add(event.id)


def _noted(one: ShapesMemory, memory: UUID, actor: Actor, item: Item) -> NewEvent:
    event = MemoryNoted(
        memory_id=memory,
        user_id=actor.user_id,
        by_user_id=actor.user_id,
        origin="shapes_inc",
        character_id=item.id,
        venue="playground",
        at_ms=max(int(one.at.timestamp() * 1000), 0) if one.at is not None else 0,
        text=one.text,
    )
    return new(event, memory, occurred_at=one.at)
