"""`@Name` in a text: which characters it names. Pure, and free of any face."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from uuid import UUID

WORDS = 4
CANDIDATES = 10
LONGEST = 256
"""Characters of a name that are looked at: more than a name may have, so that no text is slow."""
BOUNDARIES = frozenset(".,!?;:)\"'*_~|")
"""Characters that end a name although no space follows."""

type Named = Callable[[str], UUID | None]

_TOKEN = re.compile(r"\S+")


@dataclass(frozen=True, slots=True)
class Mention:
    """A character named at `text[start:end]`; the slice begins with the mention character."""

    start: int
    end: int
    character: UUID


def normal(name: str) -> str:
    """The form in which names are compared: case and runs of white space do not count."""
    return " ".join(name.casefold().split())


def mentions(text: str, named: Named, char: str = "@") -> list[Mention]:
    """The characters a text names, left to right, the longest name winning at each place.

    `named` tells the character of a normalised name (`normal`). Names have up to four words; at most ten places are looked at;
    a mention that is only digits is somebody's id, not a name.
    """
    found: list[Mention] = []
    looked_at, position = 0, 0
    while looked_at < CANDIDATES and (start := text.find(char, position)) >= 0:
        position = start + 1
        if _inside_a_word(text, start):
            continue
        looked_at += 1
        if (mention := _at(text, start, named)) is not None:
            found.append(mention)
            position = mention.end
    return found


def _inside_a_word(text: str, start: int) -> bool:
    # somebody@lilith.example names nobody
    return start > 0 and text[start - 1].isalnum()


def _at(text: str, start: int, named: Named) -> Mention | None:
    for end in _ends(text, start + 1):
        name = normal(text[start + 1 : end])
        if not name.isdigit() and (character := named(name)) is not None:
            return Mention(start, end, character)
    return None


def _ends(text: str, start: int) -> Iterator[int]:
    """Where a name that begins at `start` may end: more words first, then more characters."""
    if start >= len(text) or text[start].isspace():
        return
    words: list[re.Match[str]] = []
    for token in _TOKEN.finditer(text, start):
        words.append(token)
        if len(words) == WORDS:
            break
    last = start + LONGEST
    for word in reversed(words):
        if word.end() <= last:
            yield word.end()
        yield from (cut for cut in range(min(word.end() - 1, last), word.start(), -1) if text[cut] in BOUNDARIES)
