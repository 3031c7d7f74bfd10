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
from engine.decide.job import FIELDS, Ask, job_id
from engine.decide.rejected import Rejected
from engine.events.base import user_subject
from engine.execute import execute
from engine.resources.kinds import CHARACTER, PRESET
from engine.resources.places.kinds import PERSONA
from engine.shapes import senders
from engine.shapes.backup import MOST_BYTES, ShapesBackup, read_backup, unzipped
from engine.shapes.mapping import ShapesPlan, planned
from engine.shapes.senders import Choices, ShapesSender
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


async def take(log: Log, actor: Actor, backup: ShapesBackup, plan: ShapesPlan, choices: Choices, told: Told | None = None) -> TakenShape:
    """Make the character with its preset, its memories and its conversation; twice adds nothing, a cut one goes on. Raises Rejected.

    Its picture is fetched by a job, which waits for a worker.
    """
    item, created, notes = await _character(log, actor, backup, plan)
    counts = await shapes.take(log, actor, plan := senders.taken(plan, choices), item.id, choices=choices, told=told)
    if (url := plan.character.get("avatar_url")) and not item.values.get("avatar"):
        await _picture(log, actor, item.id, str(url))
        notes.append("Its picture is fetched from its address by a job, as soon as Tzurot runs.")
    notes += [*plan.told, *plan.chat.bad]
    return TakenShape(item.handle, item.name, created, plan.records, skipped=dict(plan.skipped), notes=notes, **asdict(counts))


async def _picture(log: Log, actor: Actor, host: UUID, url: str) -> None:
    about = f"{actor.user_id}:{host}:{(await log.vault.key(user_subject(actor.user_id))).digest(url.encode('utf-8', 'replace'))}"
    job = job_id(shapes.AVATAR, about)
    asked = Ask(job, shapes.AVATAR, about, {"character": str(host)}, (actor.user_id,), {"url": url})
    await execute(log, actor, asked, ids.derived("fetch-avatar", job))


@dataclass(frozen=True, slots=True)
class LookedAtShape:
    """A backup that was looked at and is held for a day under a name: the second step is to say who was who, the third brings it in."""

    held: UUID
    words: str
    senders: tuple[ShapesSender, ...]
    personas: tuple[str, ...]
    notes: tuple[str, ...]


async def look(log: Log, actor: Actor, raw: bytes, key: UUID) -> LookedAtShape:
    """The first step: what a ZIP holds, and whose its memories are. Makes nothing; the file is held for a day. Raises Rejected."""
    _, plan = await read_zip(raw)
    found = senders.senders(plan.memories)
    held = await uploads.hold(log, actor, raw, {"senders": [[one.key, one.memories] for one in found[: senders.SHOWN]]}, key)
    return LookedAtShape(held, summary(plan), found, tuple(await _personas(log, actor)), (*plan.told, *plan.chat.bad))


async def who(log: Log, actor: Actor, held: UUID) -> tuple[ShapesSender, ...]:
    """The second step: whose the memories of a file that is held are, without reading it anew. Raises Rejected."""
    found = (await uploads.held(log, actor, held)).about.get("senders")
    pairs = [one for one in found if isinstance(one, list) and len(one) == 2] if isinstance(found, list) else []
    return tuple(ShapesSender(str(key), int(str(count))) for key, count in pairs)


async def bring(log: Log, actor: Actor, held: UUID, said: Mapping[str, str]) -> "BegunShape":
    """The third step: the character at once, all else by a job, each sender as was said. Raises Rejected, Wrong."""
    return await begin(log, actor, await uploads.content(log, await uploads.held(log, actor, held)), said)


async def choices(log: Log, actor: Actor, plan: ShapesPlan, said: Mapping[str, str]) -> Choices:
    """As whom each sender is taken. Raises Wrong."""
    return senders.chosen(said, senders.senders(plan.memories), await _personas(log, actor) if said else {})


async def _personas(log: Log, actor: Actor) -> dict[str, UUID]:
    return {one.name: one.id for one in await editing.items(log, PERSONA, actor) if one.owner_id == actor.user_id}


@dataclass(frozen=True, slots=True)
class BegunShape:
    """A shape whose character is here, and whose memories and conversation are brought in by a job."""

    item: Item
    created: bool
    job: UUID
    notes: tuple[str, ...]


async def begin(log: Log, actor: Actor, raw: bytes, said: Mapping[str, str] | None = None) -> BegunShape:
    """Make the character of a ZIP with its preset, and have the rest brought in by a job, each sender as was `said`.

    The same file again, said likewise, is the same job. Raises Rejected, Wrong.
    """
    backup, plan = await read_zip(raw)
    as_whom = await choices(log, actor, plan, said or {})
    item, created, notes = await _character(log, actor, backup, plan)
    personal: FIELDS = {"senders": senders.packed(as_whom)} if as_whom else {}
    job = await uploads.ask(log, actor, shapes.IMPORT, raw, item.id, personal)
    return BegunShape(item, created, job, (*notes, *plan.told))


def asked(found: tuple[ShapesSender, ...]) -> tuple[str, ...]:
    """Whose the memories are, a line each, and what is asked about them; nothing where they name nobody. Pure."""
    more = (f"and {len(found) - senders.SHOWN:,} more",) if len(found) > senders.SHOWN else ()
    head = (
        f"Its memories are of talk with {len(found):,} {'sender' if len(found) == 1 else 'senders'}, all taken as you unless you say who:"
    )
    return (head, *(one.words for one in found[: senders.SHOWN]), *more) if found else ()


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
