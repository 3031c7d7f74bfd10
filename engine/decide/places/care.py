"""What people are told for their own good (H7): that an AI answers, and where help is. Pure.

The patterns look for somebody who speaks of ending or harming themselves in the first person. They are few and plain on purpose: who
is pointed to help without need loses nothing, and what is shown is never an answer in place of the character's.
"""

import unicodedata
from datetime import datetime, timedelta

import re2

from engine.resources.places.server import ServerSheet

REMIND_EVERY = timedelta(hours=3)
"""Where minors are, they are told again after so long."""
HELP = (
    "**You matter, and there are people to talk to**\n"
    "If you think of harming yourself, please talk to somebody now: a person you trust, a doctor, or a helpline. In an emergency call "
    "your local emergency number (112 in Europe, 911 in the USA and Canada, 999 in the UK). Helplines in many countries: "
    "<https://findahelpline.com>."
)
"""What is shown unless the operator set CARE_TEXT."""
_PATTERNS = tuple(
    re2.compile(pattern)
    for pattern in (
        r"\b(?:i|i'm|im|i am)\b[^.!?\n]{0,40}\b(?:kill(?:ing)?|hurt(?:ing)?|harm(?:ing)?|cut(?:ting)?) (?:my ?self)\b",
        r"\b(?:i|i'm|im)\b[^.!?\n]{0,30}\b(?:end my (?:own )?life|take my (?:own )?life|commit suicide|suicidal)\b",
        r"\bi (?:really |just )?(?:want|wanna|would like)(?: to)? (?:die|be dead)\b",
        r"\bi (?:don't|dont|do not) want to (?:live|be alive|exist) any ?more\b",
        r"\bich (?:will|möchte|werde)\b[^.!?\n]{0,30}\b(?:umbringen|sterben|das leben nehmen)\b",
        r"\b(?:je veux|j'ai envie de) (?:mourir|me tuer|me suicider)\b",
        r"\b(?:quiero|voy a) (?:morir(?:me)?|matarme|suicidarme)\b",
    )
)


def concerns(text: str) -> bool:
    """Whether somebody writes of harming themselves."""
    said = unicodedata.normalize("NFKC", text[:4000]).casefold().replace("\u2019", "'")
    return any(pattern.search(said) for pattern in _PATTERNS)


def disclosure_due(sheet: ServerSheet, last: datetime | None, now: datetime, *, wanted: bool = True) -> bool:
    """Whether a person is to be told now that an AI answers. `last`: when they were told there; `wanted`: the bot's own setting."""
    if sheet.minors:
        return last is None or now - last >= REMIND_EVERY
    return wanted and sheet.disclosure and last is None
