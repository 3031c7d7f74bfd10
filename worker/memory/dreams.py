"""Which memories say the same as another: for dreams. Pure, and careful: what differs in a single value is never the same.

Two texts are the same when they have the same words in the same order, apart from articles, forms of "be" in the present and words
that only stress; "-s" and "-ing" at the end do not matter. A number, name, colour, negation, preposition or tense that differs is a word.
"""

from collections import defaultdict
from collections.abc import Sequence
from uuid import UUID

from projections.models.memories.noted import Note
from worker.memory.words import fold, raw_words, terms

_SAY_NOTHING = frozenset("a an the am is are i'm he's she's it's really very also just so currently actually".split())  # noqa: SIM905 - a list of words
_SCOPED = ("person", "origin", "character", "channel", "guild", "venue", "reach", "model", "until")


def sense(text: str) -> tuple[str, ...]:
    """What two texts that say the same have in common."""
    words = [fold(word) for word in raw_words(text)]
    return tuple(_stem(word) for word in words if word not in _SAY_NOTHING)


def _stem(word: str) -> str:
    found = terms(word) if word.endswith(("s", "ing")) and word.isalpha() and len(word) > 4 else []
    return found[0] if len(found) == 1 else word


def same(notes: Sequence[Note]) -> list[tuple[UUID, UUID]]:
    """Pairs (hidden, kept) of notes that say the same within one scope. Kept is what a person's hand is on, else the oldest.

    What a newer one has replaced stands for nothing: "lives in Oslo" of today is not said by that of before the year in Bergen.
    """
    groups = defaultdict[tuple[object, ...], list[Note]](list)
    for note in notes:
        if not (note.hidden or note.archived or note.taken_back or note.replaced or note.ended) and (key := sense(note.text)):
            groups[(*(getattr(note, name) for name in _SCOPED), key)].append(note)
    found = list[tuple[UUID, UUID]]()
    for group in groups.values():
        best, *others = sorted(group, key=lambda note: (not note.locked, not note.corrected, note.position))
        found += [(note.memory, best.memory) for note in others if not (note.locked or note.corrected)]
    return found
