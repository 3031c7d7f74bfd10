"""The character's own turn: without a copied header at its beginning, and without what a model writes after its end.

Only the exact forms that the prompt or a model's own template uses count, and only outside of code. A reply that speaks of them, or
lists what people said, keeps what it says.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice, pairwise

import re2

from projections.prompt.sections.said import CLOSING, OPENING
from worker.turn.text import code
from worker.turn.text.code import Code
from worker.turn.text.frame import PromptFrame

_SELF = frozenset({"", "you", "me", "assistant"})
PASSES = 8
"""Headers, names and marks at the beginning, one behind the other, that are removed."""
MOST_MARKS = 100
"""Marks of each kind that are looked at."""
HALF = 4
"""Characters of a mark of ours that are no accident at the end of a text."""
LABEL = 120
"""Characters of a line in which a name and its colon are looked for."""
_SPECIAL = re2.compile(
    r"<\|[A-Za-z0-9_/▁]{1,40}\|>|\[/?INST\]|<</?SYS>>|</?s>|<(?:end_of_turn|start_of_turn|eos|bos|turn\||\|turn|end_of_utterance)>"
    r"|<｜[A-Za-z▁_]{1,40}｜>|\[\|[a-z]{1,20}\|\]|<(?:eoa|eoh|eod|eom|eos_id|EOT|SPECIAL_\d{1,3}|reserved_\d{1,4}|extra_id_\d{1,3})>|\[EOS\]"
)
_HEADER = re2.compile(rf'{OPENING.rstrip()}[ \t]+from=(?:["“]([^"”\n]*)["”]|\'([^\'\n]*)\')[^<>\n]*>')
_ROLE = re2.compile(
    r"(?i)(?:assistant|model|bot|ai|chatbot|gpt|response)?[ \t]*(?:<\|end_header_id\|>|<\|im_sep\|>|<\|message\|>|:)?[ \t]*(?:\n|$)"
)
_INLINE_ROLE = re2.compile(r"(?i)(?:assistant|model)[ \t]*(?:<\|end_header_id\|>|<\|im_sep\|>|<\|message\|>)")
_FOREIGN = re2.compile(r"(?i)(?:user|human|system|tool|ipython)[ \t]*(?:<\|end_header_id\|>|<\|im_sep\|>|\n|$)")
_STARTS = ("<|im_start|>", "<|start_header_id|>", "<start_of_turn>", "<|start|>", "<|turn>")
_OTHERS_TURN = frozenset({"<|user|>", "<|system|>", "<|human|>", "<|tool|>", "[INST]", "<｜User｜>", "<|USER_TOKEN|>"})
_OWN_TURN = frozenset({"<|assistant|>", "<｜Assistant｜>", "[/INST]", "<|CHATBOT_TOKEN|>", "<|model|>"})
_BEGINS = ("<|im_start|>assistant", "<|start_header_id|>assistant", "<start_of_turn>model", *sorted(_OWN_TURN))
_TITLE = re2.compile(r"(?im)^#{2,4}[ \t]{0,3}(?:user|human|instruction|input|system|assistant)[ \t]{0,3}:")
_OWN_TITLE = re2.compile(r"(?im)^#{2,4}[ \t]{0,3}(?:assistant|response)[ \t]{0,3}:[ \t]*\n?")
_STAMP = re2.compile(r"\[(\d{4}-\d\d-\d\d \d\d:\d\d)(?: UTC)?\][ \t\n]*")
_GOES_ON = ":,;.–—-"
"""What no reply begins with: the time before it is part of its sentence."""
_COLON = re.compile("[:：]")
STAMPED = re2.compile(r"[ \t]?[\[(]\d{1,4}[-:./]\d[\d:./ APMUTCapm-]{0,25}[\])][ \t]*")
"""A time before or behind a name, as logs of conversations have it."""
_PERSON_LINE = re2.compile(r"(?m)^(?:User|Human|USER|HUMAN|user|human)[ \t]*[:：]")
_MODEL_LABELS = frozenset({"assistant", "ai", "bot", "model"})


@dataclass(frozen=True, slots=True)
class OwnTurn:
    """The text; `header`: something at its beginning was removed; `after`: something after its end was."""

    text: str
    header: bool = False
    after: bool = False


def extract(text: str, frame: PromptFrame) -> OwnTurn:
    """The character's own words. "" when all of the text is somebody else's, or marks."""
    begun = leading(text, frame)
    end = _end(begun, frame)
    own, cut = _without_rest(begun[:end].strip())
    return OwnTurn(own, begun.strip() != text.strip(), cut or bool(begun[end:].strip()))


def _without_rest(text: str) -> tuple[str, bool]:
    """(the text without our closing tag or the beginning of a mark of ours at its end, whether there was one)."""
    if text.endswith(CLOSING) and text.count(CLOSING) > text.count(OPENING.rstrip()):
        return text.removesuffix(CLOSING).rstrip(), True
    line = text[text.rfind("\n") + 1 :]
    begun = len(line) < LABEL and "\n" in text and not code.find(text).holds(len(text) - 1)
    if begun and (
        _half(line, CLOSING) or _half(line, OPENING.rstrip()) or (line.startswith(f"{OPENING.rstrip()} from=") and ">" not in line)
    ):
        return text[: len(text) - len(line)].rstrip(), True
    return text, False


def _half(line: str, mark: str) -> bool:
    return len(line) >= HALF and mark.startswith(line)


def leading(text: str, frame: PromptFrame) -> str:
    """The text without headers, names and marks at its very beginning."""
    for _ in range(PASSES):
        shorter = _shorter(text.lstrip("\ufeff\u200b \t\r\n"), frame)
        if shorter is None:
            break
        text = shorter
    return text


def half_begun(text: str) -> bool:
    """Whether the text is a mark that begins a turn, and perhaps not all of the word behind it that says whose."""
    special = _SPECIAL.match(text)
    return bool(special) and special[0] in _STARTS and len(text) - special.end() < LABEL and not text[special.end() :].count("\n")


def _shorter(text: str, frame: PromptFrame) -> str | None:
    """What stands behind the one mark that the text begins with; None when it begins with none."""
    if special := _SPECIAL.match(text):
        return _behind_special(text, special[0], special.end(), frame)
    if header := _HEADER.match(text):
        return _behind_header(text, _unescaped(header[1] or header[2] or ""), header.end(), frame)
    if title := _OWN_TITLE.match(text):
        return text[title.end() :]
    for tag in frame.tail:
        if text.startswith(f"<{tag}>\n") and (end := text.find(f"</{tag}>")) >= 0:
            return text[end + len(tag) + 3 :]
    if text.startswith(CLOSING) and (rest := text[len(CLOSING) :].strip()) and speaker(rest[:LABEL]) not in frame.others:
        return rest  # it closed the message that it answers
    stamp = _STAMP.match(text)
    if stamp and frame.has_time(stamp[1]) and (rest := text[stamp.end() :].strip()) and rest[0] not in _GOES_ON:
        return text[stamp.end() :]
    return _behind_name(text, frame.name)


def _behind_special(text: str, mark: str, end: int, frame: PromptFrame) -> str | None:
    if mark == "<s>" and "</s>" in text:
        return None  # struck out
    rest = text[end:]
    if mark in _STARTS:
        if _FOREIGN.match(rest):
            return _own_after(rest)
        role = _INLINE_ROLE.match(rest) or _ROLE.match(rest)
        line, _, behind = rest.partition("\n")
        if role is None and frame.name and line.strip().casefold() == frame.name.casefold():
            return behind
        return rest[role.end() :] if role else rest
    return _own_after(rest) if mark in _OTHERS_TURN else rest


def _own_after(text: str) -> str:
    """What stands behind the next mark with which an own turn begins; "" when there is none."""
    places = [(at, mark) for mark in _BEGINS if (at := text.find(mark)) >= 0]
    return text[min(places)[0] :] if places else ""


def _behind_header(text: str, name: str, end: int, frame: PromptFrame) -> str:
    """An own header goes; under somebody else's, that person's words go with it."""
    if name.casefold() in {" ".join(frame.name.split()).casefold(), *_SELF}:
        return text[end:]
    closed = text.find(CLOSING, end)
    return text[closed + len(CLOSING) :].lstrip() if closed >= 0 else ""


def _behind_name(text: str, name: str) -> str | None:
    """What stands behind `NAME:`, also in bold; None when the text does not begin so, or when nothing does."""
    label, rest = _label(text)
    if not name or label is None or label.casefold() != " ".join(name.split()).casefold():
        return None
    return rest if rest.strip() else None


def _label(line: str) -> tuple[str | None, str]:
    """(what stands before the first colon, without marks of bold; what stands behind it)."""
    head = line[:LABEL]
    places = [at for colon in ":：" if (at := head.find(colon)) >= 0]
    if not places:
        return None, line
    at = min(places)
    before, after = head[:at].strip(), line[at + 1 :]
    bare = before.strip("*_")
    if before.startswith(("**", "__")) and not before.endswith(("**", "__")):
        if not after.startswith(("**", "__")):
            return None, line
        after = after[2:]
    return " ".join(bare.split()), after.lstrip()


def _end(text: str, frame: PromptFrame) -> int:
    """Where the own turn ends."""
    spans = code.find(text)
    found = [len(text), *_specials(text, spans, frame), *_headers(text, spans), *_closings(text, spans), *_lines(text, spans, frame)]
    return min(found)


def _specials(text: str, spans: Code, frame: PromptFrame) -> Iterator[int]:
    struck = False
    for match in islice(_SPECIAL.finditer(text), MOST_MARKS):
        if spans.holds(match.start()):
            continue
        if match[0] == "<s>":
            struck = "</s>" in text[match.end() :]
        elif not (match[0] == "</s>" and (struck or _spoken_of(text, match.start(), match.end()))) and not (
            frame.asked and _within_a_line(text, match.start(), match.end())
        ):
            yield match.start()
            return


def _spoken_of(text: str, start: int, end: int) -> bool:
    """Whether a mark stands between blanks within a sentence: a model that ends its turn puts none before it."""
    return text[start - 1 : start] == " " and text[end : end + 1] == " " and _within_a_line(text, start, end)


def _within_a_line(text: str, start: int, end: int) -> bool:
    """Whether words stand both before and behind it in the same line."""
    before = text[text.rfind("\n", 0, start) + 1 : start]
    behind = text[end : end + 200].partition("\n")[0]
    return bool(before.strip() and behind.strip())


def _headers(text: str, spans: Code) -> Iterator[int]:
    yield from (match.start() for match in islice(_HEADER.finditer(text), MOST_MARKS) if not spans.holds(match.start()))


def _closings(text: str, spans: Code) -> Iterator[int]:
    """Our closing tag, unless the reply opened one of its own before it."""
    at, seen = text.find(CLOSING), 0
    while at >= 0 and seen < MOST_MARKS:
        seen += 1
        opened = text.count(OPENING.rstrip(), 0, at) - text.count(CLOSING, 0, at)
        if not spans.holds(at) and opened <= 0 and not _within_a_line(text, at, at + len(CLOSING)):
            yield at
            return
        at = text.find(CLOSING, at + 1)


def _lines(text: str, spans: Code, frame: PromptFrame) -> Iterator[int]:
    """Lines that begin somebody else's turn, or what stands behind the message in the prompt."""
    if "\n" not in text:
        return
    titles = (match.start() for match in islice(_TITLE.finditer(text), MOST_MARKS)) if "\n##" in text else ()
    tags = (at + 1 for tag in frame.tail if (at := text.find(f"\n<{tag}>")) >= 0)
    yield from (at for at in (*titles, *tags) if not spans.holds(at))
    if not frame.asked:
        yield from _dialogue(text, spans, frame.name)
    if frame.others:
        yield from _impersonated(text, list(islice(_spoken(text, spans, frame), MOST_MARKS)), frame.name)


def _dialogue(text: str, spans: Code, name: str) -> Iterator[int]:
    """A line `User:` behind the own words, where a conversation is made up: the model answers it, or nothing stands behind it."""
    found = _PERSON_LINE.search(text)
    if found is None or spans.holds(found.start()) or not (before := text[: found.start()].rstrip()) or before.endswith((":", "：")):
        return
    labels = ((_label(line)[0] or "").casefold() for line in text[found.end() :].split("\n")[1 : MOST_MARKS + 1])
    if not text[found.end() :].strip() or any(label in _MODEL_LABELS or (label and label == name.casefold()) for label in labels):
        yield found.start()


def _spoken(text: str, spans: Code, frame: PromptFrame) -> Iterator[tuple[int, str, bool]]:
    """(where it begins, whose it is, whether the line before introduces it) of each line that begins with a name and a colon."""
    at = 0
    while found := _COLON.search(text, at):
        colon = found.start()
        start = text.rfind("\n", at, colon) + 1 or at
        if colon - start < LABEL and not spans.holds(start):
            label = speaker(text[start : start + LABEL])
            if label is not None and (label in frame.others or label == frame.name):
                yield start, label, text[max(start - 2 * LABEL, 0) : start].rstrip().endswith((":", "："))
        end = text.find("\n", colon)
        if end < 0:
            return
        at = end + 1


def speaker(line: str) -> str | None:
    """Whose line it is by its beginning, `NAME:`, where a time or brackets may stand beside the name; None for nobody's."""
    label, _ = _label(STAMPED.sub("", line.lstrip(), count=2) if "[" in line or "(" in line else line.lstrip())
    return label[1:-1] if label and label[0] + label[-1] in ("[]", "<>") else label


def _impersonated(text: str, spoken: list[tuple[int, str, bool]], name: str) -> Iterator[int]:
    """The first line in which somebody else speaks, unless the lines are a list or a script that the reply gives."""
    others = [entry for entry in spoken if entry[1] != name]
    if not others:
        return
    first, label, introduced = others[0]
    if introduced or not text[:first].strip():
        return
    several = {entry[1] for entry in others} - {label}
    if several and len(others) == len(spoken) and _side_by_side(text, [entry[0] for entry in others]):
        return
    yield first


def _side_by_side(text: str, places: list[int]) -> bool:
    """Whether the lines follow each other with nothing between them: a list."""
    return all(text[one:other].count("\n") == 1 for one, other in pairwise(places))


def _unescaped(name: str) -> str:
    return " ".join(name.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", '"').replace("&amp;", "&").split())
