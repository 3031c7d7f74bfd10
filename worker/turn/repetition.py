"""Whether a reply says again what was said: an earlier reply of the character, or the message it answers.

Thresholds are those of behaviour known to work: equal after folding, Jaccard of words, Dice of letter pairs
(Dice 1945; both in [0, 1], 1 for equal sets).
"""

import itertools
import re
from collections import Counter
from collections.abc import Iterable

WINDOW = 25
"""Earlier replies that are compared."""
EXEMPT_BELOW = 30
"""Characters: short replies may repeat ("Yes.", a laugh)."""
JACCARD = 0.75
DICE = 0.85


def repeats(reply: str, earlier: Iterable[str]) -> bool:
    """Whether the reply equals or nearly equals one of the earlier texts."""
    if len(reply.strip()) < EXEMPT_BELOW:
        return False
    folded = fold(reply)
    return any(alike(folded, fold(other)) for other in earlier if len(other.strip()) >= EXEMPT_BELOW)


def fold(text: str) -> str:
    """Lower case, one blank between words, no punctuation."""
    return " ".join(re.findall(r"\w+", text.casefold()))


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
