"""Read a backup of shapes.inc from its files, by what their names end in. Nothing in it is refused but what is no JSON. Pure."""

import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import PurePosixPath
from typing import Any

from engine.cards.pieces import json_in_pieces
from engine.cards.refusal import Unreadable

MOST_BYTES = 256 * 1024 * 1024
MOST_FILES = 1_000
LISTS = ("memories", "knowledge", "training")
PARTS = (*LISTS, "user_personalization", "chat_history")
REQUIRED = ("id", "name", "username")


@dataclass(frozen=True, slots=True)
class ShapesBackup:
    """What a backup holds. `config` are the shape's settings; `strange` names files that are none of a backup's."""

    config: Mapping[str, Any]
    lists: Mapping[str, list[Any]] = field(default_factory=dict)
    personalization: Mapping[str, Any] = field(default_factory=dict)
    chat: Mapping[str, Any] = field(default_factory=dict)
    strange: tuple[str, ...] = ()

    @property
    def shape(self) -> str:
        return str(self.config.get("id") or self.config.get("username"))

    @property
    def messages(self) -> list[Any]:
        found = self.chat.get("messages")
        return found if isinstance(found, list) else []


def unzipped(raw: bytes) -> dict[str, bytes]:
    """The files of a ZIP by their names, nothing on disk. Raises Unreadable for a trick, damage, or more than MOST_BYTES."""
    found, left = dict[str, bytes](), MOST_BYTES
    try:
        with zipfile.ZipFile(BytesIO(raw)) as archive:
            infos = [one for one in archive.infolist() if not one.is_dir()]
            if len(infos) > MOST_FILES:
                raise Unreadable("The ZIP holds too many files.")
            for info in infos:
                with archive.open(info) as member:
                    content = member.read(left + 1)
                left -= len(content)
                if left < 0:
                    raise Unreadable(f"The ZIP holds more than {MOST_BYTES // 2**20} MB.")
                found[info.filename] = content
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, OSError, ValueError):
        raise Unreadable("The ZIP is damaged.") from None
    return found


def read_backup(files: Mapping[str, bytes]) -> ShapesBackup:
    """The backup in some files by their names. Raises Unreadable when there is no shape's configuration among them."""
    parts, configs, strange = dict[str, Any](), dict[str, Mapping[str, Any]](), list[str]()
    for path, raw in sorted(files.items()):
        name = PurePosixPath(path.replace("\\", "/")).name
        if not name.casefold().endswith(".json") or name.startswith("."):
            strange.append(path)
            continue
        part = next((one for one in PARTS if name[:-5].casefold().endswith(one)), None)
        tree = _parsed(raw, path)
        if part is not None and isinstance(tree, list if part in LISTS else dict):
            parts[part] = tree
        elif part is None and isinstance(tree, dict) and all(name in tree for name in REQUIRED):
            configs[path] = tree
        else:
            strange.append(path)
    if len(configs) != 1:
        many = "several shapes; give one folder" if configs else "no shape's settings: the file <username>.json is missing"
        raise Unreadable(f"This holds {many}.")
    [config] = configs.values()
    lists = {name: parts[name] for name in LISTS if name in parts}
    return ShapesBackup(config, lists, parts.get("user_personalization", {}), parts.get("chat_history", {}), tuple(strange))


def _parsed(raw: bytes, path: str) -> Any:
    try:
        return json_in_pieces(raw)  # a history is larger than any card
    except (ValueError, RecursionError, Unreadable):
        raise Unreadable(f"{path} holds no JSON that can be read.") from None
