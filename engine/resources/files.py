"""Resources as JSON files: out with every field, in without loss, and from the predecessor's files too. Pure."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from engine.outside import numbers
from engine.resources.field import FieldSpec
from engine.resources.kinds import CHARACTER, Kind, Values
from engine.resources.typed import DEEPEST, LONGEST, Wrong, tidy, too_deep

VERSION = 1
GROUPS = frozenset({"parameters", "window", "recall", "advancedParameters"})
"""Names under which files hold fields that ours have at the top."""
_ADDRESS = 64
"""Characters of a stored picture's address, which means nothing in another installation. No picture is as short in base64."""
_OURS = frozenset({"tzurot", "version"})


@dataclass(frozen=True, slots=True)
class Imported:
    """A file as values. `kept` names what has no field here and was kept as custom fields, `left` what was not, each with why."""

    values: dict[str, Any]
    kept: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    picture: str = ""
    """The picture the file holds, as base64 or a `data:` URL. An address of ours is none."""
    card: dict[str, Any] | None = None
    """The card a character of ours came from, as the file holds it."""


def to_file(kind: Kind[Any], values: Values) -> dict[str, Any]:
    """The file of a resource, ready for JSON: every field, set or not."""
    tree: dict[str, Any] = {"tzurot": kind.name, "version": VERSION}
    for spec in kind.fields:
        *groups, name = spec.key.split(".")
        inner = tree
        for group in groups:
            inner = inner.setdefault(group, {})
        value = values[spec.key]
        inner[name] = list(value) if isinstance(value, tuple) else str(value) if isinstance(value, UUID) else value
    return tree


def from_file(kind: Kind[Any], tree: object) -> Imported:
    """The values a file sets. Nothing in it is refused for one field's sake; what cannot be taken is named. Raises Wrong for no object."""
    if not isinstance(tree, dict):
        raise Wrong("The file holds no JSON object.")
    if (said := tree.get("tzurot")) not in (None, kind.name):
        raise Wrong(f"This is the file of a {said}, not of a {kind.name}."[:200])
    found = _Reading(kind)
    found.take(_translated(tree))
    if kind is CHARACTER and found.unknown:
        custom = found.values.get("custom", {})
        found.values["custom"] = {**{name: value for name, value in found.unknown.items() if name not in custom}, **custom}
        return Imported(found.values, tuple(found.unknown), tuple(found.left), found.picture, found.card)
    left = (*found.left, *(f"{name}: there is no such field" for name in found.unknown))
    return Imported(found.values, (), left, found.picture, found.card)


@dataclass(slots=True)
class _Reading:
    """A file being read."""

    kind: Kind[Any]
    values: dict[str, Any] = field(default_factory=dict)
    unknown: dict[str, Any] = field(default_factory=dict)
    left: list[str] = field(default_factory=list)
    picture: str = ""
    card: dict[str, Any] | None = None

    def take(self, tree: Mapping[str, Any]) -> None:
        for name, value in _flat(self.kind, tree):
            spec = _named(self.kind, name)
            if spec is None:
                self._strange(name, value)
            elif spec.key not in self.values:
                self._take(spec, value)

    def _take(self, spec: FieldSpec, value: Any) -> None:
        if spec.stored:
            return self._take_stored(spec, value)
        try:
            self.values[spec.key] = _value(spec, value)
        except Wrong as error:
            self.left.append(f"{spec.key}: {error}")

    def _take_stored(self, spec: FieldSpec, value: Any) -> None:
        if spec.shown.widget == "picture" and isinstance(value, str) and len(value) > _ADDRESS:
            self.picture = self.picture or value
        elif spec.shown.widget == "file" and isinstance(value, dict):
            self.card = value
        elif value:
            self.left.append(f"{spec.key}: the {spec.shown.label.lower()} itself is not in the file")

    def _strange(self, name: str, value: Any) -> None:
        if name.startswith("extendedContext"):
            self.left.append(f"{name}: earlier messages are always part of a prompt now")
        elif too_deep(value):
            self.left.append(f"{name}: it is nested more than {DEEPEST} deep")
        else:
            self.unknown[name] = value


def _flat(kind: Kind[Any], tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Names with dots, and values; groups are gone into, other objects are values."""
    groups = {spec.key.split(".")[0] for spec in kind.fields if "." in spec.key}
    for name, value in tree.items():
        if not prefix and name in _OURS:
            continue
        if isinstance(value, dict) and not prefix and (name in GROUPS or (name == "description" and kind is CHARACTER)):
            yield from _flat(kind, value)
        elif isinstance(value, dict) and not prefix and name in groups:
            yield from _flat(kind, value, f"{name}.")
        else:
            yield f"{prefix}{name}", value


def _named(kind: Kind[Any], name: str) -> FieldSpec | None:
    return next((spec for spec in kind.fields if spec.key == name or name in spec.shown.old), None)


def _translated(tree: Mapping[str, Any]) -> dict[str, Any]:
    """The predecessor's ways of saying things, in ours."""
    found = dict(tree)
    if isinstance(public := found.pop("isPublic", None), bool):
        found.setdefault("visibility", "public" if public else "private")
    month, day, year = (found.get(name) for name in ("birthMonth", "birthDay", "birthYear"))
    if isinstance(month, int) and isinstance(day, int):
        found.setdefault("birthday", (f"{year:04d}-" if isinstance(year, int) else "") + f"{month:02d}-{day:02d}")
        found = {name: value for name, value in found.items() if name not in ("birthMonth", "birthDay", "birthYear")}
    advanced = found.get("advancedParameters")
    if isinstance(advanced, dict) and isinstance(thinking := advanced.get("thinking"), dict):
        rest = {name: value for name, value in advanced.items() if name != "thinking"}
        found["advancedParameters"] = {**rest, "reasoning": rest.get("reasoning", thinking)}
    if isinstance(inner := found.get("advancedParameters"), dict) and isinstance(reasoning := inner.get("reasoning"), dict):
        found.setdefault("reasoning", reasoning)
        found["advancedParameters"] = {name: value for name, value in inner.items() if name != "reasoning"}
    return found


def _value(spec: FieldSpec, raw: Any) -> Any:
    """A JSON value as the field's. Raises Wrong with why it is none."""
    if raw is None and not spec.nullable and spec.default is None:
        raise Wrong("it is empty")
    if raw is None:
        return None if spec.nullable else spec.default
    if spec.key == "max_age_s" and raw == 0:
        return None
    return _CHECKS[spec.kind](spec, raw)


def _text(spec: FieldSpec, raw: Any) -> str:
    if isinstance(raw, bool) or not isinstance(raw, str | int | float):
        raise Wrong("it is no text")
    if isinstance(raw, str) and len(raw) > 2 * LONGEST:
        raise Wrong(f"it has more than {LONGEST:,} characters")  # without a look at all of them
    text = tidy(str(raw))
    if len(text) > LONGEST:
        raise Wrong(f"it has more than {LONGEST:,} characters")
    return text


def _number(spec: FieldSpec, raw: Any) -> float:
    strange = isinstance(raw, bool) or not isinstance(raw, int | float) or (isinstance(raw, float) and not math.isfinite(raw))
    if strange or (spec.kind == "int" and raw != int(raw)):
        raise Wrong("it is no number" if spec.kind == "float" else "it is no whole number")
    if (spec.low is not None and raw < spec.low) or (spec.high is not None and raw > spec.high):
        raise Wrong(f"it goes from {spec.range}")
    return int(raw) if spec.kind == "int" else float(raw)


def _switch(spec: FieldSpec, raw: Any) -> bool:
    if not isinstance(raw, bool):
        raise Wrong("it is neither true nor false")
    return raw


def _choice(spec: FieldSpec, raw: Any) -> str:
    if raw not in spec.choices:
        raise Wrong(f"it is none of {', '.join(spec.choices)}")
    return str(raw)


def _texts(spec: FieldSpec, raw: Any) -> tuple[str, ...]:
    items = raw if isinstance(raw, list) else [raw]
    if not all(isinstance(item, str) for item in items):
        raise Wrong("it is no list of texts")
    texts = tuple(dict.fromkeys(item for item in items if item))
    if len(texts) > (spec.shown.many or len(texts)) or any(len(text) > (spec.shown.limit or len(text)) for text in texts):
        raise Wrong(f"it may hold {spec.shown.many} of {spec.shown.limit} characters")
    return texts


def _people(spec: FieldSpec, raw: Any) -> tuple[int, ...]:
    items = raw if isinstance(raw, list) else [raw]
    if not all(numbers.whole(str(item)) is not None for item in items) or len(items) > (spec.shown.many or len(items)):
        raise Wrong("it is no list of user ids")
    return tuple(dict.fromkeys(int(item) for item in items))


def _object(spec: FieldSpec, raw: Any) -> dict[str, Any]:
    if not isinstance(raw, dict):
        raise Wrong("it is no object")
    if too_deep(raw):
        raise Wrong(f"it is nested more than {DEEPEST} deep")
    if spec.key == "logit_bias" and not all(isinstance(bias, int | float) and -100 <= bias <= 100 for bias in raw.values()):
        raise Wrong("a bias goes from -100 to 100")
    return {str(name): float(value) if spec.key == "logit_bias" else value for name, value in raw.items()}


def _preset(spec: FieldSpec, raw: Any) -> UUID:
    try:
        return UUID(str(raw))
    except ValueError:
        raise Wrong("it is no id of a preset") from None


_CHECKS: Mapping[str, Callable[[FieldSpec, Any], Any]] = {
    "text": _text,
    "int": _number,
    "float": _number,
    "switch": _switch,
    "choice": _choice,
    "texts": _texts,
    "people": _people,
    "json": _object,
    "preset": _preset,
}
