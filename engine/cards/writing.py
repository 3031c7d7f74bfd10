"""Write a character as a card: JSON of V3 or V2, PNG with both, CHARX with files. Pure.

Where the character came from a card, that card is the ground: what nobody changed goes out as it came in.
"""

import zipfile
from collections.abc import Callable, Iterable, Mapping
from hashlib import sha256
from io import BytesIO
from typing import Any

from engine.cards import png, trees
from engine.cards.card import Card
from engine.cards.forms import Form
from engine.cards.mapping import OURS, TEXTS, carried, mapped, str_of
from engine.cards.trees import Tree
from engine.resources.kinds import CHARACTER, Values, defaults

_V3_ONLY = ("group_only_greetings", "assets", "nickname", "creator_notes_multilingual", "source", "creation_date", "modification_date")


def tree_of(values: Values, kept: Form | None = None) -> Tree:
    """The V3 card of a character, on the ground of the card it came from."""
    ground = kept or Form({"data": {}}, "V3", {})
    root, data = dict(ground.tree), dict(ground.data)
    before = defaults(CHARACTER) | mapped(Card(ground, "JSON")).values
    for key, ours in TEXTS.items():
        if values[ours] != before[ours] and not (ours in LATER and not values[ours]):
            data[key] = values[ours]
            root |= {key: values[ours]} if isinstance(root.get(key), str) else {}
    odd = {name: value for name, value in data.items() if name in _SHAPES and _loses(name, value)}
    data["extensions"] = _extensions(values, data.get("extensions"), before, {"around": dict(ground.around), "odd": odd})
    for name, shape in _SHAPES.items():
        if name in data or name not in _OPTIONAL:
            data[name] = shape(data.get(name))
    data = {name: value for name, value in data.items() if value is not None or name not in _OPTIONAL}
    return {**root, "spec": "chara_card_v3", "spec_version": "3.0", "data": data}


def _extensions(values: Values, extensions: object, before: Values, more: Mapping[str, Tree]) -> Tree:
    """The card's extensions, ours among them. `more` is kept there because strict readers would refuse it where it stood."""
    found: Tree = dict(extensions) if isinstance(extensions, dict) else {}
    former = found.pop(OURS, {} if isinstance(extensions, dict | None) else extensions)
    strange = former if isinstance(former, dict) else {"was": former}
    own = {name: value for name, value in strange.items() if CHARACTER.field(name) is None} | carried(values)
    for name, tree in more.items():
        if tree:
            own[name] = (_as_map(own.get(name)) or {}) | tree
    if own:
        found[OURS] = own
    if values["talkativeness"] != before["talkativeness"]:
        found["talkativeness"] = values["talkativeness"]
    return found


def _as_text(value: object) -> str:
    return value if isinstance(value, str) else "" if value is None or isinstance(value, dict | list) else str(value)


def _as_spoken(value: object) -> str:
    return value if isinstance(value, str) else str_of(value)


def _as_texts(value: object) -> list[str]:
    if isinstance(value, list):
        return [_as_text(one) for one in value if one is not None and not isinstance(one, dict | list)]
    return [_as_text(value)] if _as_text(value) else []


def _as_assets(value: object) -> list[Tree] | None:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else None


def _as_time(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _as_map(value: object) -> Tree | None:
    return value if isinstance(value, dict) else None


def book_for_readers(book: object) -> Tree | None:
    """A lorebook with everything that strict readers ask for; what is there stays. None for what is no lorebook."""
    if not isinstance(book, dict):
        return None
    entries = book.get("entries")
    listed = list(entries.values()) if isinstance(entries, dict) else entries if isinstance(entries, list) else []
    found = {name: value for name, value in book.items() if value is not None}
    found["extensions"] = _as_map(book.get("extensions")) or {}
    found["entries"] = [_entry(one) for one in listed if isinstance(one, dict)]
    return found


def _entry(entry: Tree) -> Tree:
    found = {name: value for name, value in entry.items() if value is not None}
    keys, order = entry.get("keys"), entry.get("insertion_order")
    found["keys"] = _as_texts(keys.split(",") if isinstance(keys, str) else keys)
    found["content"] = _as_text(entry.get("content"))
    found["extensions"] = _as_map(entry.get("extensions")) or {}
    found["enabled"] = entry.get("enabled") is not False
    found["insertion_order"] = order if isinstance(order, int | float) and not isinstance(order, bool) else 100
    found["use_regex"] = entry.get("use_regex") is True
    return found


LATER = frozenset({"post_history"})
"""Fields that characters of older cards have not been given: an empty one leaves the card's own as it is."""
_OPTIONAL = frozenset(
    ("nickname", "character_book", "assets", "creator_notes_multilingual", "source", "creation_date", "modification_date")
)
_SHAPES: Mapping[str, Callable[[object], Any]] = {
    **dict.fromkeys(TEXTS, _as_spoken),
    **dict.fromkeys(("creator_notes", "post_history_instructions", "creator", "character_version"), _as_text),
    "nickname": _as_spoken,
    **dict.fromkeys(("alternate_greetings", "group_only_greetings", "tags", "source"), _as_texts),
    **dict.fromkeys(("creation_date", "modification_date"), _as_time),
    "creator_notes_multilingual": _as_map,
    "character_book": book_for_readers,
    "assets": _as_assets,
}
"""Key of a card's data to what makes its value one that strict readers take."""


def _loses(name: str, value: object) -> bool:
    """Whether a value would lose something by being made one that strict readers take."""
    made = _SHAPES[name](value)
    if value is None or made == value or (name != "character_book" and isinstance(value, str) and made == [value]):
        return False
    return name != "character_book" or not isinstance(value, dict) or _loses_of_book(value)


def _loses_of_book(book: Tree) -> bool:
    entries = book.get("entries")
    if not isinstance(book.get("extensions", {}), dict | None) or not isinstance(entries, list | None):
        return True
    return any(not isinstance(entry, dict) or _loses_of_entry(entry) for entry in entries or ())


def _loses_of_entry(entry: Tree) -> bool:
    made = _entry(entry)
    return any(value is not None and made.get(name) != value for name, value in entry.items())


def downgraded(tree: Tree) -> Tree:
    """The same card as V2, for programs that know no V3. V3's own fields go along: readers of V2 pass over them."""
    return {**tree, "spec": "chara_card_v2", "spec_version": "2.0"}


def as_json(tree: Tree) -> bytes:
    """The card as a JSON file."""
    return trees.written(tree, indent=True)


def as_png(tree: Tree, picture: bytes | None) -> bytes:
    """The card within a PNG, as V3 and as V2. `picture` is a PNG; without one it is a square of the character's colour."""
    name = str(tree["data"].get("name", ""))
    shade = sha256(name.encode("utf-8", "surrogatepass")).digest()
    colour = (60 + shade[0] % 120, 60 + shade[1] % 120, 60 + shade[2] % 120)
    carrier = picture if picture is not None else png.plain(colour)
    main = _with_icon(tree, "ccdefault:", "png")
    chara = {name: value for name, value in main["data"].items() if name not in _V3_ONLY}
    return png.with_texts(carrier, {"chara": trees.written(downgraded({**main, "data": chara})), "ccv3": trees.written(main)})


def _with_icon(tree: Tree, uri: str, ending: str) -> Tree:
    """The card with its main icon at this address, where it names any assets or none; other assets stay."""
    assets = tree["data"].get("assets")
    others = [one for one in assets if not _is_main(one)] if isinstance(assets, list) else []
    icon = {"type": "icon", "uri": uri, "name": "main", "ext": ending}
    return {**tree, "data": {**tree["data"], "assets": [icon, *others]}}


def _is_main(asset: object) -> bool:
    return isinstance(asset, dict) and asset.get("type") == "icon" and asset.get("name") == "main"


def as_charx(tree: Tree, picture: bytes | None, ending: str, files: Iterable[tuple[str, bytes]]) -> bytes:
    """The card as an archive with its picture and the files that came with it."""
    path = f"assets/icon/image/main.{ending}"
    into = BytesIO()
    with zipfile.ZipFile(into, "w") as archive:
        _put(
            archive, "card.json", trees.written(_with_icon(tree, f"embeded://{path}", ending) if picture is not None else tree), packed=True
        )
        for name, content in files:
            if name not in (path, "card.json"):
                _put(archive, name, content)
        if picture is not None:
            _put(archive, path, picture)
    return into.getvalue()


def _put(archive: zipfile.ZipFile, name: str, content: bytes, *, packed: bool = False) -> None:
    info = zipfile.ZipInfo(name, (2000, 1, 1, 0, 0, 0))
    info.compress_type = zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED
    archive.writestr(info, content)
