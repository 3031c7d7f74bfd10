"""Names and pictures as Discord's webhooks accept them (R32). Pure."""

import re
import unicodedata
from urllib.parse import urlsplit

from bot.delivery.split import clipped
from bot.discord.limits import AVATAR_URL, NAME

FALLBACK = "Character"
LOOKED_AT = 1000
"""Characters of a name that are looked at."""
_FORBIDDEN = re.compile("discord|clyde", re.IGNORECASE)
_LOOKALIKE = str.maketrans({"o": "о", "O": "О", "e": "е", "E": "Е"})
_RESERVED = frozenset({"everyone", "here"})
_JOINERS = frozenset("\u200c\u200d")
_WITHOUT_JOINERS = dict.fromkeys(map(ord, _JOINERS))
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})


def legal(name: str) -> str:
    """A user name Discord takes for a webhook: 1 to 80 long, visible, without the words it forbids. Looks like `name` where it can."""
    visible = "".join(c for c in name[:LOOKED_AT] if c in _JOINERS or unicodedata.category(c) not in _UNSEEN or c in "\n\t")
    line = " ".join(visible.split())
    # Compared as Discord may compare: without joiners, and wide or styled letters as plain ones.
    plain = unicodedata.normalize("NFKC", line.translate(_WITHOUT_JOINERS))
    allowed = _FORBIDDEN.sub(_disguised, line)
    if _FORBIDDEN.search(unicodedata.normalize("NFKC", allowed.translate(_WITHOUT_JOINERS))):
        allowed = _FORBIDDEN.sub(_disguised, plain)
    short = clipped(allowed, NAME).strip()
    if not any(_shows(c) for c in short):
        return FALLBACK
    return f"{short}." if short.casefold() in _RESERVED else short


def _shows(character: str) -> bool:
    return unicodedata.category(character)[0] in "LNPS" and character not in "\u2800\u3164\u115f\u1160\uffa0"


def _disguised(word: re.Match[str]) -> str:
    return word.group().translate(_LOOKALIKE)


def avatar(url: str) -> str | None:
    """The address if Discord can be asked to fetch it, else None: then the webhook's own picture shows."""
    if not url.startswith(("http://", "https://")) or len(url) > AVATAR_URL or not url.isascii() or any(c.isspace() for c in url):
        return None
    try:
        return url if urlsplit(url).hostname else None
    except ValueError:
        return None
