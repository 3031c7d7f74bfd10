"""Characters in and out as files: cards of every kind, and our own JSON. What every face does with them; knows no face."""

import asyncio
import json
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args
from uuid import UUID

from bot import avatars, editing, scripts
from bot.editing import Item
from engine import blobs, ids
from engine.actor import SYSTEM, Actor
from engine.blobs import BlobTooLarge, pictures
from engine.cards import keeping, writing
from engine.cards.card import MOST_BYTES as MOST_BYTES
from engine.cards.card import Card, document, read_card
from engine.cards.keeping import KeptCard
from engine.cards.mapping import Fate, mapped
from engine.cards.refusal import Unreadable
from engine.decide.craft import lorebook
from engine.decide.rejected import Rejected
from engine.execute import execute
from engine.lore.files import NotALorebook, read_book
from engine.resources.files import Imported, to_file
from engine.resources.kinds import CHARACTER
from engine.store import Log

FileForm = Literal["tzurot", "json", "v2", "png", "charx"]
FORMS: tuple[FileForm, ...] = get_args(FileForm)
_MEDIA: Mapping[FileForm, str] = {"png": "image/png", "charx": "application/zip"}
_READER = ThreadPoolExecutor(1, "cards")
"""One at a time: a card may take some ten megabytes while it is read."""


@dataclass(frozen=True, slots=True)
class FoundCharacter:
    """What a file would make. `kind` says what the file is; `fates` what becomes of each part of a card."""

    kind: str
    imported: Imported
    fates: tuple[Fate, ...] = ()
    card: Card | None = None

    @property
    def name(self) -> str:
        return str(self.imported.values.get("name", ""))

    @property
    def notes(self) -> tuple[str, ...]:
        """A line for each thing that did not become a field of ours, or not whole."""
        told = [f"{fate.part}: {fate.how}" for fate in self.fates if fate.what != "used" or "," in fate.how or ";" in fate.how]
        return (
            *told,
            *(f"Kept as a custom field: {name}" for name in self.imported.kept),
            *(f"Left out: {one}" for one in self.imported.left),
        )


@dataclass(frozen=True, slots=True)
class CharacterFile:
    """A character as a file. `missing` names files that came with its card and are gone."""

    name: str
    content: bytes
    media_type: str
    missing: tuple[str, ...] = ()


async def read(log: Log, actor: Actor, raw: bytes, name: str = "") -> FoundCharacter:
    """Look at a file: a card, our own JSON, or the predecessor's. Stores nothing. Raises Rejected with one sentence, Wrong.

    `raw` is what somebody sent, at most MOST_BYTES; `name` is the file's, which decides nothing but what has no other sign.
    """
    try:
        card, tree = await _in_thread(_sniffed, raw, name)
    except Unreadable as error:
        raise Rejected(str(error)) from None
    if card is None:
        return FoundCharacter("a JSON file", await editing.imported(log, CHARACTER, actor, tree))
    found = await _in_thread(mapped, card, name)
    return FoundCharacter(f"a {card.spec} card ({card.container})", Imported(found.values), found.fates, card)


def _sniffed(raw: bytes, name: str) -> tuple[Card | None, object]:
    """The card in a file, or the document that is none but a file of ours or of the predecessor's."""
    if raw.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"{":
        tree = document(raw, name)
        if isinstance(tree, dict) and ("tzurot" in tree or "characterInfo" in tree):
            return None, tree
    return read_card(raw, name), None


async def make(log: Log, actor: Actor, found: FoundCharacter, item_id: UUID, key: UUID) -> tuple[Item, tuple[str, ...]]:
    """Make the character of a file for this actor: it with its picture and its card, and the notes. Once for each key. Raises Rejected."""
    owner, left = actor.user_id, list[str]()
    values = dict(found.imported.values)
    picture = found.card.picture if found.card else None
    if picture is not None:
        try:
            values["avatar"] = await avatars.keep(log, owner, picture)
        except Rejected as error:
            left.append(f"The picture was left out: {error}")
    elif found.imported.picture:
        taken = await avatars.taken(log, owner, found.imported)
        values, left = dict(taken.values), [f"Left out: {one}" for one in taken.left[len(found.imported.left) :]]
    if (kept := await _kept(log, owner, found)) is not None:
        values["card"] = await _stored(log, owner, await _in_thread(keeping.packed, kept))
    everybody = await editing.items(log, CHARACTER, SYSTEM)  # also those that this person cannot see hold their names
    fields = editing.without_name_clash(everybody, values)
    await editing.carry_out(log, actor, editing.creation(CHARACTER, item_id, fields, measured=False), key)
    item = await editing.by_id(log, CHARACTER, actor, item_id)
    assert item is not None
    left += await _shelved(log, actor, found, item, key)
    left += await _scripted(log, actor, found, item, key)
    return item, (*found.notes, *left)


async def _shelved(log: Log, actor: Actor, found: FoundCharacter, item: Item, key: UUID) -> list[str]:
    """Make a lorebook of the card's own, attached to the character; what came of it, in sentences. It never costs the character."""
    tree = found.card.data.get("character_book") if found.card else None
    if not isinstance(tree, dict) or not tree.get("entries"):
        return []
    try:
        book = await _in_thread(read_book, tree, f"{item.name}'s lorebook")
        fields = book.sheet.model_dump()
        create = lorebook.Create(ids.derived("lorebook", "card", key), fields, book.entries, [("character", str(item.id))])
        await execute(log, actor, create, ids.derived("lorebook", key), see=["lorebooks"])
    except (NotALorebook, Rejected) as error:
        return [f"The lorebook was left out: {error}"]
    return [f"Its lorebook {book.sheet.name} has {len(book.entries)} entries and is attached to it.", *book.notes]


async def _scripted(log: Log, actor: Actor, found: FoundCharacter, item: Item, key: UUID) -> list[str]:
    """Give the character the regex scripts of its card; what came of it, in sentences. They never cost the character."""
    read = scripts.read({"data": found.card.data}) if found.card else scripts.FoundScripts(())
    if not read.sheets:
        return list(read.notes)
    try:
        await scripts.add(log, actor, "character", str(item.id), read, ids.derived("scripts", key))
    except Rejected as error:
        return [f"The scripts were left out: {error}"]
    return [f"Its {len(read.sheets)} regex scripts came with it.", *read.notes]


async def _kept(log: Log, owner: int, found: FoundCharacter) -> KeptCard | None:
    if found.card is None:
        kept = keeping.kept_of(found.imported.card)
        return replace(kept, files={}) if kept is not None else None
    files = {}
    for asset in found.card.assets:
        try:
            files[asset.path] = await _stored(log, owner, await _in_thread(asset.read))
        except Unreadable as error:
            raise Rejected(str(error)) from None
    return KeptCard(found.card.form, files)


async def _stored(log: Log, owner: int, content: bytes) -> str:
    try:
        return await blobs.put(log.pool, log.vault, content, avatars.subject(owner))
    except BlobTooLarge:
        raise Rejected("The card is too large to be kept.") from None


async def export(log: Log, item: Item, form: FileForm) -> CharacterFile:
    """A character as a file of this form: `tzurot` is our own JSON, with every field; the others are cards for every program."""
    name = f"{item.handle}.{'json' if form in ('json', 'v2', 'tzurot') else form}"
    kept = await card_of(log, item)
    if form == "tzurot":
        return CharacterFile(f"character-{name}", await own_json(log, item), "application/json")
    tree = await _in_thread(writing.tree_of, item.values, kept.form if kept else None)
    picture, missing = await avatars.read(log, str(item.values["avatar"])), list[str]()
    match form:
        case "json":
            content = writing.as_json(tree)
        case "v2":
            content = writing.as_json(writing.downgraded(tree))
        case "png":
            content = await _in_thread(_png, tree, picture)
        case "charx":
            files = [(path, await avatars.read(log, address)) for path, address in (kept.files if kept else {}).items()]
            missing = [path for path, found in files if found is None]
            there = [(path, found) for path, found in files if found is not None]
            ending = pictures.suffix(picture) if picture is not None else "png"
            content = await _in_thread(writing.as_charx, tree, picture, ending, there)
    return CharacterFile(name, content, _MEDIA.get(form, "application/json"), tuple(missing))


def _png(tree: dict[str, Any], picture: bytes | None) -> bytes:
    return writing.as_png(tree, pictures.as_png(picture) if picture is not None else None)


async def card_of(log: Log, item: Item) -> KeptCard | None:
    """The card a character was imported from; None when there is none, or its owner was erased."""
    address = str(item.values["card"])
    raw = await blobs.get(log.pool, log.vault, address) if address else None
    return await _in_thread(keeping.unpacked, raw) if raw is not None else None


async def own_json(log: Log, item: Item) -> bytes:
    """Our own file of a character: every field, its picture, and the card it came from."""
    tree = await avatars.file_of(log, to_file(CHARACTER, item.values))
    kept = await card_of(log, item)
    whole = tree | {"card": keeping.document_of(replace(kept, files={})) if kept else ""}
    return (json.dumps(whole, ensure_ascii=False, indent=2) + "\n").encode("utf-8", "surrogatepass")


async def _in_thread[**P, R](work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    return await asyncio.get_running_loop().run_in_executor(_READER, lambda: work(*args, **kwargs))
