"""Match keys against the searched text: plain, by whole words, or as patterns on a linear-time engine.

Patterns are written for JavaScript (`/pattern/flags`). They are translated for RE2, which never takes more than linear time; what
RE2 cannot do (looking around, back references) is refused by name instead of being matched wrongly.
"""

import re
from functools import lru_cache
from typing import Any

import re2

SPACES = "\t\n\v\f\r \u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff"
"""JavaScript's white space (ECMA-262, WhiteSpace and LineTerminator), as a range of a class."""
_STRIPPED = "\t\n\v\f\r \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000\ufeff"
_DELIMITED = re.compile(r"\A/(.+?)/([gimsuy]*)", re.DOTALL)
_OPEN_SLASH = re.compile(r"(^|[^\\])/")
_LOOKS = ("(?=", "(?!", "(?<=", "(?<!")
_NOT_SPACES = "\\x{0}-\\x{8}\\x{e}-\\x{1f}\\x{21}-\\x{9f}\\x{a1}-\\x{167f}\\x{1681}-\\x{1fff}\\x{200b}-\\x{2027}\\x{202a}-\\x{202e}"
_NOT_SPACES += "\\x{2030}-\\x{205e}\\x{2060}-\\x{2fff}\\x{3001}-\\x{fefe}\\x{ff00}-\\x{10ffff}"
LONGEST_KEY = 2_000


class Unsupported(ValueError):
    """A pattern that is valid elsewhere but cannot be matched in linear time; the sentence says what to write instead."""


def strip(text: str) -> str:
    """Take JavaScript's white space off both ends."""
    return text.strip(_STRIPPED)


def words_of(text: str) -> list[str]:
    """Split at JavaScript's white space."""
    return _SPACE_RUN.split(text)


_SPACE_RUN = re.compile(f"[{SPACES}]+")


class Pattern:
    """A compiled key pattern."""

    __slots__ = ("_regex",)

    def __init__(self, regex: Any) -> None:
        self._regex = regex

    def found(self, text: str) -> bool:
        """Whether it occurs in the text."""
        return self._regex.search(text) is not None


@lru_cache(4096)
def pattern_of(key: str) -> Pattern | None:
    """Compile a key written as /pattern/flags; None when it is a plain one. Raises Unsupported."""
    found = _DELIMITED.fullmatch(key)
    if found is None or _OPEN_SLASH.search(found[1]) or len(set(found[2])) < len(found[2]):
        return None
    source, flags = found[1].replace("\\/", "/", 1), found[2]
    if len(source) > LONGEST_KEY:
        raise Unsupported(f"A pattern may have {LONGEST_KEY:,} characters.")
    try:
        translated = translate(source, flags)
        return Pattern(_compile(translated))
    except (re2.error, IndexError):
        return None


@lru_cache(4096)
def _compile(pattern: str) -> Any:
    options = re2.Options()
    options.log_errors = False
    return re2.compile(pattern, options)


def translate(source: str, flags: str) -> str:
    """Write a JavaScript pattern the way RE2 reads it. Raises Unsupported, IndexError for a pattern that breaks off."""
    switches = "".join(flag for flag in "im" if flag in flags)
    out = [f"(?{switches})" if switches else "", "\\A(?:" if "y" in flags else ""]
    at, unicode, dot_all = 0, "u" in flags, "s" in flags
    while at < len(source):
        char = source[at]
        if char == "\\":
            piece, at = _escape(source, at, unicode, inside=False)
        elif char == "[":
            piece, at = _class(source, at, unicode)
        elif char == ".":
            piece, at = ("[\\x{0}-\\x{10ffff}]" if dot_all else "[^\\n\\r\\x{2028}\\x{2029}]"), at + 1
        else:
            if source.startswith(_LOOKS, at):
                raise Unsupported("Looking ahead or behind in a pattern takes unbounded time. Write it without (?=, (?!, (?<= or (?<!.")
            piece, at = ("(?P<", at + 3) if source.startswith("(?<", at) else (char, at + 1)
        out.append(piece)
    out.append(")" if "y" in flags else "")
    return "".join(out)


def _class(source: str, at: int, unicode: bool) -> tuple[str, int]:
    if source.startswith("[^]", at):
        return "[\\x{0}-\\x{10ffff}]", at + 3
    if source.startswith("[]", at):
        return "[^\\x{0}-\\x{10ffff}]", at + 2
    out = ["["]
    at += 1
    if source[at] == "^":
        out.append("^")
        at += 1
    while source[at] != "]":
        if source[at] == "\\":
            piece, at = _escape(source, at, unicode, inside=True)
        else:
            piece, at = ("\\[" if source[at] == "[" else source[at]), at + 1
        out.append(piece)
    return "".join([*out, "]"]), at + 1


def _escape(source: str, at: int, unicode: bool, *, inside: bool) -> tuple[str, int]:
    char = source[at + 1]
    if char in "sS":
        ranges = _SPACE_RANGES if char == "s" else _NOT_SPACES
        return (ranges if inside else f"[{ranges}]"), at + 2
    if char in "dDwW" or (char in "bB" and not inside):
        return f"\\{char}", at + 2
    if char == "b":
        return "\\x{8}", at + 2
    if char in "123456789" and not inside:
        raise Unsupported("References back to what a group found take unbounded time. Write the pattern without \\1, \\2, ....")
    if char == "k" and source[at + 2 : at + 3] == "<":
        raise Unsupported("References back to what a group found take unbounded time. Write the pattern without \\k<...>.")
    if char in _CONTROLS:
        return f"\\x{{{_CONTROLS[char]:x}}}", at + 2
    if char in "xu":
        return _code(source, at, unicode)
    if char in "pP" and unicode:
        end = source.index("}", at)
        return source[at : end + 1].replace("Script=", "").replace("sc=", "").replace("General_Category=", "").replace("gc=", ""), end + 1
    return re2.escape(char), at + 2


_CONTROLS = {"n": 10, "r": 13, "t": 9, "v": 11, "f": 12, "0": 0}
_SPACE_RANGES = "\\t-\\r \\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{3000}\\x{feff}"
_CODE = re.compile(r"\\(?:x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4})|u\{([0-9A-Fa-f]{1,6})\})")


def _code(source: str, at: int, unicode: bool) -> tuple[str, int]:
    found = _CODE.match(source, at)
    if found is None or (found[3] is not None and not unicode):
        return re2.escape(source[at + 1]), at + 2
    return f"\\x{{{found[1] or found[2] or found[3]}}}", found.end()


class Text:
    """A searched text, with its lower case made once."""

    __slots__ = ("_lower", "exact")

    def __init__(self, exact: str) -> None:
        self.exact = exact
        self._lower: str | None = None

    @property
    def lower(self) -> str:
        """The text in lower case."""
        if self._lower is None:
            self._lower = self.exact.lower()
        return self._lower


def matches(text: Text, key: str, *, case_sensitive: bool, whole_words: bool) -> bool:
    """Whether a key occurs in a text. A pattern goes by its own flags. Raises Unsupported."""
    pattern = pattern_of(key)
    if pattern is not None:
        return pattern.found(text.exact)
    searched, key = (text.exact, key) if case_sensitive else (text.lower, key.lower())
    if whole_words and len(words_of(key)) < 2:
        return bool(_compile(f"(?:^|\\W){re2.escape(key)}(?:$|\\W)").search(searched))
    return key in searched
