"""What a text looks like, apart from what it says: does it ask, tell of oneself, name somebody, count, date? Pure.

An answer is rarely a question; "who" is answered by a name, "how many" by a number, "when" by a time. The rules read English; in other
languages they stay silent and only the question mark counts.
"""

import re
from collections.abc import Sequence
from typing import Final, NamedTuple

from worker.memory import times

_FIRST: Final = re.compile(r"\b(?:I|my|we|our|me|I'm|I’m|I've|I’ve)\b")
_NAME: Final = re.compile(r"(?:(?<=[^\W\d_A-Z] )|(?<=, ))([^\W\d_]{2,})")
_NUMBER: Final = re.compile(r"\d|\b(?:two|three|four|five|six|seven|eight|nine|ten|twice|dozen)\b", re.IGNORECASE)
_WHEN: Final = re.compile(r"\b(?:just|recently|ago|soon|week|month|year|weekend)\b", re.IGNORECASE)
_ASKS: Final = re.compile(r"[?？؟;][\s\W]*$")
_CAPTION: Final = re.compile(r"\[[^\[\]]*\]$")
MOST_NAMES: Final = 3


class Traits(NamedTuple):
    """Each 0 or 1, `names` 0 to 3."""

    asks: int
    first_person: int
    names: int
    number: int
    when: int


def names(text: str) -> list[str]:
    """Capitalised words inside sentences."""
    return [word for word in _NAME.findall(text) if word[0].isupper()]


def asks(text: str) -> bool:
    """Whether a turn ends in a question, a bracketed note (an image's description) aside."""
    return bool(_ASKS.search(_CAPTION.sub("", text[-2000:].rstrip()).rstrip()))


def read(text: str, named: Sequence[str] | None = None) -> Traits:
    """`named`: what `names` found in the text, if that was asked before."""
    return Traits(
        asks=int(asks(text)),
        first_person=int(bool(_FIRST.search(text))),
        names=min(MOST_NAMES, len(names(text) if named is None else named)),
        number=int(bool(_NUMBER.search(text))),
        when=int(bool(_WHEN.search(text)) or times.mentions(text)),
    )


_WANTS_NAME: Final = re.compile(
    r"^\W*(?:who|where|which|what (?:is|was|are|were) (?:the )?names?"
    r"|what (?:\w+ )?(?:book|movie|film|song|band|game|city|country|state|place|town|brand)s?)\b",
    re.IGNORECASE,
)
_WANTS_NUMBER: Final = re.compile(r"\bhow (?:many|much|often|old|long|far|tall)\b", re.IGNORECASE)
_WANTS_TIME: Final = re.compile(r"\b(?:when|what (?:date|day|month|year|time)|which (?:date|day|month|year)|how long)\b", re.IGNORECASE)


class Wants(NamedTuple):
    """The kind of answer a question expects."""

    name: bool
    number: bool
    time: bool


def wants(question: str) -> Wants:
    return Wants(bool(_WANTS_NAME.search(question)), bool(_WANTS_NUMBER.search(question)), bool(_WANTS_TIME.search(question)))
