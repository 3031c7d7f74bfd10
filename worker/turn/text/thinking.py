"""A model's thoughts, set apart from its reply (B8): in every layout that models and the programs around them are known to use.

A mark counts outside of code only. Where the person asked about such marks, only those at the very start of the reply count, so that
a reply may speak about them.
"""

from dataclasses import dataclass
from itertools import islice

import re2

from worker.turn.text import blocks, code, harmony, pairs
from worker.turn.text.code import Code
from worker.turn.text.pairs import ThoughtMark

NAMES = (
    "think|thinking|thinks|thought|thoughts|ant[_-]?thinking|assistant_thinking|reasoning|reason|reflection|reflect|scratchpad|analysis"
    "|deliberation|cot|chain[_-]of[_-]thought|internal|internal_monologue|inner_monologue|monologue|inner_thoughts|(?:thinking|thought|reasoning)_process"
    "|planning|(?:[a-z]{1,15}[:_-]){1,2}(?:think|thinking|thoughts?|reasoning)|(?:think|thinking|thoughts?|reasoning)[_-](?:[a-z]{1,15})?"
    "|ｔｈｉｎｋ(?:ｉｎｇ)?|denken|gedanken|pensamientos?|razonamiento|pens[ée]es?|raisonnement|pensier[oi]|ragionamento|pensamentos?|raciocínio"
    "|myślenie|rozumowanie|мысли|размышлени[ея]|роздуми|думки|düşünce|düşünme|تفكير|suy[_ ]nghĩ|思考(?:过程|過程)?"
    "|思维|思索|推理|考え|シンキング"
    "|생각(?:하기)?|사고|추론|gedachten|tänka|tankar|tanker|ajatukset|gondolat(?:ok)?|myšlenky|gânduri|σκέψ(?:η|εις)|विचार|pemikiran|ความคิด|מחשבות|فکر"
)
TAGS = ("think", "thinking", "ant_thinking", "reasoning", "thought", "reflection", "scratchpad")
"""The names that are most used, for tests."""
MOST_MARKS = 200
"""Marks of one text that are looked at."""
SENTENCE = 20
"""Characters between two marks within a line that are taken for thoughts: what is shorter may be an example."""
_TAG = re2.compile(
    rf"(?i)\\?(?:<|＜|◁)(?P<close>[ \t]{{0,2}}(?:\\?/|\\))?[ \t]{{0,2}}[.…~-]{{0,3}}(?:{NAMES})"
    r"(?:[ \t\n=.…~-][^<>＜＞]{0,300})?(?P<empty>/)?\\?(?:>|＞|▷)"
    rf"|(?P<close7></(?i:{NAMES})[ \t]{{0,3}}\n)"
    r"|<\|(?i:think|thinking|thought|reasoning)[_:](?:start|begin|(?P<close8>end))\|>|<\|startofthink\|>|(?P<close10><\|endofthink\|>)"
    r"|\[unused16\]|(?P<close11>\[unused17\])|【(?P<close9>/)?(?:思考|推理)】"
    r"|(?-i:\[(?P<close2>/)?(?:THINK|THINKING|REASONING)\])|(?P<close12><\|(?:answer|final_answer|final_response)\|>)"
    r"|<\|(?P<close3>/|END_|end_of_|end▁of▁)?(?:START_|begin_(?:of_)?)?(?:(?i:think|thinking|thought|thoughts|reasoning))\|>"
    r"|<\|channel>[ \t]*(?:thought|analysis)?|(?P<close4><channel\|>)"
    r"|<unused94>(?:thought)?|(?P<close5><unused95>)"
    r"|<details type=\"reasoning\"[^<>]{0,200}>|<｜(?P<close6>end)?(?:begin)?▁of▁thinking｜>"
)
_CLOSES = tuple(
    _TAG.groupindex[name]
    for name in ("close", "close2", "close3", "close4", "close5", "close6", "close7", "close8", "close9", "close10", "close11", "close12")
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
_DRESS = ("**", "||")
"""What a mark may stand between: bold, and the bars that hide a text."""
_ENDS_IN = re2.compile(rf"(?is)^(.*)\n\s*<(?:{_ANSWER})>(.*?)(?:</(?:{_ANSWER})>)?\s*$")
_FINAL = re2.compile(r"(?is)^(.*)\n\s*<final(?:_answer|_response|_reply)?>(.*)</final(?:_answer|_response|_reply)?>\s*$")
_EMPTY = re2.compile(rf"(?i)^\s*<(?:{NAMES})[ \t]?/>")


@dataclass(frozen=True, slots=True)
class Split:
    """What is for everybody, and what the model thought. `orphan`: the thoughts had no mark at their beginning."""

    text: str
    thinking: str
    orphan: bool = False


def split(content: str, *, asked: bool = False, growing: bool = False, told: str = "") -> Split:
    """The reply without its thoughts. An opening mark that is never closed makes all of the rest thoughts.

    `asked`: the conversation is about such marks. `growing`: more of it is to come, and what may turn out to be thoughts is no text.
    `told`: the words of the message to answer.
    """
    if (channels := harmony.split(content)) is not None:
        return Split(*channels)
    if (block := blocks.split(content, told)) is not None:
        return Split(*block)
    found = _split(content, told, asked=asked, growing=growing)
    if not growing and not found.text and found.thinking and not _marks(content):
        return _split(content, None, asked=asked, growing=False)  # with nothing beside them they are the answer
    return found


def _split(content: str, told: str | None, *, asked: bool, growing: bool) -> Split:
    """`told`: None when marks that count in pairs do not."""
    if not asked:
        content = _EMPTY.sub("", content)
        if told is not None and (final := _FINAL.match(content)):
            return Split(final[2].strip(), final[1].strip(), orphan=True)
    spans = code.find(content)
    marks = _all_marks(content, told, growing=growing)
    found = _leading(content, marks, spans, asked=asked, growing=growing)
    if found is None:
        found = _orphan(content, marks, spans, asked=asked) or (content, [], False)
    text, thoughts, orphan = found
    if not asked:
        text, more = _later(text, told, growing=growing)
        thoughts = [*thoughts, *more]
    if not thoughts and not orphan and text == content:
        return Split(content, "")
    text = _unwrapped(text)
    text = _OPENED.sub("", text) if thoughts else text
    return Split(text.strip(), "\n".join(thought for thought in thoughts if thought), orphan)


def _all_marks(content: str, told: str | None, *, growing: bool) -> list[ThoughtMark]:
    found = _marks(content) + (pairs.find(content, told, growing=growing) if told is not None else [])
    return sorted((_dressed(content, mark) for mark in found), key=lambda mark: mark.start)


def _dressed(content: str, mark: ThoughtMark) -> ThoughtMark:
    """The mark with the signs of bold or of a spoiler that stand on both sides of it, or outside of what it and its counterpart hold."""
    before, behind = content[max(mark.start - 2, 0) : mark.start], content[mark.end : mark.end + 2]
    alone = not content[max(mark.start - 3, 0) : max(mark.start - 2, 0)].strip()
    if alone and before in _DRESS and behind == before:
        return ThoughtMark(mark.start - 2, mark.end + 2, mark.closes)
    if (behind if mark.closes else before) == "||":
        return ThoughtMark(mark.start, mark.end + 2, closes=True) if mark.closes else ThoughtMark(mark.start - 2, mark.end, closes=False)
    return mark


def _marks(content: str) -> list[ThoughtMark]:
    if not any(opening in content for opening in "<＜◁[【") and "｜" not in content:
        return []
    found = []
    for match in islice(_TAG.finditer(content), MOST_MARKS):
        parts = match.groups()
        if not parts[_EMPTY_TAG - 1]:
            closes = any(parts[index - 1] for index in _CLOSES)
            found.append(ThoughtMark(match.start(), match.end(), closes))
        if match[0].startswith("<details") and (end := content.find(_DETAILS_END, match.end())) >= 0:
            found.append(ThoughtMark(end, end + len(_DETAILS_END), closes=True))
    return found


def _leading(content: str, marks: list[ThoughtMark], spans: Code, *, asked: bool, growing: bool) -> tuple[str, list[str], bool] | None:
    """Thoughts at the very start, one after the other; None when the content does not begin with one."""
    thoughts: list[str] = []
    at = 0
    while (index := next((i for i, mark in enumerate(marks) if mark.start >= at), None)) is not None:
        first = marks[index]
        if content[at : first.start].strip("\ufeff\u200b>| \t\r\n") or (first.closes and not at):
            break
        if first.closes:  # closed once more than opened
            at = first.end
            continue
        behind = marks[index + 1 :]
        end = _end(behind, spans, growing=growing) or _end(behind, code.NONE, growing=growing)
        if end is None:
            if asked:
                break
            if not growing and (answer := _ENDS_IN.match(content[first.end :])) and answer[2].strip():
                return answer[2], [*thoughts, answer[1].strip()], False
            return "", [*thoughts, content[first.end :].strip()], False
        if asked and not content[end.end :].strip():
            break
        thoughts.append(content[first.end : end.start].strip())
        at = end.end
    return (content[at:], thoughts, False) if at else None


def _end(marks: list[ThoughtMark], spans: Code, *, growing: bool) -> ThoughtMark | None:
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


def _orphan(content: str, marks: list[ThoughtMark], spans: Code, *, asked: bool) -> tuple[str, list[str], bool] | None:
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


def _later(text: str, told: str | None, *, growing: bool) -> tuple[str, list[str]]:
    """Thoughts after a preface: whole lines of them, or a sentence between two others."""
    marks = _all_marks(text, told, growing=growing)
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


def _pairs(text: str, marks: list[ThoughtMark], *, growing: bool) -> list[tuple[ThoughtMark, ThoughtMark]]:
    """Opening marks with the marks that close them, outermost only; one that is never closed closes at the end if it begins a line."""
    found: list[tuple[ThoughtMark, ThoughtMark]] = []
    opened: ThoughtMark | None = None
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
        found.append((opened, ThoughtMark(len(text), len(text), closes=True)))
    return found if growing or len(found) * 2 >= len(marks) - 1 else []


def _stands_apart(text: str, opening: ThoughtMark, closing: ThoughtMark) -> bool:
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
