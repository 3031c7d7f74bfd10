"""The author's notes of the character and the channel, so many messages before the end (I4); what lorebooks say around them.

References: `n:POSITION:COUNT` of each note that is inserted this time; a note is with every so many messages of people. `c:ID@POSITION`
the character's description, for macros.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from engine.events.note import NoteSet
from engine.resources.craft.note import NoteSheet
from engine.store import Log
from projections.models import catalog, history_window
from projections.models.craft import notes
from projections.prompt import macros
from projections.prompt.message import Message
from projections.prompt.section import Budget, Chosen, Piece, Place, Scene, Snapshot
from projections.prompt.sections import character
from projections.prompt.sections.character import Card
from projections.prompt.text import escape, section, seen

NAME = "note"
VERSION = 2
PLACE: Place = "depth"
BUDGET: Budget = "spare"


@dataclass(frozen=True, slots=True)
class SetNotes:
    """What is set, the character's first, each with its reference."""

    sheets: tuple[tuple[str, NoteSheet], ...] = ()
    erased: bool = False
    card: Card | None = None
    card_ref: str = ""


async def select(snapshot: Snapshot) -> Chosen:
    """The notes there are, with the number of people's messages that decides whether it is their time: `n:POSITION:COUNT`."""
    found = await notes.of(snapshot.connection, snapshot.character, snapshot.channel)
    if not found or (trigger := await history_window.message(snapshot.connection, snapshot.message_id)) is None:
        return Chosen()
    _, count = await history_window.length(snapshot.connection, snapshot.channel, trigger.position, reader=snapshot.character)
    described = await catalog.described(snapshot.connection, [snapshot.character])
    cards = (f"c:{who}@{position}" for who, position in described.items())
    return Chosen((*cards, *(f"n:{position}:{count}" for position in found)))


async def load(log: Log, chosen: Chosen, as_of: int) -> SetNotes:
    """The notes. LookupError when something is not there."""
    card_ref = next((ref for ref in chosen.refs if ref.startswith("c:")), "")
    by_position = {int(ref.split(":")[1]): ref for ref in chosen.refs if ref != card_ref}
    rows = await log.at(sorted(by_position))
    if len(rows) != len(by_position):
        raise LookupError("a note is not in the log")
    sheets = {r.position: r.event.sheet for r in rows if isinstance(r.event, NoteSet) and not r.erased}
    ordered = tuple((ref, sheets[position]) for position, ref in by_position.items() if position in sheets)
    card = await character.described(log, card_ref[2:]) if card_ref else None
    return SetNotes(ordered, any(recorded.erased for recorded in rows), card, card_ref)


def is_due(sheet: NoteSheet, ref: str) -> bool:
    """Whether a note is inserted with so many messages of people said. Pure."""
    count = int(ref.split(":")[2])
    return bool(sheet.text.strip()) and sheet.every > 0 and count >= sheet.every and count % sheet.every == 0


def render(data: SetNotes | None, scene: Scene, version: int) -> Sequence[Piece]:
    """A piece for each note whose time it is; lore around the last of them. Version 1 left macros as they are, and what nobody sees."""
    if data is None:
        return []
    due = [(ref, sheet) for ref, sheet in data.sheets if is_due(sheet, ref)]
    return [_piece(data, ref, sheet, scene, version, around=at == len(due) - 1) for at, (ref, sheet) in enumerate(due)]


def _piece(data: SetNotes, ref: str, sheet: NoteSheet, scene: Scene, version: int, *, around: bool) -> Piece:
    lore = (scene.offered.get("note_top", ""), scene.offered.get("note_bottom", "")) if around else ("", "")
    about = data.card.description if data.card is not None else None
    words = sheet.text if version < 2 else macros.writer(scene, about).of(sheet.text, ref.split(":")[1])
    text = escape("\n".join(part for part in (lore[0], words.strip(), lore[1]) if part))
    text = text if version < 2 else seen(text)
    block, refs = section("note", text), (data.card_ref, ref) if data.card_ref else (ref,)
    if sheet.depth == 0:
        return Piece(Message.of("user", block), refs, ref, place="tail")
    return Piece(Message.of(sheet.role, text if sheet.role == "assistant" else block), refs, ref, depth=sheet.depth)
