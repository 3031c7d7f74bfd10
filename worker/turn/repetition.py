"""Whether a reply says again what was said: an earlier reply of the character, or the message it answers.

Thresholds are those of behaviour known to work: equal after folding, Jaccard of words, Dice of letter pairs
(Dice 1945; both in [0, 1], 1 for equal sets).
"""

import itertools
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable

WINDOW = 25
"""Earlier replies that are compared."""
EXEMPT_BELOW = 30
"""Characters: short replies may repeat ("Yes.", a laugh)."""
COMPARED = 8000
"""Characters of a text that are compared: longer ones that begin with as many equal ones are equal."""
JACCARD = 0.75
DICE = 0.85
_WORD = re.compile(r"\w+")
_INVISIBLE = re.compile("[\u00ad\u034f\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufe00-\ufe0f\ufeff]+")


def repeats(reply: str, earlier: Iterable[str]) -> bool:
    """Whether the reply equals or nearly equals one of the earlier texts."""
    if len(reply.strip()) < EXEMPT_BELOW:
        return False
    folded = fold(reply)
    return any(alike(folded, fold(other)) for other in earlier if len(other.strip()) >= EXEMPT_BELOW)


def fold(text: str) -> str:
    """Lower case in one normal form, one blank between words, no punctuation and nothing invisible."""
    shown = _INVISIBLE.sub("", unicodedata.normalize("NFKC", text[:COMPARED]))
    return " ".join(_WORD.findall(shown.casefold()))


def alike(one: str, other: str) -> bool:
    """Whether two folded texts are the same but for some words."""
    if not one or not other:
        return False
    if one == other:
        return True
    # Neither measure can reach its threshold when the lengths differ so much.
    if not 0.5 <= len(one) / len(other) <= 2.0:
        return False
    return jaccard(set(one.split()), set(other.split())) >= JACCARD or dice(one, other) >= DICE


def jaccard(one: set[str], other: set[str]) -> float:
    """Shared elements over all elements."""
    union = one | other
    return len(one & other) / len(union) if union else 1.0


def dice(one: str, other: str) -> float:
    """Twice the shared letter pairs over all letter pairs."""
    first, second = (Counter(itertools.pairwise(text)) for text in (one, other))
    total = first.total() + second.total()
    return 2 * (first & second).total() / total if total else 1.0
