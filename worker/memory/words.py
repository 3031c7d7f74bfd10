"""Text to search terms, in the language it comes in. Pure.

Words are runs of letters, marks and digits; an apostrophe, a dot or a comma inside a word or number stays inside it (the word rules of
Unicode Standard Annex 29). Scripts written without spaces (Han, Kana, Thai, Lao, Khmer, Burmese) become overlapping pairs of characters,
Hangul words become themselves and their pairs, so that none of them collapses into one token. Stems come from Snowball by script; for
Latin script the language is a setting, because a guess per text would stem a question and its answer differently.
"""

import re
import sys
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from typing import Final, Literal

import snowballstemmer

LONGEST: Final = 64
"""Longer words are cut to this many characters: nobody asks for the rest of a megabyte without a space."""

Language = Literal[
    "danish", "dutch", "english", "finnish", "french", "german", "hungarian", "italian",
    "norwegian", "portuguese", "romanian", "spanish", "swedish", "turkish", "none",
]  # fmt: skip

STOP: Final = frozenset(
    """
    a about above after again all also am an and any are aren as at be because been before being below between both but by
    can could couldn d did didn do does doesn doing don down during each few for from further had hadn has hasn have haven
    having he her here hers herself him himself his how i if in into is isn it its itself just ll m ma me might more most
    must my myself no nor not now o of off on once only or other our ours ourselves out over own re s same shall she should
    shouldn so some such t than that the their theirs them themselves then there these they this those through to too under
    until up ve very was wasn we were weren what when where which while who whom whose why will with won would wouldn y you
    your yours yourself yourselves
    """.split()  # noqa: SIM905 - a list of 150 quoted words is no better to read
)
"""English function words. Other languages rely on the inverse document frequency to silence theirs."""


def _ranges(wanted: str) -> str:
    """The characters of a general category (its first letter), as a regular-expression class body."""
    found = [c for c in range(0x1F000) if unicodedata.category(chr(c))[0] == wanted]
    parts, start = [], found[0]
    for before, here in zip(found, [*found[1:], sys.maxunicode], strict=True):
        if here != before + 1:
            parts.append(f"\\U{start:08x}-\\U{before:08x}")
            start = here
    return "".join(parts)


_MARKS: Final = _ranges("M")
_LETTER: Final = rf"(?:[^\W_]|[{_MARKS}])"
_WORD: Final = re.compile(rf"{_LETTER}+(?:['’.,\u00b7]{_LETTER}+)*")
_PLAIN: Final = re.compile(r"[A-Za-z0-9]+(?:['.,][A-Za-z0-9]+)*")
"""What _WORD finds in ASCII, found faster."""
_NO_SPACES: Final = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff"
    "\uf900-\ufaff\uff66-\uff9d\U00020000-\U0003ffff"
)
_HANGUL: Final = "\uac00-\ud7a3"
_RUNS: Final = re.compile(rf"[{_NO_SPACES}]+|[{_HANGUL}]+|[^{_NO_SPACES}{_HANGUL}]+")
_HAN: Final = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
_SCRIPTS: Final = (
    (re.compile("[\u0400-\u052f]"), "russian"),
    (re.compile("[\u0600-\u06ff\u0750-\u077f]"), "arabic"),
    (re.compile("[\u0370-\u03ff\u1f00-\u1fff]"), "greek"),
    (re.compile("[\u0900-\u097f]"), "hindi"),
    (re.compile("[\u0b80-\u0bff]"), "tamil"),
    (re.compile("[\u0530-\u058f]"), "armenian"),
)
_NIQQUD: Final = re.compile("[\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0670\u0640]")


def clean(text: str) -> str:
    """The text with lone surrogates replaced, so that any codec and any tokenizer takes it."""
    return text if text.isascii() else text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def fold(word: str) -> str:
    """Case and accents removed; marks that carry vowels (Devanagari, Thai) stay."""
    if word.isascii():
        return word.lower()
    apart = unicodedata.normalize("NFKD", word.casefold())
    kept = "".join(c for c in apart if not ("\u0300" <= c <= "\u036f"))
    return unicodedata.normalize("NFC", _NIQQUD.sub("", kept))


@lru_cache(maxsize=32)
def _stemmer(language: str) -> snowballstemmer.stemmer:
    return snowballstemmer.stemmer(language)


def _language_of(word: str, latin: Language) -> str:
    if word.isascii():
        return latin
    return next((name for pattern, name in _SCRIPTS if pattern.search(word)), latin)


@lru_cache(maxsize=65536)
def stem(word: str, latin: Language = "english") -> str:
    """The stem of one word, folded afterwards (Snowball needs the accents to stem)."""
    language = _language_of(word, latin)
    lowered = unicodedata.normalize("NFC", word.lower())
    if language == "none" or any(c.isdigit() for c in word):
        return fold(lowered)
    return fold(_stemmer(language).stemWord(lowered)) or fold(lowered)


def pairs(run: str) -> Iterator[str]:
    """Overlapping pairs of characters, and single Han characters, which are words by themselves often enough."""
    yield from (run[i : i + 2] for i in range(len(run) - 1))
    yield from (c for c in run if len(run) == 1 or _HAN.match(c))


def raw_words(text: str) -> Iterator[str]:
    """The words of a text in order, as written (cut to LONGEST), runs of different writing systems apart."""
    if text.isascii():
        yield from (word[:LONGEST].strip("'.,") for word in _PLAIN.findall(text))
        return
    for match in _WORD.finditer(unicodedata.normalize("NFC", text)):
        for run in _RUNS.findall(match.group()):
            yield run if re.match(f"[{_NO_SPACES}]", run) else run[:LONGEST].strip("'’.,·")


@lru_cache(maxsize=65536)
def _terms_of(word: str, latin: Language) -> tuple[str, ...]:
    if re.match(f"[{_NO_SPACES}]", word):
        return tuple(pairs(unicodedata.normalize("NFKC", word)))
    if re.match(f"[{_HANGUL}]", word):
        return (word, *pairs(word)) if len(word) > 2 else (word,)
    for tail in ("'s", "’s", "'S", "’S"):
        word = word.removesuffix(tail)
    lowered = word.lower().replace("’", "'")
    if lowered.split("'")[0] in STOP:
        return ()
    stemmed = stem(lowered, latin)
    return (stemmed,) if stemmed else ()  # a word of accents alone folds to nothing


def terms(text: str, latin: Language = "english") -> list[str]:
    """Search terms of a text in order, with repeats; English stop words left out."""
    return [term for word in raw_words(clean(text)) if word for term in _terms_of(word[:4096], latin)]
