"""`@Name` in a text: which characters it names. Pure, and free of any face.

Names end where a word ends in the script they stand in: at punctuation of any kind, at emojis, and anywhere in scripts that put no
space between words. Nothing in code or in an address (mail, URL, a handle of another network) names anybody.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from uuid import UUID

from engine.outside.code_spans import code_spans

WORDS = 4
CANDIDATES = 10
LONGEST = 256
"""Characters of a name that are looked at: more than a name may have, so that no text is slow."""
ADDRESS = 512
"""Characters before a mention in which the beginning of an address is looked for."""
BOUNDARIES = frozenset(".,!?;:)\"'*_~|]}>([{<&`\\")
"""ASCII characters that end a name although no space follows. Of all others it is every kind of punctuation and symbol."""
UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3100-\u312f\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff"
    "\uff66-\uff9f\U00020000-\U0003ffff]"
)
"""Thai, Lao, Burmese, Khmer, kana, Han; and Hangul, which puts spaces, but particles after a name without one."""

type Named = Callable[[str], UUID | None]

_TOKEN = re.compile(r"\S+")
_HOST = re.compile(r"[\w-]{1,64}+(?:\.[\w-]{1,64}+)+")
_LONG_HOST = re.compile(r"[\w-]{1,64}+(?:\.[\w-]{1,64}+){2,}")
_DOMAIN = re.compile(r"[\w-]{1,64}+\.(?:com|org|net|edu|gov|io|xyz|social|gg|tv)(?![\w-])", re.IGNORECASE)
"""A host of two parts that ends as hosts do; of any other the second part may be the next sentence, after a point without a space."""
_SITE = re.compile(r"\A(?:[\w-]{1,64}\.)+[\w-]{2,64}(?::\d{1,5})?/")
_NO_ADDRESS = re.compile(r'[\s<>"`{}|\\^()\[\]\u2000-\u206f\u3000-\u303f\uff00-\uff65]')
_SELECTORS = range(0xFE00, 0xFE10)
_ONE_FORM = str.maketrans({"‘": "'", "’": "'", "ʼ": "'", "‐": "-", "‑": "-"})
"""Apostrophes and hyphens of other kinds, which keyboards put in by themselves."""
_APOSTROPHES = "\u02bc\u02b9"
_HONORIFIC = re.compile(
    r"(?:san|chan|kun|sama|tan|chin|senpai|sempai|sensei|dono|hime|nee|nii|nim|ssi|ji|bhai|didi)(?![\w-])", re.IGNORECASE
)
"""What politeness and affection put behind a name and a hyphen."""
_JOINS = "/+&="
"""ASCII characters that end a name where another mention, a blank or nothing follows."""


@dataclass(frozen=True, slots=True)
class Mention:
    """A character named at `text[start:end]`; the slice begins with the mention character."""

    start: int
    end: int
    character: UUID


def normal(name: str) -> str:
    """The form in which names are compared: case, runs of white space and the many ways to write one letter do not count.

    Compatibility forms are composed (full width, ligatures, combining marks), invisible characters go, and the Turkish i's are one.
    """
    if name.isascii():
        return " ".join(name.casefold().split())
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
    single = folded.replace("i\u0307", "i").replace("ı", "i").translate(_ONE_FORM)
    seen = (c for c in single if unicodedata.category(c) != "Cf" and ord(c) not in _SELECTORS)
    return " ".join("".join(seen).split())


def has_mark(text: str, char: str = "@") -> bool:
    """Whether a text may name anybody at all."""
    return any(mark in text for mark in marks(char))


def marks(char: str) -> tuple[str, ...]:
    """The mention character and its other widths: ＠ and ﹫ for @."""
    wide = (chr(ord(char) + 0xFEE0),) if len(char) == 1 and "!" <= char <= "~" else ()
    return (char, *wide, "﹫") if char == "@" else (char, *wide)


def mentions(text: str, named: Named, char: str = "@") -> list[Mention]:
    """The characters a text names, left to right, the longest name winning at each place.

    `named` tells the character of a normalised name (`normal`). Names have up to four words; at most ten places are looked at;
    a mention that is only digits is somebody's id, not a name.
    """
    found: list[Mention] = []
    looked_at, position = 0, 0
    spans = code_spans(text) if "`" in text else []
    for mark in re.finditer("|".join(map(re.escape, marks(char))), text):
        start = mark.start()
        if looked_at >= CANDIDATES:
            break
        if start < position or any(left <= start < right for left, right in spans) or _inside_a_word(text, start, mark.end()):
            continue
        looked_at += 1
        if not _inside_an_address(text, start, mark.end()) and (mention := _at(text, start, mark.end(), named)) is not None:
            found.append(mention)
            position = mention.end
    return found


def _inside_a_word(text: str, start: int, after: int) -> bool:
    # somebody@lilith.example names nobody; 你好@Lilith does, because nothing separates words there
    if start == 0:
        return False
    before = text[start - 1]
    if UNSPACED.match(before):
        return _HOST.match(text, after) is not None
    return before.isalnum() or unicodedata.category(before)[0] == "M"


def _inside_an_address(text: str, start: int, after: int) -> bool:
    """Whether a mention is a part of a URL or a mail address, or a handle with a host: @name.bsky.social, @name@host."""
    if _LONG_HOST.match(text, after) or _DOMAIN.match(text, after):
        return True
    before = text[max(0, start - ADDRESS) : start]
    breaks = [cut.end() for cut in _NO_ADDRESS.finditer(before)]
    before = before[breaks[-1] if breaks else 0 :]
    if before and before[-1] in "._%+-" and any(c.isalnum() for c in before) and _HOST.match(text, after):
        return True
    lowered = before.casefold()
    return "://" in lowered or lowered.startswith(("www.", "mailto:", "xmpp:", "acct:")) or _SITE.match(before) is not None


def _at(text: str, start: int, after: int, named: Named) -> Mention | None:
    for end in _ends(text, after):
        name = normal(text[after:end])
        if name and not name.isdigit() and (character := named(name)) is not None:
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
        yield from (cut for cut in range(min(word.end() - 1, last), word.start(), -1) if _is_boundary(text, cut))


def _is_boundary(text: str, cut: int) -> bool:
    """Whether a name may end before `text[cut]`."""
    following, behind = text[cut], text[cut + 1 : cut + 2]
    if following in "-‑‐":
        return not behind or behind.isspace() or behind in "->" or bool(UNSPACED.match(behind) or _HONORIFIC.match(text, cut + 1))
    if following == "_" and behind.isalnum():  # one name of two words
        return bool(UNSPACED.match(text[cut - 1]))
    if following == ":" and (_LONG_HOST.match(text, cut + 1) or _DOMAIN.match(text, cut + 1)):  # a handle of Matrix
        return False
    if following.isascii():
        if following in BOUNDARIES or UNSPACED.match(text[cut - 1]):
            return True
        if following in _JOINS:
            return not (behind.isalnum() or behind in "_.-=+") if behind else True
        return following in "0123456789#*" and text[cut + 1 : cut + 2] in ("\ufe0f", "\u20e3")  # an emoji of a key
    if following in _APOSTROPHES:  # letters to Unicode, and what a keyboard puts before the s of a name's owner
        return True
    kind = unicodedata.category(following)
    if kind[0] == "M":
        return False
    return kind[0] in "PSC" or bool(UNSPACED.match(following)) or bool(UNSPACED.match(text[cut - 1]))
