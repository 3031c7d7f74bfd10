"""Lorebook entries that the conversation wakes (I3), each as data between tags, where its position says.

References: `c:ID@POSITION` the character's description; `w:BOOK.UID@POSITION!KEY` an entry that was woken, by which of its keys (`-`:
none needed); `f:BOOK.UID@POSITION^ENTRY~UNTIL` a frozen one, which stands before the entry of the history at that position until the
chat is so long (0: as long as that entry is there); `t:KIND:BOOK.UID@POSITION:START:END:PROTECTED` what runs on; `m:POSITION` the
message it was looked at for; `s:POSITION` regex scripts. Before it settles also `b:BOOK@POSITION:SOURCES` and `e:BOOK.UID@POSITION` for
all that may be woken and `n:LENGTH` of the chat.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from engine.events import Event
from engine.events.lorebook import LorebookCreated, LorebookEdited, LoreEntriesSet
from engine.lore import Entry, Source
from engine.lore.book import raw_entry
from engine.lore.decorators import decorated
from engine.lore.place import AFTER, AT_DEPTH, BEFORE, DEFAULT_DEPTH, EXAMPLE_BOTTOM, EXAMPLE_TOP, NOTE_BOTTOM, NOTE_TOP, OUTLET
from engine.macros.scripts import Placement, Script, apply
from engine.resources.craft.lorebook import LorebookSheet
from engine.store import Log, Recorded
from projections.models import catalog, history_window
from projections.models.craft import lore_states, lorebooks
from projections.prompt import lore_scan, macros, rewriting
from projections.prompt.lore_refs import Frozen, Running, Woken, parse
from projections.prompt.macros import SOMEBODY
from projections.prompt.message import Message, Role
from projections.prompt.section import Budget, Chosen, Moment, Piece, Place, Scene, Snapshot
from projections.prompt.sections import character
from projections.prompt.sections.character import Card
from projections.prompt.text import escape, fill, section, seen

NAME = lore_states.SECTION
VERSION = 4
PLACE: Place = "head"
BUDGET: Budget = "spare"
_ROLES: tuple[Role, ...] = ("system", "user", "assistant")
_PLACES: Mapping[int, Place] = {BEFORE: "head", AFTER: "foot", EXAMPLE_TOP: "foot", EXAMPLE_BOTTOM: "foot"}
_SAID_ELSEWHERE = {NOTE_TOP: "note_top", NOTE_BOTTOM: "note_bottom"}


@dataclass(frozen=True, slots=True)
class Candidates:
    """A book that may be woken: its settings, and its entries with their positions."""

    sheet: LorebookSheet
    sources: tuple[Source, ...]
    entries: tuple[tuple[Entry, int], ...]


@dataclass(frozen=True, slots=True)
class Lore:
    """What the section is made of: what was woken, in output order, and before it settles all that may be."""

    card: Card | None = None
    card_ref: str = ""
    woken: tuple[tuple[Woken | Frozen, Entry], ...] = ()
    books: Mapping[UUID, Candidates] | None = None
    running: tuple[tuple[Running | Frozen, Entry], ...] = ()
    asked: int = 0
    length: int = 0
    ran: bool = False
    erased: bool = False
    moments: Mapping[int, datetime] = field(default_factory=dict)
    """When what frozen entries stand before was said, by position."""
    scripts: tuple[Script, ...] = ()
    script_refs: tuple[str, ...] = ()


async def select(snapshot: Snapshot) -> Chosen:
    """Everything that may be woken, with what runs on from the message before. Nothing where no book is attached."""
    connection = snapshot.connection
    found = await lorebooks.attached(
        connection, character=snapshot.character, channel=snapshot.channel, guild=snapshot.guild, person=snapshot.user
    )
    if not found or (trigger := await history_window.message(connection, snapshot.message_id)) is None:
        return Chosen()
    length, _ = await history_window.length(connection, snapshot.channel, trigger.position, reader=snapshot.character)
    running = await lore_states.before(connection, snapshot.channel, snapshot.character, trigger.position)
    described = await catalog.described(connection, [snapshot.character])
    books = [ref for book in found for ref in _book_refs(book)]
    cards = (f"c:{who}@{position}" for who, position in described.items())
    scripts = await rewriting.references(connection, snapshot.character, snapshot.guild)
    return Chosen((*cards, *scripts, f"m:{trigger.position}", f"n:{length}", *books, *running))


def _book_refs(book: lorebooks.Attached) -> list[str]:
    entries = [f"e:{book.lorebook}.{uid}@{position}" for uid, position in book.entries]
    return [f"b:{book.lorebook}@{book.position}:{','.join(book.sources)}", *entries]


async def load(log: Log, chosen: Chosen, as_of: int) -> Lore:
    """What the references name. LookupError when something is not there."""
    if not chosen.refs:
        return Lore()
    parsed = parse((*chosen.refs, *chosen.always))
    places = {one.entry for one in (*parsed.woken, *parsed.running) if isinstance(one, Frozen)}
    rows = {recorded.position: recorded for recorded in await log.at(sorted(parsed.positions | places))}
    card = await character.described(log, parsed.card[2:]) if parsed.card else None
    pool: dict[int, dict[int, Entry]] = {}

    def entry(book: UUID, uid: int, position: int) -> Entry:
        return _entry(rows, pool, book, uid, position)

    unsettled = bool(parsed.books)
    return Lore(
        card=card,
        card_ref=parsed.card,
        woken=() if unsettled else tuple((one, entry(one.book, one.uid, one.position)) for one in parsed.woken),
        books={
            book: Candidates(
                _sheet(rows, position), sources, tuple((entry(book, uid, at), at) for b, uid, at in parsed.entries if b == book)
            )
            for book, position, sources in parsed.books
        }
        if unsettled
        else None,
        running=tuple((one, entry(one.book, one.uid, one.position)) for one in parsed.running) if unsettled else (),
        asked=parsed.asked,
        length=parsed.length,
        ran=bool(parsed.running),
        erased=any(rows[position].erased for position in parsed.positions if position in rows),
        moments={at: rows[at].row.occurred_at for at in places if at in rows},
        scripts=rewriting.of(rows, parsed.scripts),
        script_refs=tuple(parsed.scripts),
    )


def _sheet(rows: Mapping[int, Recorded[Event]], position: int) -> LorebookSheet:
    event = rows[position].event if position in rows else None
    if not isinstance(event, LorebookCreated | LorebookEdited):
        raise LookupError(f"position {position} of the log is no lorebook")
    return event.sheet


def _entry(rows: Mapping[int, Recorded[Event]], pool: dict[int, dict[int, Entry]], book: UUID, uid: int, position: int) -> Entry:
    """An entry as it stood at a position; an empty one whose owner was erased."""
    event = rows[position].event if position in rows else None
    if not isinstance(event, LoreEntriesSet) or event.lorebook_id != book or uid not in event.uids:
        raise LookupError(f"position {position} of the log has no entry {uid} of the lorebook {book}")
    if position not in pool:
        pool[position] = {number: raw_entry(fields) for number, fields in zip(event.uids, event.entries, strict=False)}
    return pool[position].get(uid, Entry(uid=uid, disable=True))


def settle(data: Lore, others: Mapping[str, Any], moment: Moment) -> Chosen:
    """What of it the conversation wakes."""
    return lore_scan.settle(data, others, moment) if data.books is not None else Chosen()


def render(data: Lore | None, scene: Scene, version: int) -> Sequence[Piece]:
    """A piece for each entry, in output order. Version 1 sent characters that nobody sees, 2 macros as they are; 3 knew no decorators."""
    if data is None:
        return []
    return [_piece(data, ref, entry, words(data, ref, entry, scene, version), version) for ref, entry in _entries(data, version)]


def _entries(data: Lore, version: int) -> list[tuple[Woken | Frozen, Entry]]:
    """What was woken, by its decorators."""
    return [(ref, entry if version < 4 else decorated(entry)) for ref, entry in data.woken]


def _piece(data: Lore, ref: Woken | Frozen, entry: Entry, text: str, version: int) -> Piece:
    refs = (*([data.card_ref] if data.card_ref else ()), *data.script_refs, ref.text)
    what, text = f"lore:{ref.book}:{ref.uid}", escape(text) if version < 2 else seen(escape(text))
    block = section("lore", text)
    if isinstance(ref, Frozen):
        return Piece(Message.of("system", block), refs, what, place="depth", at=ref.entry)
    if entry.position in (OUTLET, NOTE_TOP, NOTE_BOTTOM) or not block:
        return Piece(Message("system", ()), refs, what, place="elsewhere")
    if entry.position != AT_DEPTH:
        examples = entry.position in (EXAMPLE_TOP, EXAMPLE_BOTTOM)
        said = section("examples", text) if examples else block
        return Piece(Message.of("system", said), refs, what, place=_PLACES.get(entry.position or 0, "head"))
    depth = DEFAULT_DEPTH if entry.depth is None else entry.depth
    if depth == 0:
        return Piece(Message.of("user", block), refs, what, place="tail")
    role = _ROLES[entry.role] if entry.role is not None and 0 <= entry.role < len(_ROLES) else "system"
    return Piece(Message.of(role, text if role == "assistant" else block), refs, what, place="depth", depth=depth)


def words(data: Lore, ref: Woken | Frozen, entry: Entry, scene: Scene, version: int = VERSION) -> str:
    """An entry's text with its macros replaced; a frozen one's as they were when it came."""
    text = entry.parsed[1]
    if version < 3:
        return fill(text, user=SOMEBODY, character=data.card.description.name if data.card else "").strip()
    if isinstance(ref, Frozen):
        scene = macros.at(scene, data.moments.get(ref.entry, scene.now), ref.text)
    written = macros.writer(scene, data.card.description if data.card else None, outlets=False).of(text, f"{ref.book}.{ref.uid}")
    return apply(written, data.scripts, Placement.LORE).strip()


def offer(data: Lore | None, scene: Scene, version: int) -> Mapping[str, str]:
    """Texts around the author's note and in outlets."""
    if data is None:
        return {}
    found: dict[str, list[str]] = {}
    for ref, entry in _entries(data, version):
        name = f"outlet:{entry.outlet_name}" if entry.position == OUTLET and entry.outlet_name else _SAID_ELSEWHERE.get(entry.position or 0)
        if name is not None and (text := words(data, ref, entry, scene, version)):
            found.setdefault(name, []).append(text)
    return {name: "\n".join(texts) for name, texts in found.items()}
