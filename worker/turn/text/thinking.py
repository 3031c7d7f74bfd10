"""A model's thoughts, set apart from its reply (B8): in every layout that models and the programs around them are known to use.

A mark counts outside of code only. Where the person asked about such marks, only those at the very start of the reply count, so that
a reply may speak about them.
"""

from dataclasses import dataclass
from itertools import islice

import re2

from worker.turn.text import code, harmony
from worker.turn.text.code import Code

NAMES = (
    "think|thinking|thinks|thought|thoughts|ant[_-]?thinking|assistant_thinking|reasoning|reason|reflection|reflect|scratchpad|analysis"
    "|deliberation|cot|chain[_-]of[_-]thought|internal|internal_monologue|inner_monologue|monologue|inner_thoughts|(?:thinking|thought|reasoning)_process"
    "|planning|(?:[a-z]{1,15}[:_-]){1,2}(?:think|thinking|thoughts?|reasoning)|(?:think|thinking|thoughts?|reasoning)[_-](?:[a-z]{1,15})?"
    "|ｔｈｉｎｋ(?:ｉｎｇ)?|denken|gedanken|pensamientos?|razonamiento|pens[ée]es?|raisonnement|pensier[oi]|ragionamento|pensamentos?|raciocínio"
    "|myślenie|rozumowanie|мысли|размышлени[ея]|роздуми|düşünce|düşünme|تفكير|suy_nghĩ|思考(?:过程|過程)?|思维|思索|推理|생각|사고|추론"
)
TAGS = ("think", "thinking", "ant_thinking", "reasoning", "thought", "reflection", "scratchpad")
"""The names that are most used, for tests."""
MOST_MARKS = 200
"""Marks of one text that are looked at."""
SENTENCE = 20
"""Characters between two marks within a line that are taken for thoughts: what is shorter may be an example."""
_TAG = re2.compile(
    rf"(?i)(?:\*\*|\\)?(?:<|＜|◁)(?P<close>[ \t]{{0,2}}\\?/)?[ \t]{{0,2}}(?:{NAMES})"
    r"(?:[ \t\n][^<>＜＞]{0,300})?(?P<empty>/)?\\?(?:>|＞|▷)(?:\*\*)?"
    rf"|(?P<close7></(?i:{NAMES})[ \t]{{0,3}}\n)"
    r"|<\|(?i:think|thinking|thought|reasoning)[_:](?:start|begin|(?P<close8>end))\|>|<\|startofthink\|>|(?P<close10><\|endofthink\|>)"
    r"|\[unused16\]|(?P<close11>\[unused17\])|【(?P<close9>/)?(?:思考|推理)】"
    r"|\[(?P<close2>/)?(?:THINK|THINKING|REASONING)\]"
    r"|<\|(?P<close3>/|END_|end_of_|end▁of▁)?(?:START_|begin_of_)?(?:(?i:think|thinking|thought|thoughts|reasoning))\|>"
    r"|<\|channel>[ \t]*(?:thought|analysis)?|(?P<close4><channel\|>)"
    r"|<unused94>(?:thought)?|(?P<close5><unused95>)"
    r"|<details type=\"reasoning\"[^<>]{0,200}>|<｜(?P<close6>end)?(?:begin)?▁of▁thinking｜>"
)
_CLOSES = tuple(
    _TAG.groupindex[name]
    for name in ("close", "close2", "close3", "close4", "close5", "close6", "close7", "close8", "close9", "close10", "close11")
)
_EMPTY_TAG = _TAG.groupindex["empty"]
"""By number: re2 makes the table of names anew for each look by name."""
_DETAILS_END = "</details>"
_ANSWER = "answer|response|final|final_answer|output|reply|solution"
_WRAPPER = re2.compile(
    rf"(?is)^\s*(?:<(?:{_ANSWER})>(.*)</(?:{_ANSWER})>"
    r"|<\|(?:START_RESPONSE|begin_of_solution|START_TEXT)\|>(.*?)(?:<\|(?:END_RESPONSE|end_of_solution|END_TEXT)\|>)?)\s*$"
)
_OPENED = re2.compile(rf"(?is)^\s*(?:<(?:{_ANSWER})>|<\|(?:START_RESPONSE|begin_of_solution|START_TEXT)\|>)")
_BLOCK = re2.compile(
    r"(?is)^\s*(?:```(?:think|thinking|thoughts?|reasoning)[ \t]*\n(.*?)\n[ \t]*```[ \t]*\n"
    r"|Thinking\.\.\.[ \t]*\n(.*?)\n?\.\.\.done thinking\.[ \t]*(?:\n|$)"
    r"|(?:\*\*|__|#{1,4} ?)(?:thinking|thought process|inner thoughts|internal thoughts)(?::?\*\*:?|:?__:?|:)?[ \t]*\n?(.*?)"
    r"\n\s*(?:\*\*|__|#{1,4} ?)(?:final )?(?:answer|response|reply)(?::?\*\*:?|:?__:?|:)?[ \t]*(?:\n|$|\b)"
    r"|Here (?:are|is) my (?:thought process|reasoning(?: steps)?):?[ \t]*\n(.*?)"
    r"\n\s*(?:Here is my response:|\[BEGIN FINAL RESPONSE\])[ \t]*"
    r"|<details>\s*<summary>[^<>\n]{0,20}(?:thinking|thoughts?|thought process|reasoning)[^<>\n]{0,40}</summary>(.*?)</details>)"
)
"""Blocks at the very start that are named as thoughts: a fence, Ollama's own words, a heading with one of the answer's behind it, a
folded part, a sentence that announces both (Granite, Apriel)."""
_ENDED = "[END FINAL RESPONSE]"
_EMPTY = re2.compile(rf"(?i)^\s*<(?:{NAMES})[ \t]?/>")


@dataclass(frozen=True, slots=True)
class Split:
    """What is for everybody, and what the model thought. `orphan`: the thoughts had no mark at their beginning."""

    text: str
    thinking: str
    orphan: bool = False


@dataclass(frozen=True, slots=True)
class _Mark:
    start: int
    end: int
    closes: bool


def split(content: str, *, asked: bool = False, growing: bool = False) -> Split:
    """The reply without its thoughts. An opening mark that is never closed makes all of the rest thoughts.

    `asked`: the conversation is about such marks. `growing`: more of it is to come, and what may turn out to be thoughts is no text.
    """
    if (channels := harmony.split(content)) is not None:
        return Split(*channels)
    if block := _BLOCK.match(content):
        return Split(content[block.end() :].partition(_ENDED)[0].strip(), "".join(found or "" for found in block.groups()).strip())
    if not asked:
        content = _EMPTY.sub("", content)
    spans = code.find(content)
    marks = _marks(content)
    found = _leading(content, marks, spans, asked=asked, growing=growing)
    if found is None:
        found = _orphan(content, marks, spans, asked=asked) or (content, [], False)
    text, thoughts, orphan = found
    if not asked:
        text, more = _later(text, growing=growing)
        thoughts = [*thoughts, *more]
    if not thoughts and not orphan and text == content:
        return Split(content, "")
    text = _unwrapped(text)
    text = _OPENED.sub("", text) if thoughts else text
    return Split(text.strip(), "\n".join(thought for thought in thoughts if thought), orphan)


def _marks(content: str) -> list[_Mark]:
    if not any(opening in content for opening in "<＜◁[【") and "｜" not in content:
        return []
    found = []
    for match in islice(_TAG.finditer(content), MOST_MARKS):
        parts = match.groups()
        if not parts[_EMPTY_TAG - 1]:
            closes = any(parts[index - 1] for index in _CLOSES)
            found.append(_Mark(match.start(), match.end(), closes))
        if match[0].startswith("<details") and (end := content.find(_DETAILS_END, match.end())) >= 0:
            found.append(_Mark(end, end + len(_DETAILS_END), closes=True))
    return sorted(found, key=lambda mark: mark.start)


def _leading(content: str, marks: list[_Mark], spans: Code, *, asked: bool, growing: bool) -> tuple[str, list[str], bool] | None:
    """Thoughts at the very start, one after the other; None when the content does not begin with one."""
    thoughts: list[str] = []
    at = 0
    while (index := next((i for i, mark in enumerate(marks) if mark.start >= at), None)) is not None:
        first = marks[index]
        if first.closes or content[at : first.start].strip("\ufeff\u200b \t\r\n"):
            break
        behind = marks[index + 1 :]
        end = _end(behind, spans, growing=growing) or _end(behind, code.NONE, growing=growing)
        if end is None:
            if asked:
                break
            return "", [*thoughts, content[first.end :].strip()], False
        if asked and not content[end.end :].strip():
            break
        thoughts.append(content[first.end : end.start].strip())
        at = end.end
    return (content[at:], thoughts, False) if at else None


def _end(marks: list[_Mark], spans: Code, *, growing: bool) -> _Mark | None:
    """The mark that closes what was opened before the first of `marks`: at its depth, else the last closing one before the next text."""
    depth, last = 1, None
    for mark in marks:
        if spans.holds(mark.start):
            continue
        depth += -1 if mark.closes else 1
        if mark.closes:
            last = mark
        if depth == 0:
            return mark
    return None if growing else last


def _orphan(content: str, marks: list[_Mark], spans: Code, *, asked: bool) -> tuple[str, list[str], bool] | None:
    """Thoughts that end in a mark and begin with none: their opening mark stood in the prompt's template."""
    shown = [mark for mark in marks if not spans.holds(mark.start)]
    if asked or not shown or any(not mark.closes for mark in shown[:1]):
        return None
    last = shown[0]
    for mark in shown[1:]:
        if not mark.closes:
            break
        if not content[mark.end :].strip() and content[last.end : mark.start].strip():
            return content[last.end : mark.start], [content[: last.start].strip()], True  # the answer has a closing mark too many
        last = mark
    before = content[: last.start].strip()
    return (content[last.end :], [before], True) if before else (content[last.end :], [], True)


def _later(text: str, *, growing: bool) -> tuple[str, list[str]]:
    """Thoughts after a preface: whole lines of them, or a sentence between two others."""
    marks = _marks(text)
    if not marks:
        return text, []
    spans = code.find(text)
    shown = [mark for mark in marks if not spans.holds(mark.start)]
    kept, thoughts, at = [], [], 0
    for opening, closing in _pairs(text, shown, growing=growing):
        if opening.start >= at and (closing.end == len(text) or _stands_apart(text, opening, closing)):
            kept.append(text[at : opening.start])
            thoughts.append(text[opening.end : closing.start].strip())
            at = closing.end
    if not thoughts:
        return text, []
    before = "".join(kept)
    glue = "\n" if before.endswith("\n") else " "
    return (before.rstrip() + glue + text[at:].lstrip()).strip(), thoughts


def _pairs(text: str, marks: list[_Mark], *, growing: bool) -> list[tuple[_Mark, _Mark]]:
    """Opening marks with the marks that close them, outermost only; one that is never closed closes at the end if it begins a line."""
    found: list[tuple[_Mark, _Mark]] = []
    opened: _Mark | None = None
    depth = 0
    for mark in marks:
        if mark.closes:
            depth = max(depth - 1, 0)
            if depth == 0 and opened is not None:
                found.append((opened, mark))
                opened = None
        else:
            opened, depth = (mark if opened is None else opened), depth + 1
    if opened is not None and (growing or (_begins_line(text, opened.start) and text[opened.end : opened.end + 1] == "\n")):
        found.append((opened, _Mark(len(text), len(text), closes=True)))
    return found if growing or len(found) * 2 >= len(marks) - 1 else []


def _stands_apart(text: str, opening: _Mark, closing: _Mark) -> bool:
    if _begins_line(text, opening.start):
        return True
    before = text[max(opening.start - 40, 0) : opening.start].rstrip()
    return before[-1:] in '.!?…。！？*"”)' and closing.start - opening.end >= SENTENCE


def _begins_line(text: str, index: int) -> bool:
    return not text[text.rfind("\n", 0, index) + 1 : index].strip()


def _unwrapped(text: str) -> str:
    """The text without the tags that some models put around their answer after they thought."""
    found = _WRAPPER.match(text)
    return (found[1] or found[2] or "") if found else text
