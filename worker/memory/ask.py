"""A question, analysed once: its terms, its vectors, whom and when it names, what kind of answer it wants."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache

from worker.memory import times, traits
from worker.memory.config import RecallConfig
from worker.memory.embed import Embedded, Embedder
from worker.memory.index import Index
from worker.memory.words import clean, fold, raw_words, terms

_SEVERAL = re.compile(r"\b(?:and|both|or|either|neither)\b", re.IGNORECASE)
_FIRST = re.compile(r"\b(?:I|my|me|mine|I'm|I've)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Query:
    """`recent`: the asking user's turns before this one, oldest first. `speaker`: who asks. `at`: when (for "last week")."""

    text: str
    recent: Sequence[str] = ()
    speaker: str = ""
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Ask:
    terms: dict[str, float]
    embedded: Embedded | None
    wants: traits.Wants
    speaker: str | None
    spans: tuple[times.TimeRange, ...]
    at: float
    text: str
    widened: bool


def stands_alone(text: str, config: RecallConfig) -> str | None:
    """What is searched for this text whatever was said before; None when it leans on that."""
    cleaned = clean(text)
    leans = config.widen.turns and needs_widening(cleaned, len(set(terms(cleaned, config.language))), config)
    return None if leans else cleaned[-config.longest :]


def needs_widening(text: str, content: int, config: RecallConfig) -> bool:
    """A short statement leans on what was said before; a question with two content words stands by itself."""
    return content < (min(2, config.widen.below) if traits.asks(text) else config.widen.below)


@lru_cache(maxsize=4096)
def _parts(name: str) -> frozenset[str]:
    """The words of a name, initials left out."""
    return frozenset(fold(part) for part in raw_words(name) if len(part) > 1)


def named_speaker(text: str, speakers: Sequence[str], asker: str) -> str | None:
    """Whom a question is about: the speaker it names first ("what did Ada tell Bram?"), nobody if it is about several ("Ada and Bram");
    the asker if it names none and speaks of "me"."""
    words = [fold(word.removesuffix("'s").removesuffix("’s")) for word in raw_words(text)]
    named = [name for name in speakers if not _parts(name).isdisjoint(words)]
    if len(named) > 1:
        return None if _SEVERAL.search(text) else _first(words, named)
    return named[0] if named else asker if asker in speakers and _FIRST.search(text) else None


def _first(words: Sequence[str], named: Sequence[str]) -> str | None:
    """The one of several whose name comes first; None if a word is the name of two of them."""
    for word in words:
        if found := [name for name in named if word in _parts(name)]:
            return found[0] if len(found) == 1 else None
    return None


def analyse(query: Query, index: Index, latest: float, config: RecallConfig, embedder: Embedder | None) -> Ask:
    """`latest`: time of the newest memory, the "now" of a question that does not say when it is asked."""
    text = clean(query.text)
    own = terms(text, config.language)
    recent = [clean(turn) for turn in query.recent[-config.widen.turns :]] if config.widen.turns else []
    widened = bool(recent) and needs_widening(text, len(set(own)), config)
    weights = dict.fromkeys(own, 1.0)
    searched = text
    if widened:
        for term in terms("\n".join(recent), config.language):
            weights.setdefault(term, config.widen.share)
        searched = "\n".join([*recent, text])
    at = latest if query.at is None else query.at.timestamp()
    anchor = query.at or datetime.fromtimestamp(latest, UTC)
    return Ask(
        terms=weights,
        embedded=embedder.embed([searched[-config.longest :]])[0] if embedder else None,
        wants=traits.wants(text),
        speaker=named_speaker(text, list(index.speakers), query.speaker),
        spans=tuple(times.spans(text, anchor)) if config.dates.weight else (),
        at=at,
        text=text,
        widened=widened,
    )
