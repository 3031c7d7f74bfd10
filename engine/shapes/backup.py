"""Read a backup of shapes.inc from its files, by what their names end in. Nothing in it is refused but what is no JSON. Pure."""

import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from io import BytesIO
from pathlib import PurePosixPath
from typing import Any

from engine.cards.pieces import Items, Opened, pieces
from engine.cards.refusal import Unreadable

MOST_BYTES = 256 * 1024 * 1024
MOST_FILES = 1_000
LISTS = ("memories", "knowledge", "training")
PARTS = (*LISTS, "user_personalization", "chat_history")
REQUIRED = ("id", "name", "username")
_READ = 256 * 1024


@dataclass(frozen=True, slots=True)
class ShapesBackup:
    """What a backup holds. `config` are the shape's settings; `strange` names files that are none of a backup's.

    Its lists are read anew from the files each time, item by item: none is ever whole in memory.
    """

    config: Mapping[str, Any]
    lists: Mapping[str, Items] = field(default_factory=dict)
    personalization: Mapping[str, Any] = field(default_factory=dict)
    chat: Mapping[str, Any] = field(default_factory=dict)
    messages: Items | tuple[()] = ()
    strange: tuple[str, ...] = ()

    @property
    def shape(self) -> str:
        return str(self.config.get("id") or self.config.get("username"))


def unzipped(raw: bytes) -> dict[str, Opened]:
    """The files of a ZIP by their names, unpacked as they are read. Raises Unreadable for a trick, damage, or more than MOST_BYTES."""
    left = MOST_BYTES
    try:
        archive = zipfile.ZipFile(BytesIO(raw))
        infos = [one for one in archive.infolist() if not one.is_dir()]
        if len(infos) > MOST_FILES:
            raise Unreadable("The ZIP holds too many files.")
        for info in infos:
            with archive.open(info) as member:
                while piece := member.read(_READ):
                    left -= len(piece)
                    if left < 0:
                        raise Unreadable(f"The ZIP holds more than {MOST_BYTES // 2**20} MB.")
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, OSError, ValueError):
        raise Unreadable("The ZIP is damaged.") from None
    return {info.filename: partial(archive.open, info) for info in infos}


def read_backup(files: Mapping[str, Opened]) -> ShapesBackup:
    """The backup in some files by their names. Raises Unreadable when there is no shape's configuration among them."""
    parts, configs, strange = dict[str, _Read](), dict[str, Mapping[str, Any]](), list[str]()
    for path, opened in sorted(files.items()):
        name = PurePosixPath(path.replace("\\", "/")).name
        if not name.casefold().endswith(".json") or name.startswith("."):
            strange.append(path)
            continue
        part = next((one for one in PARTS if name[:-5].casefold().endswith(one)), None)
        found = _looked_at(opened, path, part)
        if part is not None and (found.items if part in LISTS else found.tree) is not None:
            parts[part] = found
        elif part is None and found.tree is not None and all(name in found.tree for name in REQUIRED):
            configs[path] = found.tree
        else:
            strange.append(path)
    if len(configs) != 1:
        many = "several shapes; give one folder" if configs else "no shape's settings: the file <username>.json is missing"
        raise Unreadable(f"This holds {many}.")
    [config] = configs.values()
    lists = {name: items for name in LISTS if name in parts and (items := parts[name].items) is not None}
    chat, person = (parts.get(name, _Read()) for name in ("chat_history", "user_personalization"))
    return ShapesBackup(config, lists, person.tree or {}, chat.tree or {}, chat.items or (), tuple(strange))


@dataclass(frozen=True, slots=True)
class _Read:
    """What a file is: an object, whose long list is apart, or a list."""

    tree: Mapping[str, Any] | None = None
    items: Items | None = None


def _looked_at(opened: Opened, path: str, part: str | None) -> _Read:
    """Read a file to its end. Items of its list, or of a history's messages, are counted only."""
    apart = "messages" if part == "chat_history" else None
    tree, count = dict[str, Any](), 0
    kind: type = dict
    try:
        with opened() as file:
            for piece in pieces(file):
                if piece.name is None:
                    kind, count = (list, count + 1) if piece.listed else (type(piece.value), 0)
                elif piece.listed and piece.name == apart:
                    count += 1
                elif piece.listed and isinstance(before := tree.get(piece.name), list):
                    before.append(piece.value)
                else:
                    tree[piece.name] = [piece.value] if piece.listed else piece.value
    except (ValueError, RecursionError, Unreadable):
        raise Unreadable(f"{path} holds no JSON that can be read.") from None
    if kind is list:
        return _Read(items=Items(opened, None, count))
    return _Read(tree, Items(opened, apart, count) if apart else None) if kind is dict else _Read()
