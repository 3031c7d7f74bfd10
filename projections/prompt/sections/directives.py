"""Ready-made rules that were switched on for the character or the channel (I5): last in the system message, each where its time is.

References: `n:POSITION` of what switched them on, and `w:NAME` of each rule that holds for this message. Those that do not are on record
as dropped, with their condition. Version 1 had no conditions: everything that was on held.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from engine.events.turn import DroppedPart
from engine.resources.craft.directives import DIRECTIVES, DirectiveFacts, held
from engine.store import Log
from projections.models.craft import notes
from projections.prompt.message import Message
from projections.prompt.section import Budget, Chosen, Moment, Piece, Place, Scene, Snapshot
from projections.prompt.sections import history, note
from projections.prompt.sections.note import SetNotes
from projections.prompt.text import section

NAME = "directives"
VERSION = 2
PLACE: Place = "foot"
BUDGET: Budget = "required"
_LATELY = 4
"""Replies that are looked at."""


@dataclass(frozen=True, slots=True)
class SetDirectives:
    """What is set, and the names of the rules that hold."""

    notes: SetNotes
    names: tuple[str, ...] = ()

    @property
    def erased(self) -> bool:
        return self.notes.erased


async def select(snapshot: Snapshot) -> Chosen:
    """What is set for the character and the channel."""
    found = await notes.of(snapshot.connection, snapshot.character, snapshot.channel)
    return Chosen(tuple(f"n:{position}" for position in found))


async def load(log: Log, chosen: Chosen, as_of: int) -> SetDirectives:
    """What is set. LookupError when something is not there."""
    set_ = Chosen(tuple(ref for ref in chosen.refs if ref.startswith("n:")))
    return SetDirectives(await note.load(log, set_, as_of), tuple(ref[2:] for ref in chosen.refs if ref.startswith("w:")))


def settle(data: SetDirectives, others: Mapping[str, Any], moment: Moment) -> Chosen:
    """The rules that hold for the message to answer, after what was said."""
    written = [text for _, sheet in data.notes.sheets for text in sheet.directives]
    refs = tuple(ref for ref, _ in data.notes.sheets)
    if not written:
        return Chosen(refs)
    on, off = held(written, _facts(others, moment))
    dropped = tuple(DroppedPart(what=f"directive:{one.name}", why=one.kind) for one in off)
    return Chosen((*refs, *(f"w:{name}" for name in on)), dropped=dropped)


def _facts(others: Mapping[str, Any], moment: Moment) -> DirectiveFacts:
    talk, set_ = others.get(history.NAME), others.get(note.NAME)
    entries = [line.entry for line in talk.lines] if isinstance(talk, history.Talk) else []
    reader = moment.scene.character if moment.scene is not None else None
    own = [entry.text for entry in entries if entry.kind == "reply" and entry.character == reader]
    people = tuple(dict.fromkeys(entry.author_name for entry in entries if entry.kind == "message"))
    counts = [int(ref.split(":")[2]) for ref, _ in set_.sheets] if isinstance(set_, SetNotes) else []
    return DirectiveFacts(entries[-1].text if entries else "", own[-_LATELY:], people, max(counts, default=0))


def render(data: SetDirectives | None, scene: Scene, version: int) -> Sequence[Piece]:
    """The rules in their own order, each once; nothing where none holds."""
    if data is None:
        return []
    on = {name for _, sheet in data.notes.sheets for name in sheet.directives} if version < 2 else set(data.names)
    lines = [f"- {rule}" for name, rule in DIRECTIVES.items() if name in on]
    refs = (*(ref for ref, _ in data.notes.sheets), *(f"w:{name}" for name in data.names))
    return [Piece(Message.of("system", section("rules", "\n".join(lines))), refs)] if lines else []
