"""What of an answer may be shown while it grows: nothing that may turn out to be thoughts, somebody else's words, or half a mark.

Whether a model writes its thoughts without a mark at their beginning is only known at their end. So a model that is known to think, by
its name or by what it did before, is shown when its answer is complete; one that nobody knows after a few words.
"""

from dataclasses import dataclass, field
from typing import Literal

import re2

from worker.turn.text import blocks, escapes, own_turn, speakers, thinking
from worker.turn.text.frame import PromptFrame
from worker.turn.text.reading import LONGEST, scrub

FIRST_WORDS = 160
"""Characters of the first answer of a model in this process before anything is shown."""
MARK = 320
"""Characters at the end in which a mark may be half written."""
KNOWN_MODELS = 1000
_THINKS = re2.compile(
    r"(?i)\b(?:r1|qwq|qvq|o1|think|thinker|thinking|reason|reasoner|reasoning|magistral|marco-o1|deepthink|s1|openthinker|k1|z1|nemotron|m1)\b"
)
_DELIBERATES = re2.compile(
    r"(?i)^\W*(?:(?:okay|ok|alright|so|hmm+|well|first|now)[,. ]+)*"
    r"(?:the (?:user|visitor|person|human|player|message|question)\b|(?:we|i) (?:need|have|should|must|want) to\b|i should\b"
    r"|let me (?:think|see|consider|figure)|let's (?:think|see|consider)|this (?:user|person|visitor|message)\b"
    r"|the other person\b|thinking\b|thought process|my (?:reply|response|answer) should)"
)
_OPENINGS = (
    *("[|", "[unused1", "[END FINAL", "[/INST", "[INST", "[20", "[e~[", "[/s]", "[DONE", "[END", "[STOP", "[EO"),
    *("[THINK", "[/THINK", "[REASON", "[/REASON", "[BEGIN THINK", "[START THINK", "[END THINK", "[["),
    *("[think", "[/think", "[reason", "[/reason", "[inst", "[/inst"),
)
_HALF = {
    "<": re2.compile(r"<(?:$|[\pL/|｜<\s!💭🤔.…~-])"),
    "【": re2.compile("【(?:$|[/思推])"),
    "＜": re2.compile("＜"),
    "◁": re2.compile("◁"),
    "&": re2.compile(r"&[a-z]{0,5}$"),
    "{": re2.compile(r"(?i)\{\{?/?(?:$|t(?:$|h)|re?(?:$|a)|in?(?:$|[nt])|c(?:$|h)|u(?:$|s))"),
    "(": re2.compile(r"(?i)\(/?(?:$|t(?:$|h(?:$|[io])))"),
}
_BARE = "analysis"
_ANNOUNCED = ("here is my thought process", "here is my reasoning", "here are my reasoning")
_BLOCKS = ("```think", "```thinking", "```thought", "```thoughts", "```reasoning", "thinking...", *_ANNOUNCED)
_FOLDED, _UNFOLDED = "<details>", "</details>"

_HALF_STAMP = re2.compile(r"[ \t]?[\[(]\d{0,4}[\d:./ APMUTCapm-]{0,25}$|^\d[\d:./-]{0,20}(?: ?[AP]M?)?(?: \d[\d:]{0,8})?$")

Habit = Literal["plain", "orphan"]


@dataclass(slots=True)
class Habits:
    """How models were seen to answer in this process."""

    seen: dict[str, Habit] = field(default_factory=dict)

    def learn(self, model: str, *, orphan: bool) -> None:
        """Note how a model answered. Once seen with thoughts of that kind, it stays so."""
        if orphan or self.seen.get(model) != "orphan":
            self.seen.pop(model, None)
            self.seen[model] = "orphan" if orphan else "plain"
        while len(self.seen) > KNOWN_MODELS:
            del self.seen[next(iter(self.seen))]

    def waits(self, model: str, text: str) -> bool:
        """Whether nothing of an answer that begins so is to be shown yet."""
        habit = self.seen.get(model)
        if habit == "orphan" or (habit is None and _THINKS.search(model.replace("_", "-"))) or _DELIBERATES.match(text):
            return True
        return habit is None and len(text) < FIRST_WORDS


def growing(answer: str, frame: PromptFrame) -> str:
    """What of an answer that is not complete may be shown."""
    text = _without_half_marks(scrub(answer[:LONGEST]))
    start = text.lstrip()
    folded = start[: len(_FOLDED)].casefold() == _FOLDED and _UNFOLDED not in start.casefold()
    told = frame.escaped.last
    announced = (start.casefold().startswith(_ANNOUNCED) or blocks.begun(start, told)) and not thinking.split(start, told=told).thinking
    if folded or announced or _may_become(start, _BARE, *_BLOCKS) or own_turn.half_begun(start):
        return ""
    split = thinking.split(text, asked=frame.asked, growing=True, told=frame.escaped.last)
    begun = own_turn.leading(split.text, frame)
    again = thinking.split(begun, asked=frame.asked, growing=True, told=frame.escaped.last)
    own = own_turn.extract(again.text, frame).text
    return escapes.undo(_without_half_name(own, frame), frame.escaped).strip()


def _may_become(start: str, *words: str) -> bool:
    """Whether a text that has just begun may begin with thoughts by another sign than a tag."""
    line = start[:40].partition("\n")[0].casefold()
    if any(word.startswith(line) for word in words if line):
        return True
    return start.startswith(_BARE) and not start[len(_BARE) : len(_BARE) + 1].isspace() and "assistantfinal" not in start


def _without_half_marks(text: str) -> str:
    """The text up to where a mark, a reference or a fence may be half written."""
    end = len(text)
    for opening, closing in (("<", ">"), ("＜", "＞"), ("◁", "▷"), ("【", "】"), ("&", ";"), ("{", "}"), ("(", ")")):
        at = text.rfind(opening, max(len(text) - MARK, 0))
        if at >= 0 and text.find(closing, at) < 0 and _HALF[opening].match(text[at:]):
            end = min(end, at)
    at = text.rfind("[", max(len(text) - MARK, 0))
    if at >= 0 and "]" not in text[at:] and any(o.startswith(text[at : at + len(o)]) for o in _OPENINGS):
        end = min(end, at)
    return text[:end]


def _without_half_name(text: str, frame: PromptFrame) -> str:
    """The text without a last line that may become another turn's first."""
    at = text.rfind("\n") + 1
    begun = text[at:].strip()
    line = speakers.STAMPED.sub("", begun, count=2).lstrip("#*_[({< ")
    line = _HALF_STAMP.sub("", speakers.BARE.sub("", line, count=1))
    name = line.rstrip("*_:：])}> ")
    if at and begun and len(line) < speakers.LABEL and (not line or begun[0] == "#" or _may_be(name, begun, frame)):
        return text[:at].rstrip()
    label = line.rstrip(":*_ ").casefold()
    return "" if not at and label and frame.name.casefold().startswith(label) else text


def _may_be(name: str, line: str, frame: PromptFrame) -> bool:
    """Whether a line that has just begun with these letters may become somebody else's."""
    if line.startswith(("{", "*{", "**{")):
        return "user".startswith(name)
    return any(other.startswith(name) or name.startswith(f"{other} (") for other in frame.others)
