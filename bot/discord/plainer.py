"""What a message is made of when Discord refused its full form, and which refusals another form cannot mend. Pure."""

import unicodedata

from bot.delivery.errors import Refused
from bot.delivery.split import LIMIT, length

MODERATED = frozenset({20009, 200000, 200001, 240000})
"""Codes for a text that somebody's rules do not let pass: sending it in another form would be a way around them."""
MARKS = 4
"""Combining marks in a row that are kept."""


def is_mendable(error: Refused) -> bool:
    """Whether a plainer form may be taken where this one was not."""
    return error.code not in MODERATED


def cleaned(text: str) -> str:
    """The words alone: no control, format, private or unassigned characters, no towers of marks; composed, trimmed, at most LIMIT long."""
    kept: list[str] = []
    marks = 0
    for character in unicodedata.normalize("NFC", text):
        kind = unicodedata.category(character)
        marks = marks + 1 if kind.startswith("M") else 0
        if (character in "\n\t\u200d" or kind not in ("Cc", "Cf", "Cs", "Co", "Cn")) and marks <= MARKS:
            kept.append(character)
    plain = "".join(kept).strip()
    while length(plain) > LIMIT:
        plain = plain[:-1]
    return plain


def signed(text: str, name: str) -> str:
    """The text with the name of who says it, where it fits: for a message that the bot posts as itself."""
    whole = f"{signature(name)}{text}"
    return whole if length(whole) <= LIMIT else text


def signature(name: str) -> str:
    return f"**{name}:** "
