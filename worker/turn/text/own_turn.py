"""The character's own turn: without a copied header at its beginning, and without what a model writes after its end.

Only the exact forms that the prompt or a model's own template uses count, and only outside of code. A reply that speaks of them, or
lists what people said, keeps what it says.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import re2

from projections.prompt.sections.said import CLOSING, OPENING
from worker.turn.text import code, endings
from worker.turn.text.code import Code
from worker.turn.text.frame import PromptFrame, bodies
from worker.turn.text.speakers import LABEL, TurnLine, label, side_by_side, speaker, spoken

_SELF = frozenset({"", "you", "me", "assistant"})
PASSES = 8
"""Headers, names and marks at the beginning, one behind the other, that are removed."""
MOST_MARKS = 100
"""Marks of each kind that are looked at."""
HALF = 4
"""Characters of a mark of ours that are no accident at the end of a text."""
_SPECIAL = re2.compile(
    r"<\|[A-Za-z0-9_/▁]{1,40}\|>|\[/?(?:INST|inst)\]|<</?(?:SYS|USER|INST)>>|</?s>"
    r"|<(?:end_of_turn|start_of_turn|bos|turn\||\|turn|end_of_utterance|END_OF_TURN|end_of_message|im_end|endoftext|end_of_text|eot_id)>"
    r"|</?(?:eos|EOS)>|\[e~\[|\]~b\]|<｜[A-Za-z0-9▁_]{1,40}｜>|\[\|[a-z]{1,20}\|\]|<(?:eoa|eoh|eod|eom|eos_id|EOT|SPECIAL_\d{1,3}|reserved_\d{1,4}|extra_id_\d{1,3})>|\[EOS\]"
)
_TAG = OPENING.strip(" <")
_HEADER = re2.compile(
    rf"(?i)(?:<|&lt;){_TAG}[ \t]+(?:[^<>\n]{{0,200}}[ \t])?from="
    r"(?:[\"“«„]([^\"”»\n]*)[\"”»]|'([^'\n]*)'|&quot;([^<>&\n]*)&quot;|([^ \t<>&\n\"']{1,80}))"
    r"[^<>\n]*(?:>|&gt;)"
)
"""Our own header, as the prompt writes it and as models write it from memory."""
_CLOSING = re2.compile(rf"(?i){CLOSING}|&lt;/{_TAG}&gt;")
_WRAPPED = re2.compile(rf"(?i)<(reply|response|assistant|output|answer|final|{_TAG}|{_TAG}\n)>")
"""What some models put around the whole of an answer."""
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
_PERSON_LINE = re2.compile(
    r"(?m)^(?:<(?:user|human|User|Human)>|User|Human|USER|HUMAN|user|human|You|YOU|System|SYSTEM|Visitor|Player)[ \t]*[:：]"
)
_TEMPLATE_LINE = re2.compile(r"(?m)^[*_]{0,2}\{\{user\}\}[*_]{0,2}[ \t]*[:：]")
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
    cut = cut or bool(begun[end:].strip())
    own = endings.without_rule(own).rstrip() if cut else own
    ended = own if frame.asked or code.find(own).holds(len(own) - 1) else endings.without(own, frame.escaped.last)
    return OwnTurn(ended, begun.strip() != text.strip(), cut or ended != own)


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
        return _behind_header(text, _unescaped(next(filter(None, header.groups()), "")), header.end(), frame)
    if title := _OWN_TITLE.match(text):
        return text[title.end() :]
    if not frame.asked and (wrapped := _WRAPPED.match(text)) and (inner := _inside(text, wrapped[1], wrapped.end(), frame)):
        return inner
    for tag in frame.tail:
        if text.startswith(f"<{tag}>\n") and (end := text.find(f"</{tag}>")) >= 0:
            return text[end + len(tag) + 3 :]
    if text.startswith(CLOSING) and (rest := text[len(CLOSING) :].strip()) and speaker(rest[:LABEL]) not in frame.others:
        return rest  # it closed the message that it answers
    stamp = _STAMP.match(text)
    if stamp and frame.has_time(stamp[1]) and (rest := text[stamp.end() :].strip()) and rest[0] not in _GOES_ON:
        return text[stamp.end() :]
    return _behind_name(text, frame)


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


def _inside(text: str, tag: str, end: int, frame: PromptFrame) -> str:
    """What the one tag holds that all of the text stands in; "" where it is a part of the answer."""
    closing, lines = f"</{tag}>", tag.casefold() == _TAG
    whole = text.rstrip().endswith(closing) and text.count(f"<{tag}>") == text.count(closing) == 1
    if not whole or f"<{tag}" in frame.escaped.last or (lines and not text.startswith("\n", end)):
        return ""
    return text.rstrip().removesuffix(closing)[end:].strip()


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


def _behind_name(text: str, frame: PromptFrame) -> str | None:
    """What stands behind the own name, in any form that begins a turn; None when the text does not begin so, or when nothing does."""
    name, rest = label(text)
    if name is None or name.casefold() not in _own_names(frame):
        return None
    closing = f"</{name}>"
    rest = rest.rstrip().removesuffix(closing) if text.startswith("<") else rest
    return rest if rest.strip() else None


def _own_names(frame: PromptFrame) -> frozenset[str]:
    """The character's name, and by what a template means it, unless the conversation is about that word."""
    names = {" ".join(frame.name.split()).casefold()} - {""}
    if names:
        names |= {word for word in ("assistant", "{{char}}") if word.strip("{}") not in frame.escaped.last.casefold()}
    return frozenset(names)


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
    for match in islice(_CLOSING.finditer(text), MOST_MARKS):
        at = match.start()
        opened = text.count(OPENING.rstrip(), 0, at) - text.count(CLOSING, 0, at)
        if not spans.holds(at) and opened <= 0 and not _within_a_line(text, at, match.end()):
            yield at
            return


def _lines(text: str, spans: Code, frame: PromptFrame) -> Iterator[int]:
    """Lines that begin somebody else's turn, or what stands behind the message in the prompt."""
    if "\n" not in text:
        return
    titles = (match.start() for match in islice(_TITLE.finditer(text), MOST_MARKS)) if "\n##" in text else ()
    tags = (at + 1 for tag in frame.tail if (at := text.find(f"\n<{tag}>")) >= 0)
    yield from (at for at in (*titles, *tags) if not spans.holds(at))
    if not frame.asked:
        yield from _dialogue(text, spans, frame)
    if frame.others:
        yield from _impersonated(text, spoken(text, spans, frame.others | {frame.name}), frame)


def _dialogue(text: str, spans: Code, frame: PromptFrame) -> Iterator[int]:
    """A line `User:` behind the own words, where a conversation is made up: the model answers it, or nothing stands behind it."""
    name, template = frame.name, None if "{{" in frame.escaped.last else _TEMPLATE_LINE.search(text)
    found = template or _PERSON_LINE.search(text)
    if found is None or spans.holds(found.start()) or not (before := text[: found.start()].rstrip()) or before.endswith((":", "：")):
        return
    labels = [(label(line)[0] or "").casefold() for line in text[found.end() :].split("\n", MOST_MARKS + 1)[1 : MOST_MARKS + 1]]
    person = found[0].strip("*_:： \t").casefold()
    again = person in labels and labels[0] not in ("", person) and any(who not in ("", person) for who in labels)
    answered = any(who in _MODEL_LABELS or (who and who == name.casefold()) for who in labels)
    if not text[found.end() :].strip() or person == "{{user}}" or again or answered:
        yield found.start()


def _impersonated(text: str, lines: list[TurnLine], frame: PromptFrame) -> Iterator[int]:
    """The first line in which somebody else speaks, unless the lines are a list or a script that the reply gives."""
    others = [line for line in lines if line.name != frame.name]
    if not others:
        return
    first = others[0]
    if first.introduced or not text[: first.start].strip():
        return
    several = {line.name for line in others} - {first.name}
    if several and len(others) == len(lines) and (first.title or side_by_side(text, [line.start for line in others])):
        return
    if not (first.title and first.name in bodies(frame.escaped.last)):  # a heading over what was asked
        yield first.start


def _unescaped(name: str) -> str:
    return " ".join(name.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", '"').replace("&amp;", "&").split())
