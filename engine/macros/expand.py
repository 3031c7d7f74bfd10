"""`{{macros}}` in the texts of cards: innermost first, names in any case, arguments behind `::`. One pass, no recursion, bounded.

What is drawn at random comes from `Meanings.draw`, so that the caller records it; `pick` is a hash of the conversation's first id, the
text and the place in it, so that it is the same in every branch. What a macro is replaced by is never read for macros again, and a
name nobody knows stays as it is written.
"""

import hashlib
from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import re2

LONGEST = 200_000
"""Characters an expansion may reach: what is beyond stays unexpanded."""
MOST = 2_000
"""Macros of one text that are expanded."""
MOST_DICE, MOST_SIDES = 100, 1_000_000
_FALSE = frozenset({"", "false", "0", "off", "no"})
_DICE = re2.compile(r"^\s*(?:(\d{0,3})[dD])?(\d{1,7})\s*(?:([+-])\s*(\d{1,6}))?\s*$")
_OFFSET = re2.compile(r"([+-]?\d{1,2})")
_TOKENS: Mapping[str, Callable[[datetime], str]] = {
    "YYYY": lambda now: f"{now.year:04}",
    "YY": lambda now: f"{now.year % 100:02}",
    "MMMM": lambda now: f"{now:%B}",
    "MMM": lambda now: f"{now:%b}",
    "MM": lambda now: f"{now.month:02}",
    "M": lambda now: str(now.month),
    "DD": lambda now: f"{now.day:02}",
    "D": lambda now: str(now.day),
    "dddd": lambda now: f"{now:%A}",
    "ddd": lambda now: f"{now:%a}",
    "HH": lambda now: f"{now.hour:02}",
    "H": lambda now: str(now.hour),
    "hh": lambda now: f"{now:%I}",
    "h": lambda now: str(now.hour % 12 or 12),
    "mm": lambda now: f"{now.minute:02}",
    "ss": lambda now: f"{now.second:02}",
    "A": lambda now: f"{now:%p}",
    "a": lambda now: f"{now:%p}".lower(),
}
_OF_MOMENT: Mapping[str, Callable[[datetime], str]] = {
    "time": lambda now: now.strftime("%H:%M"),
    "date": lambda now: f"{now:%B} {now.day}, {now.year}",
    "weekday": lambda now: now.strftime("%A"),
    "isotime": lambda now: now.strftime("%H:%M"),
    "isodate": lambda now: now.strftime("%Y-%m-%d"),
    "newline": lambda _: "\n",
    "space": lambda _: " ",
    "noop": lambda _: "",
}
_TOKEN = re2.compile(r"\[([^\[\]]*)\]|" + "|".join(_TOKENS))
_OPEN, _CLOSE = "{{", "}}"
_ESCAPED = {"\\{\\{": "\ue000", "\\}\\}": "\ue001"}
_PLAIN = {"\ue000": "{{", "\ue001": "}}"}

Draw = Callable[[str], float]
"""A number in [0, 1) for a draw of that name; the caller keeps it."""


@dataclass(frozen=True, slots=True)
class Meanings:
    """What macros stand for. `values` are plain ones by lower-case name (user, char, group, description, lastmessage, ...); `chat` is the
    id of the conversation's beginning, `seed` changes what `pick` picks. Variables are changed in place: the caller keeps the changes."""

    now: datetime
    values: Mapping[str, str]
    draw: Draw
    chat: str = ""
    seed: str = ""
    local: MutableMapping[str, str] = field(default_factory=dict)
    everywhere: MutableMapping[str, str] = field(default_factory=dict)
    named: Mapping[str, str] = field(default_factory=dict)
    """What `{{kind::name}}` stands for by `kind::name`, the kind in lower case, the name in its own: `outlet::Harbour`."""


@dataclass(slots=True)
class _Open:
    """A macro whose end was not met yet: what stands in it so far, where it began, and how many `{{if}}` are open in it."""

    parts: list[str]
    at: int


def expand(text: str, scene: Meanings) -> str:
    """The text with its macros replaced."""
    if _OPEN not in text and "\\{" not in text:
        return text
    for written, mark in _ESCAPED.items():
        text = text.replace(written, mark)
    found = _conditions(_replaced(text, scene))
    for mark, plain in _PLAIN.items():
        found = found.replace(mark, plain)
    return found


def _replaced(text: str, scene: Meanings) -> str:
    stack, at, count, size = [_Open([], 0)], 0, 0, len(text)
    while at < len(text):
        places = [(place, mark) for mark in (_OPEN, _CLOSE) if (place := text.find(mark, at)) >= 0]
        place, mark = min(places, default=(len(text), ""))
        stack[-1].parts.append(text[at:place])
        at = place + 2
        if mark == _OPEN:
            stack.append(_Open([], place))
        elif mark == _CLOSE and len(stack) > 1:
            inner = stack.pop()
            written = "".join(inner.parts)
            count += 1
            value = _value(written, scene, text, inner.at) if count <= MOST and size <= LONGEST else None
            size += len(value or "") - len(written)
            # Braces of a value are marks until the end, so that nothing reads them as a macro's.
            given = None if value is None else value.replace(_OPEN, "\ue000").replace(_CLOSE, "\ue001")
            stack[-1].parts.append(f"{_OPEN}{written}{_CLOSE}" if given is None else given)
        elif mark == _CLOSE:
            stack[-1].parts.append(_CLOSE)
    while len(stack) > 1:  # never closed: as it is written
        inner = stack.pop()
        stack[-1].parts.append(_OPEN + "".join(inner.parts))
    return "".join(stack[0].parts)


def _value(written: str, scene: Meanings, text: str, at: int) -> str | None:
    """What a macro stands for; None for one that is not known."""
    inside = written.strip()
    if inside.startswith("//"):
        return ""
    if inside[:1] in ".$" and inside[:1]:
        return _variable(inside, scene)
    name, *arguments = inside.split("::")
    name = name.strip().casefold()
    if not arguments and ":" in name:  # the older form: {{roll:d6}}, {{random:a,b}}
        name, _, rest = inside.partition(":")
        name, arguments = name.strip().casefold(), [part.strip() for part in rest.split(",")] if "," in rest else [rest]
    if name.startswith("time_utc") and not arguments:
        name, arguments = "time_utc", [name.removeprefix("time_utc")]
    if name.startswith("datetimeformat ") and not arguments:
        name, arguments = "datetimeformat", [inside.strip()[len("datetimeformat ") :]]
    if name in scene.values and not arguments:
        return scene.values[name]
    if name == "outlet" and arguments:
        return scene.named.get(f"{name}::{arguments[0].strip()}", "")
    if (moment := _moment(name, arguments, scene.now)) is not None:
        return moment
    return _drawn(name, arguments, scene, text, at) if name in {"random", "pick", "roll"} else _kept(name, arguments, scene)


def _moment(name: str, arguments: list[str], now: datetime) -> str | None:
    """What of the moment a macro names; also blanks. None for other macros."""
    if name in _OF_MOMENT:
        return _OF_MOMENT[name](now)
    if name == "datetimeformat" and arguments:
        return _formatted(arguments[0], now)
    if name == "time_utc" and arguments and (hours := _OFFSET.fullmatch(arguments[0].strip())):
        return (now + timedelta(hours=int(hours[1]))).strftime("%H:%M")
    return None


def _formatted(form: str, now: datetime) -> str:
    """A moment in a form of Moment.js: `DD.MM.YYYY HH:mm`, with words in brackets."""
    return str(_TOKEN.sub(lambda found: found[1] if found[1] is not None else _TOKENS[found[0]](now), form))


def _drawn(name: str, arguments: list[str], scene: Meanings, text: str, at: int) -> str | None:
    if name == "roll":
        return _roll(arguments[0] if arguments else "", scene, at)
    if not arguments:
        return ""
    if name == "random":
        return arguments[_index(scene.draw(f"random@{at}"), len(arguments))]
    digest = hashlib.sha256("\0".join((scene.chat, text, str(at), scene.seed)).encode(errors="replace")).digest()
    return arguments[int.from_bytes(digest[:8]) % len(arguments)]


def _roll(dice: str, scene: Meanings, at: int) -> str | None:
    """`2d6+3`, `d6`, or digits alone for one die of so many sides. None for what is no dice."""
    found = _DICE.match(dice)
    if found is None:
        return None
    count, sides = int(found[1] or 1), int(found[2])
    if not 1 <= count <= MOST_DICE or not 1 <= sides <= MOST_SIDES:
        return None
    total = sum(1 + _index(scene.draw(f"roll@{at}#{number}"), sides) for number in range(count))
    return str(total + int(f"{found[3]}{found[4]}" if found[3] else 0))


def _index(drawn: float, count: int) -> int:
    return min(int(drawn * count), count - 1)


def _variable(inside: str, scene: Meanings) -> str | None:
    """The short form: `.x`, `$x`, `.x = 3`, `.x += 3`, `.x++`, `.x--`; a dot for local variables, a dollar for global ones."""
    kept = scene.local if inside[0] == "." else scene.everywhere
    body = inside[1:].strip()
    for sign in ("++", "--"):
        if body.endswith(sign):
            return _added(kept, body[:-2].strip(), "1" if sign == "++" else "-1")
    if "+=" in body:
        name, _, value = body.partition("+=")
        _added(kept, name.strip(), value.strip())
        return ""
    name, sets, value = body.partition("=")
    if sets:
        kept[name.strip()] = value.strip()
        return ""
    return kept.get(name.strip(), "")


def _kept(name: str, arguments: list[str], scene: Meanings) -> str | None:
    """Variables: getvar, setvar, addvar, incvar, decvar, and each with `global` in its name."""
    kept = scene.everywhere if "global" in name else scene.local
    act, key = name.replace("global", ""), arguments[0].strip() if arguments else ""
    value = "::".join(arguments[1:])
    match act:
        case "getvar" if key:
            return kept.get(key, "")
        case "setvar" if key:
            kept[key] = value
            return ""
        case "addvar" if key:
            _added(kept, key, value)
            return ""
        case "incvar" | "decvar" if key:
            return _added(kept, key, "1" if act == "incvar" else "-1")
    return None


def _added(kept: MutableMapping[str, str], key: str, value: str) -> str:
    """Numbers are added, other texts joined; returns the new value."""
    before = kept.get(key, "")
    try:
        total = float(before or 0) + float(value or 0)
        kept[key] = str(int(total)) if total == int(total) else str(total)
    except (ValueError, OverflowError):
        kept[key] = (before + value)[:LONGEST]
    return kept[key]


_PART = re2.compile(r"(?i)\{\{\s*(?:(if)(?:\s+|::)([^{}]*)|(else)|(/if))\s*\}\}")


def _conditions(text: str) -> str:
    """`{{if x}}..{{else}}..{{/if}}`, nested: the branch that holds. One that is never closed stays as it is written."""
    if "if" not in text.casefold():
        return text
    stack: list[tuple[str, bool, list[str], list[str] | None]] = []
    out: list[str] = []
    at = 0
    for number, found in enumerate(_PART.finditer(text)):
        here = _branch(stack, out)
        here.append(text[at : found.start()])
        at = found.end()
        if number >= MOST:
            here.append(found[0])
        elif found[1]:
            stack.append((found[0], _holds(found[2]), [], None))
        elif found[3] and stack and stack[-1][3] is None:
            stack[-1] = (*stack[-1][:3], [])
        elif found[4] and stack:
            _, holds, then, otherwise = stack.pop()
            _branch(stack, out).append("".join(then if holds else otherwise or []))
        else:
            here.append(found[0])
    _branch(stack, out).append(text[at:])
    while stack:
        opening, _, then, otherwise = stack.pop()
        rest = opening + "".join(then) + ("{{else}}" + "".join(otherwise) if otherwise is not None else "")
        _branch(stack, out).append(rest)
    return "".join(out)


def _branch(stack: list[tuple[str, bool, list[str], list[str] | None]], out: list[str]) -> list[str]:
    if not stack:
        return out
    _, _, then, otherwise = stack[-1]
    return then if otherwise is None else otherwise


def _holds(condition: str) -> bool:
    wanted = condition.strip()
    negated = wanted.startswith("!")
    return (wanted.lstrip("! ").casefold() not in _FALSE) is not negated
