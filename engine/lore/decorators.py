"""Decorators of V3 cards: lines `@@name value` at the beginning of an entry's text that say what its fields would. Pure.

| decorator | becomes |
|---|---|
| `@@depth 4`, `@@role user` | the place between the messages, and whose words it is there |
| `@@position before_desc`, `after_desc` | before or behind the description |
| `@@scan_depth 5` | how many messages are searched |
| `@@additional_keys a,b`, `@@exclude_keys a,b` | more keys; keys that must not be found, where the entry has no second keys of its own |
| `@@keep_activate_after_match`, `@@dont_activate_after_match` | it stays, or rests, for good |

`@@activate` and `@@dont_activate` are the scan's. Others have no meaning here, and none of these lines is part of the text.
"""

from collections.abc import Callable, Mapping
from typing import Any

from engine.lore.book import Entry
from engine.lore.place import AFTER, AT_DEPTH, BEFORE

FOR_GOOD = 100_000
"""Messages after which nobody asks any more."""
NONE_OF = 2
"""The logic of second keys that must not be found."""
MOST_KEYS, DEEPEST = 100, 1000
_ROLES = {"system": 0, "user": 1, "assistant": 2}
_PLACES = {"before_desc": BEFORE, "after_desc": AFTER}
Fields = dict[str, Any]


def decorated(entry: Entry) -> Entry:
    """The entry with what its decorators say in its fields; what cannot be read is passed over."""
    if not entry.content.startswith("@@"):
        return entry
    fields: Fields = {}
    for line in entry.content.split("\n"):
        if not line.startswith("@@"):
            break
        name, _, value = line.removeprefix("@@").partition(" ")
        if (read := _READ.get(name.strip())) is not None:
            fields |= read(entry, value.strip())
    return entry.model_copy(update=fields) if fields else entry


def _depth(_: Entry, value: str) -> Fields:
    return {"position": AT_DEPTH, "depth": int(value)} if _is_depth(value) else {}


def _scan_depth(_: Entry, value: str) -> Fields:
    return {"scan_depth": int(value)} if _is_depth(value) else {}


def _is_depth(value: str) -> bool:
    return value.isascii() and value.isdigit() and len(value) < 5 and int(value) <= DEEPEST


def _role(_: Entry, value: str) -> Fields:
    return {"role": _ROLES[value]} if value in _ROLES else {}


def _place(_: Entry, value: str) -> Fields:
    return {"position": _PLACES[value]} if value in _PLACES else {}


def _keys(value: str) -> tuple[str, ...]:
    return tuple(key for part in value.split(",")[:MOST_KEYS] if (key := part.strip()))


def _additional(entry: Entry, value: str) -> Fields:
    return {"key": (*entry.key, *_keys(value))}


def _excluded(entry: Entry, value: str) -> Fields:
    keys = _keys(value)
    free = keys and not (entry.selective and entry.keysecondary)
    return {"keysecondary": keys, "selective": True, "selective_logic": NONE_OF} if free else {}


_READ: Mapping[str, Callable[[Entry, str], Fields]] = {
    "depth": _depth,
    "role": _role,
    "position": _place,
    "scan_depth": _scan_depth,
    "additional_keys": _additional,
    "exclude_keys": _excluded,
    "keep_activate_after_match": lambda *_: {"sticky": FOR_GOOD},
    "dont_activate_after_match": lambda *_: {"cooldown": FOR_GOOD},
}

__all__ = ["decorated"]
