"""One name for what can have one value at a time, however a model calls it: "Residence" and "the home of Ada" are home. Pure.

Only what means the same whoever it is about stands here. What may be two things ("location": where somebody lives, or is) stays two.
"""

import re
import unicodedata
from collections.abc import Mapping
from typing import Final

MOST_WORDS, LONGEST_WORD = 8, 20
_CALLED: Final[Mapping[str, tuple[str, ...]]] = {
    "home": ("residence", "place of residence", "home city", "home place", "city of residence", "living place", "domicile", "dwelling"),
    "job": ("occupation", "profession", "employment", "job title", "line of work", "vocation", "work"),
    "employer": ("workplace", "place of work", "work place"),
    "partner": ("spouse", "husband", "wife", "boyfriend", "girlfriend", "significant other", "fiance", "fiancee", "romantic partner"),
    "relationship status": ("marital status", "civil status"),
    "birthday": ("date of birth", "birth date", "birthdate", "birth day", "dob"),
    "age": ("years old", "age in years"),
    "name": ("full name", "own name"),
    "nickname": ("nick name", "nick"),
    "phone": ("phone number", "telephone", "telephone number", "mobile", "mobile number", "mobile phone", "cell phone"),
    "email": ("e mail", "email address", "e mail address"),
    "mother tongue": ("native language", "first language"),
}
_EMPTY: Final = frozenset(
    "a an the of in is to for and current currently present own now my your his her their user person speaker".split()  # noqa: SIM905 - words
)
_SPELLED: Final = {"favourite": "favorite", "fave": "favorite", "fav": "favorite", "colour": "color", "neighbour": "neighbor"}
_WORDS: Final = re.compile(r"[^\W_]+")
_HUMP: Final = re.compile(r"(?<=[a-z])(?=[A-Z])")
_OWNERS: Final = re.compile(r"['’`´]s?\b", re.IGNORECASE)


def slot_name(called: str, whose: str = "") -> str:
    """The name of a slot, "" for none. `whose` is the name of whom the fact is about: it is no part of what the slot is called."""
    words = [_one(word) for word in _words(called)]
    kept = [word for word in words if word not in _EMPTY] or words
    owner = set(_words(whose))
    kept = [word for word in kept if word not in owner] or kept
    name = " ".join(sorted(dict.fromkeys(kept)))  # "pet's name" and "name of the pet" are one
    return _CANONICAL.get(name, name)


def _words(text: str) -> list[str]:
    apart = unicodedata.normalize("NFKD", _HUMP.sub(" ", text))
    plain = "".join(sign for sign in apart if not unicodedata.combining(sign))
    return [word[:LONGEST_WORD] for word in _WORDS.findall(_OWNERS.sub(" ", plain).casefold())[:MOST_WORDS]]


def _one(word: str) -> str:
    """A word in the singular and in one spelling."""
    many = len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is"))
    single = word[:-1] if many else word
    return _SPELLED.get(single, single)


def _table() -> dict[str, str]:
    """The sorted words of each name -> the name as it is stored: sorted, too, so that a stored name is its own."""
    found = dict[str, str]()
    for name, others in _CALLED.items():
        stored = " ".join(sorted(name.split()))
        for one in (name, *others):
            found[" ".join(sorted(dict.fromkeys(_one(word) for word in one.split() if word not in _EMPTY)))] = stored
    return found


_CANONICAL: Final = _table()
