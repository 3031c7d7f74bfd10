"""Whose line a line is by how it begins: `NAME:` and what logs, chats and scripts make of it. Pure."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice, pairwise

import re2

from worker.turn.text.code import Code

LABEL = 120
"""Characters of a line in which a name and its colon are looked for."""
MOST = 100
"""Lines that begin with somebody's name that are looked at."""
STAMPED = re2.compile(r"[ \t]?[\[(]\d{1,4}[-:./]\d[\d:./ APMUTCapm-]{0,25}[\])][ \t]*")
"""A time before or behind a name, as logs of conversations have it."""
BARE = re2.compile(r"\d{1,4}[-:./]\d[\d:./-]{0,20}(?: ?[AP]M| UTC)?(?: \d{1,2}:\d\d(?::\d\d)?)?(?: [-–|])?[ \t]+")
"""The same without brackets, before a name."""
_TITLE = re2.compile(r"#{1,6}[ \t]?")
_BEHIND = re2.compile(rf"^([^\n:：<>\[(]{{1,80}}){STAMPED.pattern}([*_]{{0,3}}[:：])")
_ANGLE = re2.compile(r"^<([^<>\n]{1,80})>[ \t]{0,3}[:：]?")
_PROMPT = re2.compile(r"^([^\s:：<>#*_\[(](?:[^\n:：<>]{0,60}[^\n:：<>\s])?)>[ \t]")
_ROLE = re2.compile(r"(?i)[ \t]?\((?:user|human|player|visitor|assistant|ai|bot|character|npc)\)$")
_COLON = re.compile("[:：]")
_OTHER_LINES = re2.compile(
    r"(?m)^(?:[\[(]?\d[\d:./ APMUTCapm-]{2,25}[\])]?[ \t]{0,3})?<[^<>\n]{1,80}>|^[^\s:：<>#*_\[(][^\n:：<>]{0,60}>[ \t]"
)
"""Lines that give a name without a colon."""


@dataclass(frozen=True, slots=True)
class TurnLine:
    """Where it begins, whose it is; `introduced`: the line before announces it; `title`: it stands there as a heading does."""

    start: int
    name: str
    introduced: bool
    title: bool


def label(text: str) -> tuple[str | None, str]:
    """(whose line the text begins with, what stands behind the name); None and the text for nobody's."""
    line = text
    if title := _TITLE.match(line):
        line = line[title.end() :]
    if stamp := STAMPED.match(line) or BARE.match(line):
        line = line[stamp.end() :]
    if angle := _ANGLE.match(line):
        return " ".join(angle[1].split()), line[angle.end() :].lstrip()
    if prompt := _PROMPT.match(line):
        return " ".join(prompt[1].split()), line[prompt.end() :].lstrip()
    if behind := _BEHIND.match(line[: 2 * LABEL]):
        line = behind[1] + behind[2] + line[behind.end() :]
    name, rest = before_colon(line)
    if name is None:
        return None, text
    name = _ROLE.sub("", name)
    if name[:1] + name[-1:] in {"[]", "()", "<>"}:
        name = name[1:-1]
    return name.strip("*_"), rest


def before_colon(line: str) -> tuple[str | None, str]:
    """(what stands before the first colon, without marks of bold; what stands behind it)."""
    head = line[:LABEL]
    places = [at for colon in ":：" if (at := head.find(colon)) >= 0]
    if not places:
        return None, line
    at = min(places)
    before, after = head[:at].strip(), line[at + 1 :]
    mark = before[: len(before) - len(before.lstrip("*_"))]
    if mark and not before.endswith(mark):
        if not after.startswith(mark):
            return None, line
        after = after[len(mark) :]
    return " ".join(before.strip("*_").split()), after.lstrip()


def speaker(line: str) -> str | None:
    """Whose line it is by its beginning, where a time or brackets may stand beside the name; None for nobody's."""
    return label(line.lstrip())[0]


def spoken(text: str, spans: Code, names: frozenset[str]) -> list[TurnLine]:
    """The lines that begin with one of these names, in their order."""
    names = frozenset(name for name in names if name and name.split()[0] in text)
    if not names:
        return []
    found = {line.start: line for line in islice(_by_colon(text, spans, names), MOST)}
    for match in islice(_OTHER_LINES.finditer(text), MOST):
        name = speaker(text[match.start() : match.start() + LABEL])
        if name in names and not spans.holds(match.start()):
            found.setdefault(match.start(), _line(text, match.start(), name))
    return sorted(found.values(), key=lambda line: line.start)


def _by_colon(text: str, spans: Code, names: frozenset[str]) -> Iterator[TurnLine]:
    at, firsts = 0, {name.split()[0] for name in names}
    while found := _COLON.search(text, at):
        colon = found.start()
        start = text.rfind("\n", at, colon) + 1 or at
        head = text[start : start + LABEL]
        if colon - start < LABEL and any(first in head for first in firsts) and not spans.holds(start):
            name = speaker(head)
            if name is not None and name in names:
                yield _line(text, start, name)
        end = text.find("\n", colon)
        if end < 0:
            return
        at = end + 1


def _line(text: str, start: int, name: str) -> TurnLine:
    introduced = text[max(start - 2 * LABEL, 0) : start].rstrip().endswith((":", "："))
    return TurnLine(start, name, introduced, text.startswith("#", start))


def side_by_side(text: str, places: list[int]) -> bool:
    """Whether the lines follow each other with nothing between them: a list."""
    return all(text[one:other].count("\n") == 1 for one, other in pairwise(places))
