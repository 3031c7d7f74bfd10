"""Emojis as people give them, brought into one form to be compared. Pure."""

import re
import unicodedata

NOTHING = "off"
"""Typed in place of emojis: there are none."""
MOST = 10
_CUSTOM = re.compile(r"<?(?:a?:)?([A-Za-z0-9_~]{1,32}):(\d{1,20})>?")
_PLAIN = re.compile("[\ufe0e\ufe0f\U0001f3fb-\U0001f3ff]")
"""Variation selectors and skin tones."""
_CATEGORIES = frozenset({"So", "Sm", "Cf", "Po", "Pd", "Cn"})
"""Of the characters that emojis are made of; Cn are those newer than this Python."""
_KEYCAP = re.compile("[0-9#*]\u20e3")


def normal(emoji: str) -> str:
    """A server's own by its id, one of Unicode without its tone of skin and its selectors: what two ways to give one emoji share."""
    found = _CUSTOM.fullmatch(emoji)
    return found[2] if found else _PLAIN.sub("", emoji)


def emojis(text: str) -> list[str]:
    """The normal forms of what stands in a text with spaces between; none for NOTHING."""
    words = text.split()
    return [] if text.strip().casefold() == NOTHING else [one for one in dict.fromkeys(map(normal, words)) if one]


def written_wrong(text: str) -> str | None:
    """The first word of a text that is no emoji; None when all are."""
    if text.strip().casefold() == NOTHING:
        return None
    words = text.split()
    if len(words) > MOST:
        return words[MOST]
    return next((word for word in words if not _is_emoji(word)), None)


def _is_emoji(word: str) -> bool:
    if _CUSTOM.fullmatch(word):
        return True
    bare = normal(word)
    if not bare or len(bare) > 16:
        return False
    return bool(_KEYCAP.fullmatch(bare)) or all(not c.isascii() and unicodedata.category(c) in _CATEGORIES for c in bare)
