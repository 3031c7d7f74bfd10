"""Typed text to values and back, for every face alike. Pure. Text from outside is cleaned and bounded here."""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from engine.resources.field import FieldSpec, Kind

NOTHING = frozenset({"", "null", "none", "auto"})
"""What may be typed for no value at all, besides leaving the field empty."""
LONGEST = 100_000
DEEPEST = 32
"""Objects and lists in each other, in what is JSON."""
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")
"""Characters that a field takes from a file, where a person may type fewer."""
_YES, _NO = frozenset({"yes", "on", "true", "1"}), frozenset({"no", "off", "false", "0", ""})
_PERSON = re.compile(r"(?:<(?:@[!&]?|#))?(\d{1,19})>?")


class Wrong(ValueError):
    """The text is no value of this field; the message says what to change."""


def read(spec: FieldSpec, text: str) -> Any:
    """The value a typed text stands for. Raises Wrong."""
    text = tidy(text)
    if spec.nullable and text.casefold() in NOTHING:
        return None
    if spec.kind != "text" and spec.kind != "switch" and not text and not spec.required:
        return spec.default
    value = _READERS[spec.kind](spec, text)
    if (sentence := beyond(spec, value)) is not None:
        raise Wrong(sentence)
    return value


def show(spec: FieldSpec, value: Any) -> str:
    """The text that stands for a value: `read` gives the value again."""
    match spec.kind:
        case _ if value is None:
            return ""
        case "switch":
            return "yes" if value else "no"
        case "texts" if spec.shown.widget == "lines":
            return "\n".join(item.replace("\\", "\\\\").replace("\n", "\\n") for item in value)
        case "texts" | "people":
            return "\n".join(str(item) for item in value)
        case "json":
            return json.dumps(value, ensure_ascii=False, indent=1) if value else ""
        case "float":
            return f"{value:g}" if float(f"{value:g}") == value else repr(value)
        case _:
            return str(value)


def beyond(spec: FieldSpec, value: Any) -> str | None:
    """What is wrong with the size of a value, in a sentence; None when it is within what may be typed."""
    shown = spec.shown
    if isinstance(value, str) and shown.limit is not None and len(value) > shown.limit:
        return f"{_called(spec)} may have {shown.limit:,} characters; this has {len(value):,}."
    if isinstance(value, tuple):
        if shown.many is not None and len(value) > shown.many:
            return f"{_called(spec)} may have {shown.many} entries; these are {len(value)}."
        if shown.limit is not None and any(len(item) > shown.limit for item in value if isinstance(item, str)):
            return f"Each entry of {_called(spec)} may have {shown.limit:,} characters."
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _out_of_range(spec, value)
    if isinstance(value, dict) and too_deep(value):
        return f"{_called(spec)} may be nested {DEEPEST} deep at most."
    if isinstance(value, dict) and shown.limit is not None and len(json.dumps(value)) > shown.limit:
        return f"{_called(spec)} may have {shown.limit:,} characters as JSON."
    return None


def too_deep(value: object) -> bool:
    """Whether objects and lists stand in each other more than DEEPEST times: what stores and sends them would give up. Not recursive."""
    layer: list[object] = [value]
    for _ in range(DEEPEST + 1):
        inside = [item for item in layer if isinstance(item, dict | list | tuple)]
        if not inside:
            return False
        layer = [inner for item in inside for inner in (item.values() if isinstance(item, dict) else item)]
    return True


def tidy(text: str) -> str:
    """Text as it is stored: line ends and margins tidied, control characters and halves of surrogate pairs gone."""
    text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").replace("\r\n", "\n").replace("\r", "\n")
    return _CONTROLS.sub("", text).strip()


def _out_of_range(spec: FieldSpec, value: float) -> str | None:
    if (spec.low is None or value >= spec.low) and (spec.high is None or value <= spec.high):
        return None
    if spec.key == "max_age_s" and value == 0:
        return "0 is no age. Use null, or leave it empty, for no limit."
    return f"{_called(spec)} goes from {spec.range.replace(' or more', ' upwards')}."


def _called(spec: FieldSpec) -> str:
    """A label as the subject of a sentence, in quotes: labels are anything from `Top P` to `Speaks first after (hours)`."""
    return f'"{spec.shown.label.rstrip("?")}"'


def _text(spec: FieldSpec, text: str) -> str:
    return text if spec.shown.widget == "text" else " ".join(text.split())


def _int(spec: FieldSpec, text: str) -> int:
    try:
        return int(text.replace(",", "").replace("_", ""))
    except ValueError:
        raise Wrong(f"{_called(spec)} is a whole number.") from None


def _float(spec: FieldSpec, text: str) -> float:
    try:
        value = float(text.replace(",", "."))
    except ValueError:
        raise Wrong(f"{_called(spec)} is a number.") from None
    if value != value or value in (float("inf"), float("-inf")):
        raise Wrong(f"{_called(spec)} is a number.")
    return value


def _switch(spec: FieldSpec, text: str) -> bool:
    said = text.casefold()
    if said not in _YES | _NO:
        raise Wrong(f"{_called(spec)} is yes or no.")
    return said in _YES


def _choice(spec: FieldSpec, text: str) -> str:
    found = next((choice for choice in spec.choices if choice == text.casefold()), None)
    if found is None:
        raise Wrong(f"{_called(spec)} is one of {', '.join(spec.choices)}.")
    return found


def _texts(spec: FieldSpec, text: str) -> tuple[str, ...]:
    if spec.shown.widget == "lines":
        return tuple(dict.fromkeys(_unescaped(line) for line in text.split("\n") if line))
    found: dict[str, str] = {}
    for item in (" ".join(part.split()) for part in re.split(r"[\n,]", text)):
        found.setdefault(item.casefold(), item)
    return tuple(item for item in found.values() if item)


def _unescaped(line: str) -> str:
    return re.sub(r"\\(.)", lambda found: "\n" if found[1] == "n" else found[1], line)


def _people(spec: FieldSpec, text: str) -> tuple[int, ...]:
    found = [_PERSON.fullmatch(part) for part in re.split(r"[\s,]+", text) if part]
    people = [int(match[1]) for match in found if match is not None]
    if len(people) < len(found) or any(person >= 2**63 for person in people):
        raise Wrong(f"{_called(spec)} takes ids: digits only, one a line.")
    return tuple(dict.fromkeys(people))


def _json(spec: FieldSpec, text: str) -> dict[str, Any]:
    try:
        value = json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise Wrong(f"{_called(spec)} takes a JSON object, such as {{}}.") from None
    if not isinstance(value, dict):
        raise Wrong(f"{_called(spec)} takes a JSON object, such as {{}}.")
    return value


def _no_constant(name: str) -> float:
    raise ValueError(name)


def _preset(spec: FieldSpec, text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise Wrong("Choose one of the presets there are.") from None


_READERS: Mapping[Kind, Callable[[FieldSpec, str], Any]] = {
    "text": _text,
    "int": _int,
    "float": _float,
    "switch": _switch,
    "choice": _choice,
    "texts": _texts,
    "people": _people,
    "json": _json,
    "preset": _preset,
}
