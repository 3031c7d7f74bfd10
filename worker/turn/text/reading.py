"""From what a model wrote to what is delivered, step by step, each noted where it changed something."""

import re
from dataclasses import dataclass

import re2

from worker.turn.text import escapes, own_turn, thinking
from worker.turn.text.frame import PromptFrame

LONGEST = 100_000
"""Characters of an answer that are looked at and kept: fifty messages of Discord's."""
_CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_HALVES = re.compile("[\ud800-\udfff]")
_MENTION = re2.compile(r"<(?:@[!&]?|#)\d{1,20}>|@(?:everyone|here)\b")
_FENCE = re2.compile(r"^[ \t]*(?:(?:```|~~~)[\w+.#-]{0,20}|-{3,}|\*{3,}|_{3,})[ \t]*$")
_SHOWS = re2.compile("[^\\s\\pC\\pZ\\pM*_~`|>#\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0]|\u20e3")


@dataclass(frozen=True, slots=True)
class Reading:
    """`text` is for everybody, `thinking` is kept apart. `changed`: what was removed or undone, in words of ours: thinking, header,
    after_turn, escapes, length, controls. `orphan`: thoughts had no mark at their beginning; `raw` is what was looked at."""

    text: str
    thinking: str
    changed: tuple[str, ...] = ()
    orphan: bool = False
    raw: str = ""


def read(answer: str, frame: PromptFrame, reasoning: str = "") -> Reading:
    """What becomes of an answer, and of thoughts that came apart from it. `text` is "" when it says nothing."""
    raw, long = answer[:LONGEST], len(answer) > LONGEST
    clean = scrub(raw)
    split = thinking.split(clean, asked=frame.asked, told=frame.escaped.last)
    begun = own_turn.leading(split.text, frame)
    again = thinking.split(begun, asked=frame.asked, told=frame.escaped.last) if begun != split.text else thinking.Split(begun, "")
    own = own_turn.extract(again.text, frame)
    text = escapes.undo(own.text, frame.escaped)
    inside = "\n".join(filter(None, (split.thinking, again.thinking)))
    thoughts = escapes.undo("\n".join(filter(None, (scrub(reasoning[:LONGEST]).strip(), inside))), frame.escaped)
    steps = {
        "controls": clean != raw.replace("\r\n", "\n"),
        "thinking": bool(inside),
        "header": begun.strip() != split.text.strip() or own.header,
        "after_turn": own.after,
        "escapes": text != own.text,
        "length": long,
    }
    changed = tuple(step for step, happened in steps.items() if happened)
    said = text if says_something(text, frame.others) else ""
    return Reading(said, thoughts, changed, split.orphan or again.orphan, raw)


def scrub(text: str) -> str:
    """The text without characters that no message can hold: controls but newline and tab, halves of surrogate pairs."""
    return _HALVES.sub("\ufffd", _CONTROLS.sub("", text.replace("\r\n", "\n").replace("\r", "\n")))


def says_something(text: str, names: frozenset[str] = frozenset()) -> bool:
    """Whether a person who reads the text is told anything: not by blanks, invisible characters, a mere mention or an empty fence."""
    rest = text.strip()
    if not rest:
        return False
    if rest[0] in "<@" and len(rest) < 400:
        rest = _MENTION.sub("", rest).strip()
        rest = "" if rest.startswith("@") and rest[1:].rstrip(" ,.:!") in names else rest
    if rest[:3] in {"```", "~~~", "---", "***", "___"}:
        return any(_SHOWS.search(line) and not _FENCE.match(line) for line in set(rest.split("\n")))
    return _SHOWS.search(rest) is not None
