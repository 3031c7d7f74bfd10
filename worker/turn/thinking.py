"""A model's thoughts, set apart from its reply.

A tag counts at the start of the content only, so that a reply may speak about tags, quote them, or show them in code.
"""

import re
from dataclasses import dataclass

TAGS = ("think", "thinking", "ant_thinking", "reasoning", "thought", "reflection", "scratchpad")
ORPHAN_MINIMUM = 20
"""Characters before a closing tag without an opening one that are taken for thoughts."""

_NAMES = "|".join(TAGS)
_OPEN = re.compile(rf"\s*<({_NAMES})(?:\s[^>]{{0,200}})?>", re.IGNORECASE)
_ORPHAN = re.compile(rf"^[^\n`]*</({_NAMES})>[ \t]*$", re.IGNORECASE | re.MULTILINE)
_FENCE = re.compile(r"^\s*(```|~~~)", re.MULTILINE)
_HARMONY = re.compile(
    r"\s*(?:<\|start\|>assistant)?<\|channel\|>(\w+)(?:[^<]{0,100})<\|message\|>(.*?)(?=<\|(?:end|return|call|start|channel)\|>|\Z)",
    re.DOTALL,
)
_HARMONY_END = re.compile(r"\s*<\|(?:end|return|call)\|>")


@dataclass(frozen=True, slots=True)
class Split:
    """What is for everybody, and what the model thought."""

    text: str
    thinking: str


def split(content: str) -> Split:
    """The reply without its thoughts. An opening tag that is never closed makes all of the rest thoughts."""
    harmony = _harmony(content)
    if harmony is not None:
        return harmony
    thoughts: list[str] = []
    rest = content
    while opened := _OPEN.match(rest):
        closing = re.compile(rf"</{opened[1]}\s*>", re.IGNORECASE).search(rest, opened.end())
        if closing is None:
            return Split("", "\n".join([*thoughts, rest[opened.end() :].strip()]))
        thoughts.append(rest[opened.end() : closing.start()].strip())
        rest = rest[closing.end() :]
    if not thoughts:
        rest, orphaned = _orphan(rest)
        thoughts += orphaned
    return Split(rest.strip() if thoughts else rest, "\n".join(thoughts))


def _orphan(text: str) -> tuple[str, list[str]]:
    found = _ORPHAN.search(text)
    if found is None:
        return text, []
    before = text[: found.end()].rstrip()
    before = before[: before.rfind("</")]
    opened = re.search(rf"<{found[1]}\b", before, re.IGNORECASE) is not None
    fenced = len(_FENCE.findall(before)) % 2 == 1
    if opened or fenced or len(before.strip()) < ORPHAN_MINIMUM or not text[found.end() :].strip():
        return text, []
    return text[found.end() :], [before.strip()]


def _harmony(content: str) -> Split | None:
    """gpt-oss' own format, when a provider passes it through: channels analysis, commentary, final."""
    said: dict[str, list[str]] = {"final": [], "other": []}
    at = 0
    while found := _HARMONY.match(content, at):
        said["final" if found[1] == "final" else "other"].append(found[2].strip())
        at = found.end()
        if end := _HARMONY_END.match(content, at):
            at = end.end()
    if at == 0:
        return None
    return Split("\n".join([*said["final"], content[at:].strip()]).strip(), "\n".join(said["other"]))
