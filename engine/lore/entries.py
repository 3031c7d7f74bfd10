"""An entry as it is stored: SillyTavern's fields, cleaned and bounded; and the form people fill in for one. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, get_args

import orjson
from pydantic import JsonValue, ValidationError

from engine.lore.book import Book, Entry, Source, raw_entry
from engine.outside.clean import storable
from engine.resources.craft.lorebook import Logic, LorebookSheet, LoreEntrySheet, Role, Where

Stored = dict[str, JsonValue]
MOST_ENTRIES = 5_000
"""Entries of one book."""
MOST_CONTENT, MOST_KEY, MOST_KEYS, MOST_BYTES = 100_000, 1_000, 500, 200_000
"""Characters of a text and of a key, keys of an entry, and bytes of a whole entry as JSON."""
BATCH_BYTES = 1_000_000
"""Bytes of entries in one event."""
_WHERE: tuple[Where, ...] = get_args(Where.__value__ if hasattr(Where, "__value__") else Where)
_ROLE: tuple[Role, ...] = get_args(Role)
_LOGIC: tuple[Logic, ...] = ("any", "not_all", "none", "all")
_SAME = {
    "comment": "comment",
    "content": "content",
    "constant": "constant",
    "frozen": "frozen",
    "disabled": "disable",
    "order": "order",
    "depth": "depth",
    "outlet": "outletName",
    "probability": "probability",
    "sticky": "sticky",
    "cooldown": "cooldown",
    "delay": "delay",
    "scan_depth": "scanDepth",
    "group": "group",
    "group_weight": "groupWeight",
    "group_first": "groupOverride",
    "ignore_budget": "ignoreBudget",
}
"""Field of the form to SillyTavern's."""
NEW: Stored = {
    "selective": True,
    "order": 100,
    "position": 0,
    "probability": 100,
    "useProbability": True,
    "depth": 4,
    "groupWeight": 100,
    "role": 0,
}
"""What a new entry has in fields whose absence means something else."""


class NotAnEntry(ValueError):
    """What was given cannot be stored as an entry; the message says why, in a sentence."""


def stored(fields: Mapping[str, Any], uid: int) -> Stored:
    """An entry as it may be stored: known fields checked, unknown ones kept. Raises NotAnEntry.

    A field of a wrong type is left out, as if it had not been there: one odd field must not cost a book.
    """
    clean = {str(name)[:200]: _clean(value) for name, value in fields.items()} | {"uid": uid}
    for _ in range(len(clean)):
        try:
            entry = Entry.model_validate(clean)
            break
        except ValidationError as error:
            for wrong in {str(one["loc"][0]) for one in error.errors() if one["loc"]}:
                clean.pop(wrong, None)
            clean["uid"] = uid
    else:
        raise NotAnEntry(f"Entry {uid} has fields that cannot be read.")
    _bounded(entry, clean)
    return clean


def _clean(value: Any) -> Any:
    match value:
        case str():
            return storable(value, MOST_CONTENT)
        case Mapping():
            return {storable(str(key), 200): _clean(inner) for key, inner in value.items()}
        case list() | tuple():
            return [_clean(inner) for inner in value]
        case float() if value != value or value in (float("inf"), float("-inf")):
            return None
        case int() if not isinstance(value, bool) and abs(value) >= 2**53:
            return None
        case _:
            return value


def _bounded(entry: Entry, clean: Stored) -> None:
    if len(entry.key) > MOST_KEYS or len(entry.keysecondary) > MOST_KEYS:
        raise NotAnEntry(f"Entry {entry.uid} has more than {MOST_KEYS} keys.")
    if any(len(key) > MOST_KEY for key in (*entry.key, *entry.keysecondary)):
        raise NotAnEntry(f"Entry {entry.uid} has a key of more than {MOST_KEY:,} characters.")
    if len(orjson.dumps(clean)) > MOST_BYTES:
        raise NotAnEntry(f"Entry {entry.uid} is larger than {MOST_BYTES // 1000} kB.")


def batches(entries: Sequence[Stored]) -> list[list[Stored]]:
    """The entries in runs of at most BATCH_BYTES: one run is one event."""
    found: list[list[Stored]] = []
    size = BATCH_BYTES
    for entry in entries:
        own = len(orjson.dumps(entry))
        if size + own > BATCH_BYTES:
            found.append([])
            size = 0
        found[-1].append(entry)
        size += own
    return found


def values_of(entry: Entry) -> dict[str, Any]:
    """The values of the form for an entry."""
    given = entry.model_dump(by_alias=True)
    same = {ours: given[theirs] for ours, theirs in _SAME.items() if given.get(theirs) is not None}
    at = entry.position if entry.position is not None and 0 <= entry.position < len(_WHERE) else 0
    more: dict[str, Any] = {
        "keys": entry.key,
        "secondary": entry.keysecondary,
        "logic": _LOGIC[entry.selective_logic] if 0 <= entry.selective_logic < len(_LOGIC) else "any",
        "where": _WHERE[at],
        "role": _ROLE[entry.role] if entry.role is not None and 0 <= entry.role < len(_ROLE) else "system",
    }
    known = {name: _within(name, value) for name, value in (same | more).items()}
    return LoreEntrySheet.model_validate({name: value for name, value in known.items() if value is not None}).model_dump()


def _within(name: str, value: Any) -> Any:
    """A value the form can hold: numbers of files may lie beyond what a person may type."""
    try:
        LoreEntrySheet.model_validate({name: value})
    except ValidationError:
        try:
            LoreEntrySheet.model_validate({name: int(value)})
        except (ValidationError, ValueError, TypeError, OverflowError):
            return None
        return int(value)
    return value


def changed(before: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """An entry's stored fields after its form was filled in: only what the form changed is touched."""
    old = values_of(raw_entry({"uid": 0, **(before or NEW)}))
    new = {name: value for name, value in values.items() if name not in old or old[name] != value or not before}
    fields = dict(before or NEW) | {_SAME[name]: value for name, value in new.items() if name in _SAME}
    if "keys" in new:
        fields["key"] = list(new["keys"])
    if "secondary" in new:
        fields["keysecondary"] = list(new["secondary"])
        fields["selective"] = True
    if "probability" in new:
        fields["useProbability"] = True
    if "logic" in new:
        fields["selectiveLogic"] = _LOGIC.index(new["logic"])
    if "where" in new:
        fields["position"] = _WHERE.index(new["where"])
    if "role" in new:
        fields["role"] = _ROLE.index(new["role"])
    return fields


def book_of(name: str, sheet: LorebookSheet, entries: Iterable[Entry], sources: tuple[Source, ...]) -> Book:
    """The book as a scan takes it: what an entry leaves open is the book's own setting."""
    return Book(name=name, entries=tuple(_with_defaults(entry, sheet) for entry in entries), sources=sources)


def _with_defaults(entry: Entry, sheet: LorebookSheet) -> Entry:
    given: dict[str, Any] = {}
    if entry.scan_depth is None and sheet.min_entries == 0:  # an own depth would not go deeper
        given["scan_depth"] = sheet.scan_depth
    if entry.case_sensitive is None:
        given["case_sensitive"] = sheet.case_sensitive
    if entry.match_whole_words is None:
        given["match_whole_words"] = sheet.whole_words
    if entry.use_group_scoring is None:
        given["use_group_scoring"] = sheet.scoring
    if not sheet.recursive:  # another book of the scan may be: this one neither wakes nor is woken
        given |= {"exclude_recursion": True, "prevent_recursion": True}
    return entry.model_copy(update=given)
