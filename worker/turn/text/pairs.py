"""Marks of thoughts that are ordinary words or signs by themselves, and count because their counterpart stands in the text as well.

`{think}…{/think}`, `[[think]]`, `&lt;think&gt;`, `<plan>`, a comment of HTML: one of them alone is somebody's word, a stage direction or a
list; both, with an answer beside them, are a layout of thoughts. What the message to answer names itself is no such mark.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import re2

NAMES = "think|thinking|thoughts?|reasoning|inner[_ ]thoughts?|internal[_ ](?:thoughts?|monologue|reasoning)|chain[_ -]of[_ -]thought"
"""What nobody puts into brackets twice, but around thoughts."""
_WORDS = "plan|strategy|brainstorm|brainstorming|self[_-]?reflection|inner[_-]?voice|considerations?|note[_-]to[_-]self|deliberate"
"""Names that are tags of answers too, where the person asked for such a thing."""
MOST = 200
_PAIR = re2.compile(
    rf"(?i)\{{\{{?(?P<braces>/)?(?:{NAMES})\}}\}}?|\[\[(?P<squares>/)?(?:{NAMES})\]\]|\[(?P<square>/)?(?:{NAMES})\]|\((?P<round>/)?(?:{NAMES})\)"
    rf"|&lt;(?P<escaped>/)?(?:{NAMES})&gt;|\[(?:begin|start) (?:{NAMES})\]|(?P<named>\[(?:end|stop) (?:{NAMES})\])"
    rf"|<(?P<tag>/)?(?:{_WORDS})>|<(?P<sign>/)?(?:💭|🤔)>"
)
_CLOSES = tuple(_PAIR.groupindex.values())
_COMMENT, _COMMENT_END = "<!--", "-->"
_OF_COMMENT = re2.compile(rf"(?i)<!--\s*(?:{NAMES}|{_WORDS})\b")
_MARKUP = re2.compile(r"(?i)\b(?:x?html|xml|svg|markup|comments?|web ?page|website)\b")
_PLAIN = re2.compile(r"[^a-z]+")
_FEW = 4
"""Letters by which a name of a mark and a word of the message are the same: plan, plans, planning."""


@dataclass(frozen=True, slots=True)
class ThoughtMark:
    """`[start, end)` in a text, and whether it ends thoughts or begins them."""

    start: int
    end: int
    closes: bool


def find(content: str, told: str, *, growing: bool = False) -> list[ThoughtMark]:
    """The marks that have their counterpart. `growing`: an opening one may still get it. `told`: the words of the message to answer."""
    found = [*_comments(content, told, growing=growing)] if _COMMENT in content else []
    if not any(sign in content for sign in "{[(&<"):
        return found
    opened: dict[str, list[ThoughtMark]] = {}
    said = _letters(told)
    for match in islice(_PAIR.finditer(content), MOST):
        name = _letters(match[0])
        if name[:_FEW] in said and said:
            continue
        family = match[0][0] + name
        mark = ThoughtMark(match.start(), match.end(), any(match.group(index) for index in _CLOSES))
        if not mark.closes:
            opened.setdefault(_family(family), []).append(mark)
        elif before := opened.pop(_family(family), None):
            found += [*before[:1], mark]
        elif not match[0].startswith(("<", "(")):
            found.append(mark)
    if growing:
        found += [mark for marks in opened.values() for mark in marks[:1]]
    return found


def _family(name: str) -> str:
    for word in ("begin", "start", "end", "stop"):
        name = name.replace(word, "", 1) if name[0] == "[" else name
    return name


def _letters(text: str) -> str:
    plain: str = _PLAIN.sub("", text.lower().replace("&lt;", "").replace("&gt;", ""))
    return plain


def _comments(content: str, told: str, *, growing: bool) -> Iterator[ThoughtMark]:
    """Comments that say they are thoughts, and one at the very start that stands apart from an answer without markup."""
    at = 0
    for _ in range(MOST):
        start = content.find(_COMMENT, at)
        if start < 0:
            return
        end = content.find(_COMMENT_END, start + len(_COMMENT))
        first = not content[:start].strip()
        rest = content[end + len(_COMMENT_END) :] if end >= 0 else ""
        apart = rest.startswith("\n") and rest.strip() and not rest.lstrip().startswith("<")
        apart = first and not _MARKUP.search(told) and (apart or (growing and not rest.strip()))
        if _OF_COMMENT.match(content[start : start + 60]) or apart or (growing and end < 0):
            yield ThoughtMark(start, start + len(_COMMENT), closes=False)
            if end >= 0:
                yield ThoughtMark(end, end + len(_COMMENT_END), closes=True)
        if end < 0:
            return
        at = end
