"""The harmony format of gpt-oss, when a provider passes it through: channels analysis, commentary, final."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import re2

from worker.turn.text import code

MOST_TOKENS = 400
"""Tokens of one text that are looked at."""
_TOKEN = re2.compile(r"<\|(start|channel|message|constrain|end|return|call)\|>")
_WORDS = frozenset({"assistant", "analysis", "commentary", "final", ""})
_THOUGHT, _FINAL = "analysis", "assistantfinal"


@dataclass(frozen=True, slots=True)
class _Part:
    """What stands behind a token, up to the next one. The first part has no token."""

    token: str
    text: str


def split(content: str) -> tuple[str, str] | None:
    """(what the final channel says, what the others say); None when the content is not in that format."""
    if "<|" not in content:
        return _without_tokens(content)
    parts = list(_parts(content))
    tokens = {part.token for part in parts}
    head = parts[0].text.strip()
    if not tokens & {"channel", "message"} or ("message" not in tokens and head.casefold() not in _WORDS):
        return None
    said: dict[bool, list[str]] = {True: [], False: []}
    channel = head if head in {"analysis", "commentary"} else "final"
    if head.casefold() not in _WORDS:
        said[True].append(head)
    for part in parts[1:]:
        if part.token == "channel":
            channel = (part.text.split() or ["final"])[0].casefold()
        elif part.token == "message" or (part.token in {"end", "return"} and part.text.strip()):
            said[part.token != "message" or channel == "final"].append(part.text.strip())
    return "\n".join(filter(None, said[True])), "\n".join(filter(None, said[False]))


def _parts(content: str) -> Iterator[_Part]:
    spans, name, at = code.find(content), "", 0
    for match in islice(_TOKEN.finditer(content), MOST_TOKENS):
        if not spans.holds(match.start()):
            yield _Part(name, content[at : match.start()])
            name, at = match[1], match.end()
    yield _Part(name, content[at:])


def _without_tokens(content: str) -> tuple[str, str] | None:
    """Some programs drop the tokens and keep the names: `analysisHm.assistantfinalHello.`"""
    start = content.lstrip()
    if not start.startswith(_THOUGHT) or (at := start.find(_FINAL)) < 0:
        return None
    return start[at + len(_FINAL) :].strip(), start[len(_THOUGHT) : at].strip()
