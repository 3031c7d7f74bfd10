"""Any file that somebody brings: what it is, what it holds, and how it comes in. Knows no face."""

import asyncio
import zipfile
from dataclasses import dataclass
from io import BytesIO
from typing import Literal
from uuid import UUID

from bot import cards, chatlogs, proxies, shapes
from bot.cards import FoundCharacter
from bot.editing import Item
from bot.shapes import LookedAtShape
from engine.actor import Actor
from engine.cards import trees
from engine.cards.proxies import is_export
from engine.cards.refusal import Unreadable
from engine.chatlogs.log import ChatLog
from engine.chatlogs.reading import read_chats
from engine.decide.rejected import Rejected
from engine.shapes.backup import MOST_BYTES as MOST_BYTES
from engine.store import Log

FileKind = Literal["character", "backup", "chats", "personas"]
_CARDS = ("card.json", "manifest.json")
"""What stands at the root of an archive that is a card: CHARX, BYAF."""


@dataclass(frozen=True, slots=True)
class BroughtFile:
    """A file that was looked at. `words` say what it is and holds, `notes` what becomes of its parts or cannot be taken."""

    kind: FileKind
    words: str
    notes: tuple[str, ...] = ()
    character: FoundCharacter | None = None
    backup: LookedAtShape | None = None


@dataclass(frozen=True, slots=True)
class BroughtIn:
    """What came of a file. `job`: the rest comes in by this one; `item`: the character that was made or found."""

    words: str
    notes: tuple[str, ...] = ()
    item: Item | None = None
    job: UUID | None = None


async def look(log: Log, actor: Actor, raw: bytes, name: str = "", hold: UUID | None = None) -> BroughtFile:
    """Tell what a file is by what stands in it. Makes nothing; a backup is held under a key for the next step. Raises Rejected, Wrong."""
    kind, chats = await asyncio.to_thread(_sniffed, raw)
    match kind:
        case "backup" if hold is not None:
            found = await shapes.look(log, actor, raw, hold)
            return BroughtFile(kind, f"A backup of shapes.inc. {found.words}", found.notes, backup=found)
        case "backup":
            _, plan = await shapes.read_zip(raw)
            return BroughtFile(kind, f"A backup of shapes.inc. {shapes.summary(plan)}", (*plan.told, *plan.chat.bad))
        case "chats":
            return BroughtFile(kind, chatlogs.summary(chats), tuple(bad for chat in chats for bad in chat.bad))
        case "personas":
            export = await proxies.read(raw)
            left = [f"{one.name}: no place here for {', '.join(one.left)}" for one in export.personas if one.left]
            return BroughtFile(kind, f"{len(export.personas):,} personas from {export.program}.", (*left, *export.bad))
        case "character":
            card = await cards.read(log, actor, raw, name)
            return BroughtFile(kind, f"{card.name}, from {card.kind}.", card.notes, card)


async def bring(log: Log, actor: Actor, raw: bytes, name: str, key: UUID, item_id: UUID, host: Item | None) -> BroughtIn:
    """Take a file in: a character at once, talk and memories by a job. `host` is who was talked with. Raises Rejected, Wrong."""
    brought = await look(log, actor, raw, name)
    match brought.kind:
        case "backup":
            begun = await shapes.begin(log, actor, raw)
            return BroughtIn(brought.words, begun.notes, begun.item, begun.job)
        case "chats":
            if host is None:
                raise Rejected("Say with which character this was talked: choose one beside the file.")
            job, words = await chatlogs.ask(log, actor, raw, host)
            return BroughtIn(words, brought.notes, host, job)
        case "personas":
            taken = await proxies.take(log, actor, await proxies.read(raw))
            return BroughtIn(taken.words, tuple(taken.notes))
        case "character":
            assert brought.character is not None
            item, notes = await cards.make(log, actor, brought.character, item_id, key)
            return BroughtIn(f"{item.name} is here, from {brought.character.kind}.", notes, item)


def _sniffed(raw: bytes) -> tuple[FileKind, list[ChatLog]]:
    """What a file is, and its conversations where it is a chat log: reading one is how it is told. Pure, for a thread."""
    if raw.startswith(b"PK\x03\x04"):
        return ("backup" if is_backup(raw) else "character"), []
    if raw.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] != b"{" and raw[:2] not in (b"\xff\xfe", b"\xfe\xff"):
        return "character", []
    try:
        return "chats", read_chats(raw)
    except Unreadable:
        pass
    try:
        return ("personas" if is_export(trees.json_of(raw)) else "character"), []
    except Unreadable:
        return "character", []


def is_backup(raw: bytes) -> bool:
    """Whether a file is an archive that holds JSON and is no card."""
    if not raw.startswith(b"PK\x03\x04"):
        return False
    try:
        with zipfile.ZipFile(BytesIO(raw)) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return False
    return not any(name in _CARDS for name in names) and any(name.casefold().endswith(".json") for name in names)
