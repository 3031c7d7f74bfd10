"""Foreign text on a terminal: nothing in it moves the cursor, changes colours, turns the reading direction or hides. Pure."""

import re
from collections.abc import Mapping
from decimal import Decimal

import orjson

_UNSEEN = (
    r"\x7f-\x9f"  # DEL and C1: the one-byte forms of escape sequences
    r"\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff"  # direction, invisible, line breaks, half pairs
    r"\U000e0000-\U000e0fff"  # tags and supplementary selectors: text that nobody sees
)
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f" + _UNSEEN + "]")
_IN_JSON = re.compile("[" + _UNSEEN + "]")


def printable(text: str) -> str:
    """The text with every character that a terminal would act on, or nobody would see, shown as an escape. Lines and tabs stay."""
    return _UNPRINTABLE.sub(_shown, text.replace("\r\n", "\n"))


def json_line(value: object) -> str:
    """A value as one line of JSON, in which such characters are escaped as JSON does: a program reads the same text."""
    line = orjson.dumps(value, default=str, option=orjson.OPT_APPEND_NEWLINE | orjson.OPT_NON_STR_KEYS).decode()
    return json_text(line)


def json_text(text: str) -> str:
    """JSON with such characters escaped: the same for whoever reads it."""
    return _IN_JSON.sub(_escaped, text)


def plain(value: object) -> str:
    """A value as a person writes it: no None, no brackets of a language, numbers without an exponent."""
    match value:
        case None | "":
            return "–"
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{Decimal(repr(value)):f}".removesuffix(".0") if value == value and abs(value) != float("inf") else str(value)
        case Mapping():
            return ", ".join(f"{name} {plain(item)}" for name, item in value.items()) or "–"
        case list() | tuple() | set() | frozenset():
            return ", ".join(map(plain, value)) or "–"
        case _:
            return str(value)


def _shown(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}" if code < 65_536 else f"\\U{code:08x}"


def _escaped(found: re.Match[str]) -> str:
    units = found[0].encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))
