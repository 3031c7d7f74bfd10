"""What every face does with lorebooks: find them, read and write their files, and try out what a text wakes. Knows no face."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from engine import ids
from engine.actor import Actor
from engine.cards import trees
from engine.cards.refusal import Unreadable
from engine.decide.craft import lorebook
from engine.decide.rejected import Rejected
from engine.events import Event
from engine.events.lorebook import LorebookCreated, LorebookEdited, LoreEntriesSet
from engine.execute import Executed, execute
from engine.lore import Book, Line
from engine.lore.book import Entry, LoreScope, raw_entry
from engine.lore.decorators import decorated
from engine.lore.entries import Stored, book_of, changed, values_of
from engine.lore.files import FoundBook, NotALorebook, as_world, read_book
from engine.resources.craft.kinds import LORE_ENTRY
from engine.resources.craft.lorebook import LorebookSheet
from engine.resources.kinds import typed
from engine.resources.typed import show
from engine.store import Log, Recorded
from projections.models.craft import lorebooks
from projections.models.craft.lorebooks import Shelved
from projections.prompt.lore_scan import scan, settings_of
from projections.prompt.sections.character import Card

MOST_BYTES = 8 * 1024 * 1024
"""Largest file that is looked at."""
TEST_CONTEXT = 16_000
"""Tokens of the window a trial counts its budget by."""


@dataclass(frozen=True, slots=True)
class OwnBook:
    """A book as a person may see it, with its entries by number."""

    shelved: Shelved
    sheet: LorebookSheet
    entries: Mapping[int, Stored]
    editable: bool

    @property
    def id(self) -> UUID:
        return self.shelved.lorebook

    @property
    def handle(self) -> str:
        """What tells it from others of the same name."""
        return str(self.id)[-8:]


@dataclass(frozen=True, slots=True)
class Tried:
    """What became of one entry in a trial: woken or the check that said no, by which key, its tokens, and the number drawn."""

    book: str
    uid: int
    title: str
    woken: bool
    reason: str
    key: str | None = None
    tokens: int = 0
    roll: float | None = None
    text: str = ""


async def books(log: Log, actor: Actor, *, entries: bool = True) -> list[OwnBook]:
    """Every book this actor may change, by name. A person sees their own; the operator all."""
    async with log.pool.connection() as connection:
        found = [book for book in await lorebooks.shelf(connection) if actor.trusted or book.owner_id == actor.user_id]
    return await _opened(log, actor, found, entries=entries)


async def _opened(log: Log, actor: Actor, found: Sequence[Shelved], *, entries: bool) -> list[OwnBook]:
    wanted = {book.position for book in found} | ({at for book in found for _, at in book.entries} if entries else set())
    rows = {recorded.position: recorded for recorded in await log.at(sorted(wanted))}
    own = [_own(book, rows, actor) for book in found]
    return sorted((book for book in own if book is not None), key=lambda book: (book.sheet.name.casefold(), book.handle))


def _own(book: Shelved, rows: Mapping[int, Recorded[Event]], actor: Actor) -> OwnBook | None:
    recorded = rows.get(book.position)
    if recorded is None or recorded.erased or not isinstance(event := recorded.event, LorebookCreated | LorebookEdited):
        return None
    there = dict[int, Stored]()
    for uid, at in book.entries:
        said = rows[at].event if at in rows else None
        if isinstance(said, LoreEntriesSet) and said.entries:
            there[uid] = said.entries[said.uids.index(uid)]
    return OwnBook(book, event.sheet, there, actor.trusted or book.owner_id == actor.user_id)


async def find(log: Log, actor: Actor, text: str) -> OwnBook:
    """The book a name or id means. Raises Rejected when there is none or there are several."""
    wanted = text.strip().casefold()
    known = await books(log, actor)
    found = [one for one in known if wanted in (str(one.id), one.handle)] or [one for one in known if one.sheet.name.casefold() == wanted]
    if not found:
        raise Rejected(
            "There is no such lorebook, or it is not yours. `/lore list`, at the command line `tzurot lore list`, shows what there is."
        )
    if len(found) > 1:
        raise Rejected(f"Several are called so. Say which by one of: {', '.join(one.handle for one in found[:10])}.")
    return found[0]


async def read_file(raw: bytes, name: str) -> FoundBook:
    """The lorebook in a file: a world of SillyTavern's, a card's book, NovelAI's, Agnai's, Risu's. Raises Rejected."""
    if len(raw) > MOST_BYTES:
        raise Rejected(f"The file is larger than {MOST_BYTES // 2**20} MB.")
    try:
        return await asyncio.to_thread(lambda: read_book(trees.json_of(raw), name.rpartition("/")[2].rpartition(".")[0]))
    except (Unreadable, NotALorebook) as error:
        raise Rejected(str(error)) from None


async def make(log: Log, actor: Actor, found: FoundBook, key: UUID, attach: Sequence[tuple[LoreScope, str]] = ()) -> UUID:
    """Store a book of a file. Raises Rejected."""
    book = ids.derived("lorebook", "made", key)
    await carry_out(log, actor, lorebook.Create(book, found.sheet.model_dump(), found.entries, attach), key)
    return book


async def carry_out(log: Log, actor: Actor, command: lorebook.LorebookCommand, key: UUID) -> Executed:
    """Carry a command out and wait until it shows. Raises Rejected."""
    return await execute(log, actor, command, key, see=["lorebooks"])


def file_of(book: OwnBook) -> bytes:
    """The book as a world file."""
    return (json.dumps(as_world(book.sheet, book.entries.values()), ensure_ascii=False, indent=2) + "\n").encode("utf-8", "surrogatepass")


def form_of(entry: Stored | None) -> dict[str, str]:
    """An entry, or a new one, as the texts of its form."""
    values = values_of(raw_entry({"uid": 0, **entry}) if entry else raw_entry({"uid": 0, **changed({}, {})}))
    return {spec.key: show(spec, values[spec.key]) for spec in LORE_ENTRY.fields}


def filled_in(before: Stored | None, texts: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, str]]:
    """A filled-in form: the entry it makes, and what is wrong with it by field. Pure."""
    old = values_of(raw_entry({"uid": 0, **(before or changed({}, {}))}))
    values, bad = typed(LORE_ENTRY, old, texts, new=before is None)
    return changed(before or {}, values), bad


def next_uid(book: OwnBook) -> int:
    """The number of a new entry."""
    return max(book.entries, default=-1) + 1


def trial(found: Sequence[OwnBook], text: str, card: Card | None, user: str, seed: float = 0.0) -> list[Tried]:
    """What a text wakes of these books: every entry, woken ones first in the order they were woken. `seed` is drawn for every chance."""
    made: list[Book] = [
        book_of(str(book.id), book.sheet, [decorated(raw_entry(entry)) for entry in book.entries.values()], ("global",)) for book in found
    ]
    lines = [Line(user, line) for line in text.splitlines() or [""]]
    settings = settings_of([book.sheet for book in found])
    done = scan(made, settings, lines, card, user=user, max_context=TEST_CONTEXT, chance=lambda: seed)
    names = {str(book.id): book for book in found}

    def title(book: str, uid: int) -> str:
        entry = names[book].entries.get(uid, {})
        return str(entry.get("comment") or ", ".join(map(str, _list(entry.get("key")))) or f"entry {uid}")[:100]

    woken = [
        Tried(names[one.book].sheet.name, one.uid, title(one.book, one.uid), True, _why(one.key), one.key, one.tokens, one.roll, one.text)
        for one in done.activated
    ]
    skipped = [
        Tried(names[one.book].sheet.name, one.uid, title(one.book, one.uid), False, one.reason, roll=one.roll) for one in done.skipped
    ]
    return [*woken, *skipped]


def _as_scanned(entry: Stored) -> Entry:
    return decorated(raw_entry(entry))


def _why(key: str | None) -> str:
    return "always on" if key is None else f"found {key}"


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []
