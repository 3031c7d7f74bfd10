"""Regex scripts: find and replace as a step of rendering. Stored text is never rewritten; patterns run on re2, in linear time."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from itertools import islice

import re2

LONGEST_PATTERN = 1_000
LONGEST_TEXT = 100_000
MOST_MATCHES = 5_000
_DELIMITED = re2.compile(r"(?s)^/(.+)/([a-z]*)$")
_REPLACED = re2.compile(r"(?i)\{\{match\}\}|\$(\d{1,2})|\$<([A-Za-z_]\w{0,40})>")
_UNABLE = (("(?=", "look-ahead"), ("(?!", "look-ahead"), ("(?<=", "look-behind"), ("(?<!", "look-behind"))


class Placement(IntEnum):
    """Whose words a script is for."""

    USER = 1
    CHARACTER = 2
    COMMAND = 3
    LORE = 5
    REASONING = 6


class Refused(ValueError):
    """A script that cannot be run, in a sentence for whoever wrote it."""


@dataclass(frozen=True, slots=True)
class Script:
    """One script, as its file has it. Depth 0 is the last message; without either "only" it is for the prompt and what is shown."""

    find: str
    replace: str = ""
    trim: tuple[str, ...] = ()
    placement: frozenset[int] = frozenset({Placement.CHARACTER})
    shown_only: bool = False
    prompt_only: bool = False
    least_depth: int | None = None
    most_depth: int | None = None
    disabled: bool = False


def check(script: Script) -> None:
    """Raises Refused, with what the pattern asks for that linear time cannot give."""
    _compiled(script.find)


def apply(text: str, scripts: Sequence[Script], placement: Placement, *, depth: int = 0, shown: bool = False) -> str:
    """The text after each script that is for it, in order. One that cannot be run leaves the text as it is."""
    for script in scripts:
        if _is_for(script, placement, depth, shown=shown) and len(text) <= LONGEST_TEXT:
            try:
                pattern, every = _compiled(script.find)
            except Refused:
                continue
            text = _substituted(text, pattern, script, every=every)
    return text


def _is_for(script: Script, placement: Placement, depth: int, *, shown: bool) -> bool:
    if script.disabled or placement not in script.placement:
        return False
    if (script.shown_only and not script.prompt_only and not shown) or (script.prompt_only and not script.shown_only and shown):
        return False
    return (script.least_depth is None or depth >= script.least_depth) and (script.most_depth is None or depth <= script.most_depth)


@lru_cache(maxsize=256)
def _compiled(find: str) -> tuple["re2._Regexp[str]", bool]:
    """(the pattern, whether every match counts). `/x/flags`, or a pattern alone, which counts once."""
    delimited = _DELIMITED.match(find)
    source, flags = (delimited[1], delimited[2]) if delimited else (find, "")
    if not source or len(source) > LONGEST_PATTERN:
        raise Refused(f"A pattern has 1 to {LONGEST_PATTERN:,} characters.")
    if unknown := sorted(set(flags) - set("gimsuy")):
        raise Refused(f"There is no flag {', '.join(unknown)}.")
    for mark, what in _UNABLE:
        if mark in source:
            raise Refused(f"This pattern uses {what} ({mark}…), which cannot be done in linear time. Write it without.")
    inside = "".join(flag for flag in "ims" if flag in flags)
    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(f"(?{inside})" + source if inside else source, options), "g" in flags
    except re2.error as error:
        said = error.args[0].decode(errors="replace") if error.args and isinstance(error.args[0], bytes) else str(error)
        raise Refused(f"This pattern cannot be run: {said[:200]}") from None


def _substituted(text: str, pattern: "re2._Regexp[str]", script: Script, *, every: bool) -> str:
    text = text.encode(errors="replace").decode()
    kept, at = [], 0
    for found in islice(pattern.finditer(text), MOST_MATCHES if every else 1):
        kept += [text[at : found.start()], _REPLACED.sub(_filled(found, script.trim), script.replace)]
        at = found.end()
        if sum(map(len, kept[-2:])) > LONGEST_TEXT:
            break
    return "".join([*kept, text[at:]])[: 2 * LONGEST_TEXT]


def _filled(found: "re2._Match[str]", trim: Sequence[str]) -> Callable[["re2._Match[str]"], str]:
    def fill(mark: "re2._Match[str]") -> str:
        try:
            value = found[mark[2]] if mark[2] else found[int(mark[1])] if mark[1] else found[0]
        except (IndexError, KeyError):
            return ""
        for part in filter(None, trim):
            value = (value or "").replace(part, "")
        return value or ""

    return fill
