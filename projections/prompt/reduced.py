"""What of a prompt a small model can take: who it is in two sentences, how it speaks in two exchanges, and what was said last. Pure.

Our prompts have rules, a description in sections and messages in tags (projections/prompt). A model of this size answers the rules and
repeats the tags; given a short system line and plain turns it keeps a strong voice. A prompt of another form is passed on as it is.
"""

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Final

Turn = tuple[str, str]
_NAME = re.compile(r"(?:^|\n)You are ([^\n]{1,100}?)\.(?:\n|$)")
_MESSAGE: Final = '<message from="'
_ENTITIES = (("&lt;", "<"), ("&gt;", ">"), ("&quot;", '"'), ("&amp;", "&"))
_SENTENCE_END = re.compile(r"[.!?…][\"'”’)]*\s")
ABOUT: Final = 280
"""Characters of what a character is, and half as many of how it talks."""
EXCHANGES: Final = 3
TURNS: Final = 3
LONGEST: Final = 400
"""Characters of one line of the conversation."""


def content(message: dict[str, Any]) -> str:
    """The words of a message, whether they are a text or parts."""
    found = message.get("content")
    if isinstance(found, list):
        return "".join(str(part.get("text", "")) for part in found if isinstance(part, dict))
    return found if isinstance(found, str) else ""


def character(messages: Sequence[dict[str, Any]]) -> str:
    """Who is to answer; '' where the prompt is none of ours."""
    if not any(_MESSAGE in content(message) for message in messages[1:]):
        return ""
    found = _NAME.search(content(messages[0])) if messages[0].get("role") == "system" else None
    return found[1] if found else ""


def turns(messages: Sequence[dict[str, Any]]) -> list[Turn]:
    """(role, text) of what the model is given."""
    name = character(messages)
    if not name:
        return [(_role(message), content(message)) for message in messages]
    described = content(messages[0])
    talk = [turn for message in messages[1:] if (turn := _turn(message))[1]]
    return [("system", _who(name, described)), *_exchanges(name, described), *talk[-TURNS:]]


def _role(message: dict[str, Any]) -> str:
    role = str(message.get("role"))
    return role if role in {"system", "assistant"} else "user"


def _who(name: str, described: str) -> str:
    about, tone = (" ".join(_plain(_section(described, section)).split()) for section in ("info", "tone"))
    about, tone = _first(about, ABOUT), _first(tone, ABOUT // 2)
    return " ".join(part for part in (f"You are {name}.", about, tone, "Answer in one or two short sentences.") if part)


def _section(described: str, name: str) -> str:
    """What stands in a section; '' without one. No pattern: text that opens it again and again would be read from each place to the end."""
    inner, ended, _ = described.partition(f"<{name}>")[2].partition(f"</{name}>")
    return inner.strip("\n") if ended else ""


def _said(text: str) -> list[tuple[str, str]]:
    """Who said what, of a message's content."""
    found = []
    for piece in text.split(_MESSAGE)[1:]:
        head, _, rest = piece.partition(">")
        found.append((head.partition('"')[0], rest.partition("</message>")[0].strip("\n")))
    return found


def _first(text: str, limit: int) -> str:
    """As many whole sentences as fit."""
    if len(text) <= limit:
        return text
    ends = [found.end() for found in _SENTENCE_END.finditer(text[:limit])]
    return text[: ends[-1]].strip() if ends else text[:limit].rsplit(" ", 1)[0]


def _exchanges(name: str, described: str) -> list[Turn]:
    """The examples as turns that were taken: pairs of what somebody says and what the character answers."""
    lines = [line for line in _plain(_section(described, "examples")).splitlines() if ": " in line]
    spoken = [("assistant" if line.startswith(f"{name}: ") else "user", line.split(": ", 1)[1][:LONGEST]) for line in lines]
    pairs = [pair for pair in pairwise(spoken) if (pair[0][0], pair[1][0]) == ("user", "assistant")]
    return [turn for pair in pairs[:EXCHANGES] for turn in pair]


def _turn(message: dict[str, Any]) -> Turn:
    if message.get("role") == "assistant":
        return "assistant", _first(content(message), LONGEST)
    said = _said(content(message))
    people = {who for who, _ in said}
    lines = [f"{who}: {text}" if len(people) > 1 else text for who, text in said]
    return "user", _first(_plain("\n".join(lines)), LONGEST)


def _plain(text: str) -> str:
    for entity, character_ in _ENTITIES:
        text = text.replace(entity, character_)
    return text


def ended(text: str) -> bool:
    """Whether a text ends with a sentence."""
    return bool(_SENTENCE_END.search(f"{text[-4:]} ")) and not text.endswith(("...", "…"))
