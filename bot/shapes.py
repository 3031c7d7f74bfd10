"""Backups of shapes.inc on their way in, for every face; knows no face. Each step happens once, however often it is begun."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import IO
from uuid import UUID

from bot import editing
from bot.editing import Item
from engine import ids
from engine.actor import SYSTEM, Actor
from engine.cards.pieces import Opened
from engine.cards.refusal import Unreadable
from engine.decide.rejected import Rejected
from engine.resources.kinds import CHARACTER, PRESET
from engine.shapes.backup import MOST_BYTES, ShapesBackup, read_backup, unzipped
from engine.shapes.mapping import ShapesPlan, planned
from engine.store import Log
from projections.archive import shapes, uploads
from projections.archive.shapes import Told


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
    try:
        return await asyncio.to_thread(_look, lambda: _files(path))
    except OSError as error:
        raise Rejected(f"{path} cannot be read: {error.strerror}.") from None


async def read_zip(raw: bytes) -> tuple[ShapesBackup, ShapesPlan]:
    """Look at the ZIP of a backup that somebody sent. Stores nothing. Raises Rejected with one sentence."""
    return await asyncio.to_thread(_look, lambda: unzipped(raw))


def _look(files: Callable[[], Mapping[str, Opened]]) -> tuple[ShapesBackup, ShapesPlan]:
    try:
        backup = read_backup(files())
        return backup, planned(backup)
    except Unreadable as error:
        raise Rejected(str(error)) from None


def _files(path: Path) -> Mapping[str, Opened]:
    if not path.is_dir():
        if path.stat().st_size > MOST_BYTES:
            raise Unreadable(f"The file is larger than {MOST_BYTES // 2**20} MB.")
        return unzipped(path.read_bytes())
    found = [file for file in sorted(path.rglob("*.json")) if file.is_file() and not file.is_symlink()]
    if sum(file.stat().st_size for file in found) > MOST_BYTES:
        raise Unreadable(f"The folder holds more than {MOST_BYTES // 2**20} MB.")
    return {str(file.relative_to(path)): partial(_opened, file) for file in found}


def _opened(file: Path) -> IO[bytes]:
    return file.open("rb")


async def take(log: Log, actor: Actor, backup: ShapesBackup, plan: ShapesPlan, told: Told | None = None) -> TakenShape:
    """Make the character with its preset, its memories and its conversation; twice adds nothing, a cut one goes on. Raises Rejected."""
    item, created, notes = await _character(log, actor, backup, plan)
    counts = await shapes.take(log, actor, plan, item.id, told=told)
    notes += [*plan.told, *plan.chat.bad]
    return TakenShape(item.handle, item.name, created, plan.records, skipped=dict(plan.skipped), notes=notes, **asdict(counts))


@dataclass(frozen=True, slots=True)
class BegunShape:
    """A shape whose character is here, and whose memories and conversation are brought in by a job."""

    item: Item
    created: bool
    job: UUID
    notes: tuple[str, ...]


async def begin(log: Log, actor: Actor, raw: bytes) -> BegunShape:
    """Make the character of a ZIP with its preset, and have the rest brought in by a job. The same file again is the same job.

    Raises Rejected.
    """
    backup, plan = await read_zip(raw)
    item, created, notes = await _character(log, actor, backup, plan)
    job = await uploads.ask(log, actor, shapes.IMPORT, raw, item.id)
    return BegunShape(item, created, job, (*notes, *plan.told))


def summary(plan: ShapesPlan) -> str:
    """What a backup holds, in a sentence."""
    firsts, skipped = sum(one.part == 0 for one in plan.memories), sum(plan.skipped.values())
    why = f" ({', '.join(f'{count:,} {name}' for name, count in sorted(plan.skipped.items()))})" if skipped else ""
    bad = f"; {len(plan.chat.bad):,} messages say nothing or cannot be read" if plan.chat.bad else ""
    return f"{plan.chat.character}: {firsts:,} memories, {skipped:,} skipped{why}, {len(plan.chat.lines):,} lines of talk{bad}."


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
