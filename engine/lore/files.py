"""Lorebooks of other programs read and written: SillyTavern's worlds, books in cards (V2, V3), NovelAI, Agnai, Risu. Pure."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from engine.lore.entries import MOST_ENTRIES, NEW, NotAnEntry, Stored, stored
from engine.outside.clean import name as clean_name
from engine.outside.clean import storable
from engine.resources.craft.lorebook import LorebookSheet

Fields = Mapping[str, Any]
_EXTENSIONS = {
    "exclude_recursion": "excludeRecursion",
    "prevent_recursion": "preventRecursion",
    "delay_until_recursion": "delayUntilRecursion",
    "probability": "probability",
    "useProbability": "useProbability",
    "depth": "depth",
    "selectiveLogic": "selectiveLogic",
    "outlet_name": "outletName",
    "group": "group",
    "group_override": "groupOverride",
    "group_weight": "groupWeight",
    "scan_depth": "scanDepth",
    "case_sensitive": "caseSensitive",
    "match_whole_words": "matchWholeWords",
    "use_group_scoring": "useGroupScoring",
    "automation_id": "automationId",
    "role": "role",
    "vectorized": "vectorized",
    "sticky": "sticky",
    "cooldown": "cooldown",
    "delay": "delay",
    "match_persona_description": "matchPersonaDescription",
    "match_character_description": "matchCharacterDescription",
    "match_character_personality": "matchCharacterPersonality",
    "match_character_depth_prompt": "matchCharacterDepthPrompt",
    "match_scenario": "matchScenario",
    "match_creator_notes": "matchCreatorNotes",
    "triggers": "triggers",
    "ignore_budget": "ignoreBudget",
    "tzurot_frozen": "frozen",
}
"""Field of an entry's `extensions` in a card to the field of a world."""


class NotALorebook(ValueError):
    """The document is no lorebook of any kind we know, or one that cannot be kept; the message says so in a sentence."""


@dataclass(frozen=True, slots=True)
class FoundBook:
    """A book of a file: what it says of itself, its entries, and a sentence for each thing that was left out."""

    kind: str
    sheet: LorebookSheet
    entries: tuple[Stored, ...]
    notes: tuple[str, ...] = ()


def read_book(document: object, name: str = "") -> FoundBook:
    """The lorebook in a parsed document. `name` is used where it has none. Raises NotALorebook."""
    tree = document if isinstance(document, dict) else {}
    kind, settings, raw = _sniffed(tree)
    if raw is None:
        raise NotALorebook("This is no lorebook: there are no entries in it.")
    if len(raw) > MOST_ENTRIES:
        raise NotALorebook(f"A lorebook may have {MOST_ENTRIES:,} entries; this has {len(raw):,}.")
    entries, notes, taken = list[Stored](), list[str](), set[int]()
    for fields in raw:
        uid = _uid(fields.get("uid"), taken)
        try:
            entries.append(stored(fields, uid))
        except NotAnEntry as error:
            notes.append(str(error))
            continue
        taken.add(uid)
    return FoundBook(kind, _sheet(settings, name), tuple(sorted(entries, key=lambda one: int(str(one["uid"])))), tuple(notes))


def _uid(given: object, taken: set[int]) -> int:
    if isinstance(given, int) and not isinstance(given, bool) and 0 <= given < 2**31 and given not in taken:
        return given
    return max(taken, default=-1) + 1


def _sniffed(tree: Fields) -> tuple[str, Fields, list[Fields] | None]:
    """(what the document is, its own settings, its entries by SillyTavern's names)."""
    if tree.get("spec") == "lorebook_v3" and isinstance(data := tree.get("data"), dict):
        return "a V3 lorebook", data, _all(data.get("entries"), _of_card)
    if tree.get("lorebookVersion") is not None:
        return "a NovelAI lorebook", tree, _all(tree.get("entries"), _of_novel)
    if tree.get("kind") == "memory":
        return "an Agnai memory book", tree, _all(tree.get("entries"), _of_agnai)
    if tree.get("type") == "risu":
        return "a Risu lorebook", tree, _all(tree.get("data"), _of_risu)
    entries = tree.get("entries")
    if isinstance(entries, dict):
        return "a SillyTavern world", tree, _all(list(entries.values()), dict)
    if isinstance(entries, list) and any(isinstance(one, dict) and "key" in one for one in entries):
        return "a SillyTavern world", tree, _all(entries, dict)
    if isinstance(entries, list):
        return "a book of a card", tree, _all(entries, _of_card)
    return "", tree, None


def _all(entries: object, one: Callable[[Fields], dict[str, Any]]) -> list[Fields] | None:
    """Entries of another form, as new ones of a world would be; those of a world as they are."""
    if not isinstance(entries, list):
        return None
    filled: Fields = {} if one is dict else NEW
    return [{**filled, **one(fields)} for fields in entries if isinstance(fields, dict)]


def _of_card(fields: Fields) -> dict[str, Any]:
    """An entry of a card's book, as SillyTavern turns it into one of a world."""
    extensions = fields.get("extensions")
    more = extensions if isinstance(extensions, dict) else {}
    position = more.get("position")
    found: dict[str, Any] = {
        "uid": fields.get("id"),
        "key": _keys(fields.get("keys"), fields.get("use_regex")),
        "keysecondary": _keys(fields.get("secondary_keys"), fields.get("use_regex")),
        "comment": fields.get("comment") or fields.get("name") or "",
        "content": fields.get("content") or "",
        "constant": bool(fields.get("constant")),
        "selective": bool(fields.get("selective")),
        "order": fields.get("insertion_order", 100),
        "position": position if isinstance(position, int) else int(fields.get("position") == "after_char"),
        "disable": fields.get("enabled", True) is False,
        "extensions": dict(more),
    }
    found |= {theirs: more[name] for name, theirs in _EXTENSIONS.items() if more.get(name) is not None}
    if found.get("caseSensitive") is None and isinstance(fields.get("case_sensitive"), bool):
        found["caseSensitive"] = fields["case_sensitive"]
    return found


def _keys(keys: object, patterns: object = False) -> list[str]:
    given = [key for key in keys if isinstance(key, str)] if isinstance(keys, list) else [keys] if isinstance(keys, str) else []
    return [f"/{key.replace('/', chr(92) + '/')}/" if patterns is True and not key.startswith("/") else key for key in given]


def _of_novel(fields: Fields) -> dict[str, Any]:
    context = fields.get("contextConfig")
    order = context.get("budgetPriority") if isinstance(context, dict) else None
    return {
        "key": _keys(fields.get("keys")),
        "content": fields.get("text") or "",
        "comment": fields.get("displayName") or "",
        "constant": fields.get("forceActivation") is True,
        "order": order if isinstance(order, int) else 100,
        "disable": fields.get("enabled") is False,
    }


def _of_agnai(fields: Fields) -> dict[str, Any]:
    return {
        "key": _keys(fields.get("keywords")),
        "content": fields.get("entry") or "",
        "comment": fields.get("name") or "",
        "order": fields.get("weight", 100),
        "disable": fields.get("enabled") is False,
    }


def _of_risu(fields: Fields) -> dict[str, Any]:
    def split(text: object) -> list[str]:
        return [key.strip() for key in text.split(",") if key.strip()] if isinstance(text, str) else []

    return {
        "key": split(fields.get("key")),
        "keysecondary": split(fields.get("secondkey")),
        "content": fields.get("content") or "",
        "comment": fields.get("comment") or "",
        "constant": fields.get("alwaysActive") is True,
        "selective": fields.get("selective") is True,
        "order": fields.get("insertorder", 100),
    }


def _sheet(settings: Fields, name: str) -> LorebookSheet:
    """What a file says of the whole book. What it leaves out, or says wrong, is as in a new one."""
    said = clean_name(settings.get("name"), 100) or clean_name(name, 100) or "Lorebook"
    found: dict[str, Any] = {"name": said, "description": storable(str(settings.get("description") or ""), 1000)}
    own = settings.get("tzurot")
    if isinstance(own, dict):
        found |= {key: value for key, value in own.items() if key in LorebookSheet.model_fields and key not in found}
    depth, budget = settings.get("scan_depth"), settings.get("token_budget")
    if isinstance(depth, int) and not isinstance(depth, bool) and 0 <= depth <= 1000:
        found.setdefault("scan_depth", depth)
    if isinstance(budget, int) and not isinstance(budget, bool) and 0 < budget < 2**31:
        found.setdefault("budget_cap", budget)
    if settings.get("recursive_scanning") is True:
        found.setdefault("recursive", True)
    try:
        return LorebookSheet.model_validate(found)
    except ValueError:
        return LorebookSheet(name=said, description=str(found["description"]))


def as_world(sheet: LorebookSheet, entries: Iterable[Stored]) -> dict[str, Any]:
    """The book as a world file that SillyTavern reads, with our own settings beside it."""
    own = {name: value for name, value in sheet.model_dump().items() if name not in ("name", "description")}
    return {
        "name": sheet.name,
        "description": sheet.description,
        "entries": {str(entry["uid"]): dict(entry) for entry in entries},
        "tzurot": own,
    }


def as_card_book(sheet: LorebookSheet, entries: Sequence[Stored]) -> dict[str, Any]:
    """The book as the `character_book` of a card (V2, V3)."""
    return {
        "name": sheet.name,
        "description": sheet.description,
        "scan_depth": sheet.scan_depth,
        "token_budget": sheet.budget_cap or None,
        "recursive_scanning": sheet.recursive,
        "extensions": {},
        "entries": [_as_card_entry(entry) for entry in entries],
    }


def _as_card_entry(entry: Stored) -> dict[str, Any]:
    old = entry.get("extensions")
    more = dict(old) if isinstance(old, dict) else {}
    more |= {name: entry[theirs] for name, theirs in _EXTENSIONS.items() if theirs in entry}
    more["position"] = entry.get("position", 0)
    return {
        "id": entry["uid"],
        "keys": entry.get("key", []),
        "secondary_keys": entry.get("keysecondary", []),
        "comment": entry.get("comment", ""),
        "content": entry.get("content", ""),
        "constant": entry.get("constant", False),
        "selective": entry.get("selective", True),
        "insertion_order": entry.get("order", 100),
        "enabled": not entry.get("disable", False),
        "position": "after_char" if entry.get("position") == 1 else "before_char",
        "use_regex": False,
        "extensions": more,
    }
