"""Read a character card from the bytes of a file, whatever its kind: PNG, APNG, JSON, YAML, CHARX, BYAF. Pure, for a thread.

A card is never refused for what is missing in it, is null, or is of another type than it should be; a file is, that is broken or a trick.
"""

import base64
import binascii
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal

from engine.cards import png, trees
from engine.cards.archive import MOST_FILE, Archive, is_archive
from engine.cards.forms import Form, Spec, backyard, form_of
from engine.cards.refusal import Unreadable
from engine.cards.trees import Tree

MOST_BYTES = 25 * 1024 * 1024
"""Largest file that is looked at."""
MOST_ASSETS = 500
EMBEDDED = ("embeded://", "embedded://", "__asset:")
"""How a card addresses a file in its own archive; the first spelling is the specification's."""
Container = Literal["PNG", "APNG", "JSON", "YAML", "CHARX", "BYAF"]


@dataclass(frozen=True, slots=True)
class Asset:
    """A file that came with a card, by its path in the archive; unpacked when it is asked for."""

    path: str
    size: int
    read: Callable[[], bytes]


@dataclass(frozen=True, slots=True)
class Card:
    """A card as its file has it. `form.tree` is everything it said, `picture` the bytes of its main picture, not looked at."""

    form: Form
    container: Container
    picture: bytes | None = None
    assets: tuple[Asset, ...] = ()
    notes: tuple[str, ...] = field(default=())

    @property
    def spec(self) -> Spec:
        return self.form.spec

    @property
    def data(self) -> Tree:
        return self.form.data


def read_card(raw: bytes, name: str = "") -> Card:
    """The card in a file. `name` is the file's, for what has no other sign. Raises Unreadable with one plain sentence."""
    if len(raw) > MOST_BYTES:
        raise Unreadable(f"The file is larger than {MOST_BYTES // 2**20} MB.")
    if raw.startswith(png.SIGNATURE):
        return _from_png(raw)
    if is_archive(raw):
        return _from_archive(raw)
    return _from_text(raw, name)


def document(raw: bytes, name: str = "") -> object:
    """The value of a JSON or YAML file. Raises Unreadable."""
    if name.casefold().endswith((".yaml", ".yml")):
        return trees.yaml_of(raw)
    try:
        return trees.json_of(raw)
    except Unreadable:
        if raw.lstrip()[:1] in (b"{", b"[", b"") or len(raw) > trees.YAML_BYTES or b":" not in raw or b"\x00" in raw:
            raise
        return trees.yaml_of(raw)


def _from_text(raw: bytes, name: str) -> Card:
    if raw.startswith((b"\xff\xd8\xff", b"GIF8", b"RIFF")):
        raise Unreadable("This picture holds no character card. Cards are PNG pictures: a picture saved as another kind loses its card.")
    tree = document(raw, name)
    if isinstance(tree, str):  # JSON in a string, as some programs store it
        tree = trees.json_of(tree.encode("utf-8", "surrogatepass"))
    form = form_of(tree)
    if form is None:
        raise Unreadable("The file holds no character card.")
    start = raw.lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
    return Card(form, "JSON" if start in (b"{", b"[", b'"') or raw[:2] in (b"\xff\xfe", b"\xfe\xff") else "YAML", *_inner_picture(form))


def _inner_picture(form: Form) -> tuple[bytes | None]:
    """A picture that is a `data:` URL of the card's main icon, or of a field `avatar`."""
    icon = _icon(form.data)
    texts = (icon.get("uri") if icon else None, form.data.get("avatar"), form.tree.get("avatar"))
    return (next((found for text in texts if (found := data_url(text)) is not None), None),)


def data_url(text: object) -> bytes | None:
    """The bytes of a base64 `data:` URL; None for anything else."""
    if not isinstance(text, str) or not text.startswith("data:") or ";base64," not in text[:200]:
        return None
    try:
        return base64.b64decode(text.partition(",")[2])
    except (binascii.Error, ValueError):
        return None


def _icon(data: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The asset that is the character's picture: the main icon, else the first."""
    found = data.get("assets")
    icons = [one for one in found if isinstance(one, dict) and one.get("type") == "icon"] if isinstance(found, list) else []
    return next((one for one in icons if one.get("name") == "main"), icons[0] if icons else None)


def _from_png(raw: bytes) -> Card:
    texts, refused = png.texts(raw), None
    for keyword in ("ccv3", "chara"):
        for content in texts.of(keyword):
            try:
                form = form_of(trees.json_of(content))
            except Unreadable as error:
                refused = refused or error
                continue
            if form is not None and (keyword == "chara" or form.spec == "V3"):
                notes = () if refused is None else ("One of the card's copies in the picture could not be read; the other was taken.",)
                return Card(form, "APNG" if texts.animated else "PNG", raw, _held(texts.assets()), notes)
    raise refused or Unreadable("This picture holds no character card. It may have been saved anew by a program that drops them.")


def _held(files: Mapping[str, bytes]) -> tuple[Asset, ...]:
    return tuple(Asset(path, len(content), partial(bytes, content)) for path, content in files.items())


def _from_archive(raw: bytes) -> Card:
    archive = Archive(raw)
    if "card.json" in archive.sizes:
        return _from_charx(archive)
    if "manifest.json" in archive.sizes:
        return _from_byaf(archive)
    raise Unreadable("The archive holds no character card: there is no card.json in it.")


def _from_charx(archive: Archive) -> Card:
    form = form_of(trees.json_of(archive.read("card.json", trees.MOST_BYTES)))
    if form is None:
        raise Unreadable("The archive's card.json is no character card.")
    assets, notes = _assets(archive, ("card.json",))
    return Card(form, "CHARX", _archived_picture(form, archive), assets, notes)


def _archived_picture(form: Form, archive: Archive) -> bytes | None:
    icon = _icon(form.data)
    uri = str(icon.get("uri", "")) if icon else ""
    path = next((uri.removeprefix(start) for start in EMBEDDED if uri.startswith(start)), "")
    if path in archive.sizes and archive.sizes[path] <= MOST_FILE:
        return archive.read(path)
    return data_url(uri)


def _assets(archive: Archive, besides: tuple[str, ...]) -> tuple[tuple[Asset, ...], tuple[str, ...]]:
    """The files of an archive besides the card, and which are left out because of their size or number."""
    names = [name for name in archive.sizes if name not in besides]
    small = [name for name in names if archive.sizes[name] <= MOST_FILE]
    kept = small[:MOST_ASSETS]
    left = [*(name for name in names if name not in small), *small[MOST_ASSETS:]]
    notes = tuple(f"{name[:80]}: too large to be kept, or one of too many files" for name in left[:20])
    return tuple(Asset(name, archive.sizes[name], partial(archive.read, name)) for name in kept), notes


def _from_byaf(archive: Archive) -> Card:
    manifest = trees.json_of(archive.read("manifest.json", trees.MOST_BYTES))
    paths = manifest.get("characters") if isinstance(manifest, dict) else None
    first = paths[0] if isinstance(paths, list) and paths else None
    character = _json_in(archive, first)
    if character is None:
        raise Unreadable("The Backyard archive names no character that is in it.")
    listed = manifest.get("scenarios")
    scenarios = [found for path in (listed if isinstance(listed, list) else []) if (found := _json_in(archive, path)) is not None]
    home = str(first).rpartition("/")[0]
    images = character.get("images")
    pictures = [str(one.get("path", "")) for one in images if isinstance(one, dict)] if isinstance(images, list) else []
    shown = next(
        (path for name in pictures for path in (f"{home}/{name}", name) if archive.sizes.get(path, MOST_FILE + 1) <= MOST_FILE), None
    )
    assets, notes = _assets(archive, ("manifest.json",))
    return Card(backyard(character, scenarios), "BYAF", archive.read(shown) if shown else None, assets, notes)


def _json_in(archive: Archive, path: object) -> Tree | None:
    if not isinstance(path, str) or path not in archive.sizes:
        return None
    found = trees.json_of(archive.read(path, trees.MOST_BYTES))
    return found if isinstance(found, dict) else None
