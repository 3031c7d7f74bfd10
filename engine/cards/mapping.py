"""What of a card is which field of a character, in both directions. Pure.

The card itself is kept whole beside the character; writing it again changes only what was changed here since.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from engine.cards.card import Card
from engine.cards.trees import Tree
from engine.resources.field import FieldSpec
from engine.resources.kinds import CHARACTER, Values, defaults
from engine.resources.typed import LONGEST, Wrong, beyond, tidy

OURS = "tzurot"
"""The key under `extensions` with the fields that cards have no place for."""
TEXTS: Mapping[str, str] = {
    "name": "name",
    "description": "info",
    "personality": "traits",
    "scenario": "scenario",
    "first_mes": "greeting",
    "mes_example": "examples",
    "system_prompt": "system_prompt",
    "post_history_instructions": "post_history",
}
"""Key of a card's data to the character's field."""
STAY = frozenset({"slug", "visibility", "co_owners", "shared_with", "preset_id", "avatar", "card", "tools"})
"""Fields that no card carries: who may use it here, what it may do and spend here, and addresses that mean nothing elsewhere.

The picture goes as a picture.
"""
_USES: Mapping[str, str] = {
    "character_book": "kept whole with the character; a lorebook is made of it",
    "alternate_greetings": "kept; the first greeting is the one used",
    "creator_notes": "kept for people; never part of a prompt",
    "extensions": "kept as they are",
    "assets": "kept; the main icon becomes the picture",
}


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of one part of a card: `used` as a field of ours, `kept` with the character, or `left` out."""

    part: str
    what: str
    how: str


@dataclass(frozen=True, slots=True)
class Mapped:
    """A card as values of a character's fields, and what becomes of each of its parts."""

    values: dict[str, Any]
    fates: tuple[Fate, ...]


def mapped(card: Card, file_name: str = "") -> Mapped:
    """The values a card gives a character. Nothing in a card refuses it: what cannot be a value is kept, and named."""
    found, fates = dict[str, Any](), list[Fate]()
    for key, ours in TEXTS.items():
        text = str_of(card.data.get(key))
        if text:
            found[ours] = _fitting(ours, text)
            fates.append(_used(key, ours, text, found[ours]))
    own = _own(card.data)
    found |= {name: value for name, value in own.items() if name not in CHARACTER.problems(own)}
    _talkative(card.data, found)
    _named(card, found, fates, file_name)
    fates += _kept(card)
    fates += [Fate("file", "left", note) for note in card.notes]
    return Mapped(found, tuple(fates))


def str_of(value: object) -> str:
    """A scalar of any type as text; lists of texts joined; '' for null and objects."""
    if isinstance(value, str):
        return tidy(value)
    if isinstance(value, list):
        return tidy("\n".join(one for one in value if isinstance(one, str)))
    return "" if value is None or isinstance(value, dict) else str(value)


def _fitting(ours: str, text: str) -> str:
    return " ".join(text.split())[:100].rstrip() if ours == "name" else text[:LONGEST]


def _used(key: str, ours: str, text: str, value: str) -> Fate:
    spec = CHARACTER.field(ours)
    assert spec is not None
    cut = "" if len(value) >= len(" ".join(text.split()) if ours == "name" else text) else ", cut; the whole text is kept"
    return Fate(key, "used", f"{spec.shown.label}{cut}")


def _own(data: Mapping[str, Any]) -> dict[str, Any]:
    """Fields of ours that a card carries because it was written here."""
    extensions = data.get("extensions")
    own = extensions.get(OURS) if isinstance(extensions, dict) else None
    found = {}
    for name, value in own.items() if isinstance(own, dict) else ():
        spec = CHARACTER.field(name) if name not in STAY else None
        if spec is not None and name not in TEXTS.values() and (taken := _taken(spec, value)) is not None:
            found[name] = taken
    return found


def _taken(spec: FieldSpec, value: object) -> Any:
    """A JSON value as the field's; None when it is none."""
    try:
        made = _MAKERS[spec.kind](value)
        return made if spec.kind in ("json", "text") or beyond(spec, made) is None else None
    except (Wrong, KeyError, TypeError, ValueError):
        return None


def _text(value: object) -> str:
    if not isinstance(value, str) or len(value) > LONGEST:
        raise Wrong("no text")
    return tidy(value)


def _texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise Wrong("no texts")
    return tuple(value)


def _object(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise Wrong("no object")
    return value


def _switch(value: object) -> bool:
    if not isinstance(value, bool):
        raise Wrong("no switch")
    return value


_MAKERS: Mapping[str, Callable[[Any], Any]] = {"text": _text, "texts": _texts, "json": _object, "switch": _switch, "float": float}


def _talkative(data: Mapping[str, Any], found: dict[str, Any]) -> None:
    """SillyTavern's talkativeness: a number from 0 to 1, often as text."""
    extensions = data.get("extensions")
    said = extensions.get("talkativeness") if isinstance(extensions, dict) else None
    try:
        value = float(said) if isinstance(said, str | int | float) and not isinstance(said, bool) else -1.0
    except ValueError:
        return
    if 0 <= value <= 1:
        found["talkativeness"] = value


def _named(card: Card, found: dict[str, Any], fates: list[Fate], file_name: str) -> None:
    """See to what every character needs: a name with a letter or digit, and a sentence about it."""
    name = str(found.get("name", "")) or _fitting("name", str_of(card.data.get("nickname")))
    if not any(c.isalnum() for c in name):
        stem = _fitting("name", tidy(file_name.replace("\\", "/").rpartition("/")[2].rpartition(".")[0]))
        other = stem[:50] if any(c.isalnum() for c in stem) else "Character"
        found["name"] = f"{name[: 99 - len(other)]} {other}".strip()
        fates.append(Fate("name", "used", f"The card has none that can be called; it is {found['name']} here"))
    elif "name" not in found:
        found["name"] = name
    if not found.get("info") and not found.get("traits"):
        found["info"] = str(found["name"])
        fates.append(Fate("description", "used", "The card has none; the name stands for it"))


def _kept(card: Card) -> Iterator[Fate]:
    """What is kept with the character although nothing here uses it, in the order of the card."""
    for name, value in card.data.items():
        if name not in TEXTS and value not in (None, "", [], {}):
            yield Fate(name, "kept", _USES.get(name, "kept; there is no use for it here yet"))
    for name in card.form.tree:
        if name not in ("data", "spec", "spec_version"):
            yield Fate(name, "kept", "kept beside the card's data")
    for name in card.form.around:
        yield Fate(name, "kept", "kept; it stood around the card in its file")
    if card.assets:
        yield Fate("files", "kept", f"{len(card.assets)} files that came with the card are kept")


def carried(values: Values) -> Tree:
    """The fields that cards have no place for, as far as they are set: what stands under extensions.tzurot."""
    empty, found = defaults(CHARACTER), {}
    for spec in CHARACTER.fields:
        value = values[spec.key]
        if spec.key not in STAY and spec.key not in TEXTS.values() and spec.key != "talkativeness" and value != empty[spec.key]:
            found[spec.key] = list(value) if isinstance(value, tuple) else value
    return found
