"""Names and pictures as Discord's webhooks accept them (R32). Pure."""

import re
import unicodedata
from urllib.parse import urlsplit

from bot.delivery.split import length
from bot.discord.limits import AVATAR_URL, NAME

FALLBACK = "Character"
_FORBIDDEN = re.compile("discord|clyde", re.IGNORECASE)
_LOOKALIKE = str.maketrans({"o": "о", "O": "О", "e": "е", "E": "Е"})
_RESERVED = frozenset({"everyone", "here"})
_JOINERS = frozenset("\u200c\u200d")


def legal(name: str) -> str:
    """A user name Discord takes for a webhook: 1 to 80 long, visible, without the words it forbids. Looks like `name` where it can."""
    visible = "".join(c for c in name if c in _JOINERS or unicodedata.category(c) not in {"Cc", "Cf", "Cs", "Co", "Cn"} or c in "\n\t")
    allowed = _FORBIDDEN.sub(lambda word: word.group().translate(_LOOKALIKE), " ".join(visible.split()))
    short = _cut(allowed, NAME).strip()
    if not any(_shows(c) for c in short):
        return FALLBACK
    return f"{short}." if short.casefold() in _RESERVED else short


def _shows(character: str) -> bool:
    return unicodedata.category(character)[0] in "LNPS" and character not in "\u2800\u3164\u115f\u1160\uffa0"


def _cut(text: str, most: int) -> str:
    while length(text) > most:
        text = text[:-1]
    return text


def avatar(url: str) -> str | None:
    """The address if Discord can be asked to fetch it, else None: then the webhook's own picture shows."""
    if not url.startswith(("http://", "https://")) or len(url) > AVATAR_URL or not url.isascii() or any(c.isspace() for c in url):
        return None
    try:
        return url if urlsplit(url).hostname else None
    except ValueError:
        return None
