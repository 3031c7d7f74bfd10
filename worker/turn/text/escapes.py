"""What a prompt escapes, and what of it a model copies into its reply.

A prompt shows people's `<`, `>`, `&` as `&lt;`, `&gt;`, `&amp;` (projections.prompt.text), and models copy what they see. One level is
undone, once, and only for the characters that really stood in this prompt; a reply that is about such references, or that writes the
character plainly as well, means what it says.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

import re2

ENOUGH = 10_000
"""Characters of a reply that are looked at for what it means."""
MOST_ELEMENTS = 400

_PLAIN = {"lt": "<", "gt": ">", "quot": '"', "amp": "&"}
"""By name; `amp` last: replaced one after the other they undo one level only."""
_DOUBLE = ("&amp;lt;", "&amp;gt;", "&amp;amp;", "&amp;quot;", "&amp;#")
_ABOUT = re2.compile(r"(?i)\b(?:entit(?:y|ies)|escap(?:e|es|ed|ing)|unescape|encod(?:e|es|ed|ing)|character references?)\b")
_MARKUP = re2.compile(r"(?i)\b(?:x?html|xml|svg)\b")
_ELEMENT = re2.compile(r"&lt;(?:/?[A-Za-z][A-Za-z0-9-]{0,40}(?:[ \t][^&<>\n]{0,200})?/?)&gt;")
_DISCORDS = re2.compile(r"<(?:@[!&]?\d|#\d|a?:\w|t:\d|3|-)|<https?://")


@dataclass(frozen=True, slots=True)
class Escaped:
    """What stands in a prompt. `made`: names of the references that escaping made; `spoken`: somebody wrote such a reference; `last`:
    the words of the message to answer."""

    made: frozenset[str] = frozenset()
    spoken: bool = False
    last: str = ""


NOTHING = Escaped()


def of_prompt(data: Sequence[str], own: Sequence[str] = (), last: str = "") -> Escaped:
    """What escaping made in the texts of a prompt that are data. `own` are the character's replies, which are not escaped."""
    made, spoken = set(), False
    for text in data:
        if "&" not in text:
            continue
        spoken = spoken or any(double in text for double in _DOUBLE)
        made |= {name for name in _PLAIN if f"&{name};" in text}
    return Escaped(frozenset(made), spoken or any(f"&{name};" in text for text in own if "&" in text for name in _PLAIN), last)


def undo(reply: str, escaped: Escaped) -> str:
    """The reply as a person would have written it. Its result is never looked at again, so a second level stays."""
    if "&" not in reply or not escaped.made:
        return reply
    if any(double in reply for double in _DOUBLE) and escaped.spoken:
        return _replaced(reply, frozenset(_PLAIN))
    if escaped.spoken or _ABOUT.search(reply[:ENOUGH]) or _ABOUT.search(escaped.last):
        return reply
    if _MARKUP.search(escaped.last) or _MARKUP.search(reply[:ENOUGH]):
        return _elements(reply)
    return _replaced(reply, escaped.made - _meant(reply))


def _replaced(reply: str, names: frozenset[str]) -> str:
    for name, character in _PLAIN.items():
        if name in names:
            reply = reply.replace(f"&{name};", character)
    return reply


def _elements(reply: str) -> str:
    """The reply with the references undone that together are an element's tag."""
    kept, at = [], 0
    for found in islice(_ELEMENT.finditer(reply), MOST_ELEMENTS):
        kept += [reply[at : found.start()], _replaced(found[0], frozenset(_PLAIN))]
        at = found.end()
    return "".join([*kept, reply[at:]])


def _meant(reply: str) -> frozenset[str]:
    """The references a reply means, because it has their characters plainly as well."""
    meant = set()
    if "<" in reply and "<" in _DISCORDS.sub("", reply[:ENOUGH]):
        meant |= {"lt", "gt"}
    if reply.count("&") > sum(reply.count(f"&{name};") for name in _PLAIN):
        meant.add("amp")
    return frozenset(meant)
