"""Words by which models and the programs around them say that an answer is at its end, where they got into the answer itself. Pure."""

import re2

_WORDS = "end|done|stop|eos|eom|eot|end of (?:message|turn|reply|response|text|answer)"
_END = re2.compile(
    rf"(?i)(?:\[/?(?:s|{_WORDS})\]|</?(?:{_WORDS}|response|reply|assistant|answer|msg|bot)>|data:[ \t]?\[DONE\]|</s"
    r"|<\|(?:im_end|im_start|eot_id|endoftext|end_of_text|end)\|?|#{2,4}[ \t]?end)[ \t\n]*$"
)
_LONGEST = 40
_AFTER = ".!?…。！？*_~`\"”»’')]}>:|"
"""What an answer ends with: a mark behind a word is a part of its sentence."""
_RULE = re2.compile(r"(?:\n[ \t]*(?:-{3,}|\*{3,}|_{3,}|={3,}|~{4,}|#{1,6})[ \t]*)+$")


def without(text: str, told: str) -> str:
    """The text without a mark of its end at its very end, which stands there once and of which nobody spoke."""
    tail = text[-_LONGEST:]
    found = _END.search(tail)
    if found is None:
        return text
    mark = found[0].strip()
    start = len(text) - len(tail) + found.start()
    before = text[:start].rstrip(" \t")
    opened = mark.replace("/", "", 1) if mark[:2] in ("</", "[/") else ""
    if mark in text[:start] or (opened and opened in text[:start]) or mark.strip("<>[]|/").casefold() in told.casefold().split():
        return text
    if mark in told or not before.strip() or not (before[-1] == "\n" or before[-1] in _AFTER or not before[-1].isascii()):
        return text
    return before.rstrip()


def without_rule(text: str) -> str:
    """The text without a line at its end that set it apart from what was cut off behind it."""
    found = _RULE.search(text[-200:])
    return text if found is None else text[: max(len(text) - 200, 0) + found.start()]
