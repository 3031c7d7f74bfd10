"""Short names made of names in any script: by transliteration where a script has letters for sounds, else by a stable number. Pure."""

import re
import unicodedata
from hashlib import sha256
from types import MappingProxyType

LONGEST, SHORTEST = 50, 3
_OTHER = re.compile(r"[^a-z0-9]+")
_NUMBERED = re.compile(r"-(\d{1,6})$")


def _table(letters: str, sounds: str) -> dict[str, str]:
    return dict(zip(letters, sounds.split(), strict=True))


_SOUNDS = MappingProxyType(
    {
        **_table("абвгдеёжзийклмнопрстуфхцчшщъыьэюя", "a b v g d e e zh z i y k l m n o p r s t u f kh ts ch sh shch _ y _ e yu ya"),
        **_table("іїєґўјљњћђџ", "i yi ye g u j lj nj c dj dz"),
        **_table("αβγδεζηθικλμνξοπρσςτυφχψω", "a v g d e z i th i k l m n x o p r s s t y f ch ps o"),
        **_table("אבגדהוזחטיכךלמםנןסעפףצץקרשת", "a b g d h v z ch t y k k l m m n n s a p f ts ts k r sh t"),
        **_table("ابتثجحخدذرزسشصضطظعغف", "a b t th j h kh d dh r z s sh s d t z a gh f"),
        **_table("قكلمنهويىةءآأإؤئپچژگکی", "q k l m n h w y a a _ a a i w y p ch zh g k y"),
        **_table("ßæœøłđðþıŋħ", "ss ae oe o l d d th i n h"),
        **_table("あいうえおかきくけこさしすせそ", "a i u e o ka ki ku ke ko sa shi su se so"),
        **_table("たちつてとなにぬねのはひふへほ", "ta chi tsu te to na ni nu ne no ha hi fu he ho"),
        **_table("まみむめもやゆよらりるれろわをんっゃゅょ", "ma mi mu me mo ya yu yo ra ri ru re ro wa o n _ ya yu yo"),
        **_table("आइईउऊएऐओऔअ", "aa i ii u uu e ai o au a"),
        **_table("कखगघङचछजझञटठडढणतथदधन", "k kh g gh n ch chh j jh n t th d dh n t th d dh n"),
        **_table("पफबभमयरलवशषसह", "p ph b bh m y r l v sh sh s h"),
        **_table("ािीुूेैोौं", "a i i u u e ai o au n"),
    }
)
_INITIAL = tuple("g kk n d tt r m b pp s ss _ j jj ch k t p h".split())  # noqa: SIM905 - read as the alphabet it is
_VOWEL = tuple("a ae ya yae eo e yeo ye o wa wae oe yo u wo we wi yu eu ui i".split())  # noqa: SIM905 - the same
_FINAL = tuple("_ k k k n n n t l k m p l l p l m p p t t ng t t k t p t".split())  # noqa: SIM905 - the same


def slug_of(name: str) -> str:
    """Make a short name of a name: `Wren Halloway` -> `wren-halloway`, `Лилит` -> `lilit`, `莉莉丝` -> `character-2fb9e2`.

    The same name gives the same short name, in 3 to 50 small letters, digits and hyphens, beginning with a letter.
    """
    slug = _OTHER.sub("-", _latin(name)).strip("-").lstrip("0123456789-")[:LONGEST].rstrip("-")
    if len(slug) >= SHORTEST:
        return slug
    stable = sha256(unicodedata.normalize("NFKC", name).casefold().encode("utf-8", "replace")).hexdigest()[:6]
    return f"character-{slug}".rstrip("-") if slug or not _has_letters(name) else f"character-{stable}"


def another(slug: str) -> str:
    """Suggest a short name beside one that is taken: `ada` -> `ada-2` -> `ada-3`."""
    found = _NUMBERED.search(slug)
    number = int(found[1]) + 1 if found else 2
    stem = slug[: found.start()] if found else slug
    ending = f"-{number}"
    return stem[: LONGEST - len(ending)].rstrip("-") + ending


def _has_letters(name: str) -> bool:
    return any(character.isalnum() for character in name)


def _latin(name: str) -> str:
    """The name in small Latin letters, as far as its letters stand for sounds; what does not is left out as a gap."""
    # Hangul and the table's letters are composed ones: they are read before the marks of others are taken off.
    composed = unicodedata.normalize("NFKC", name).casefold().translate(_KATAKANA)
    sounds = "".join(_sound(character) for character in composed)
    return unicodedata.normalize("NFKD", sounds).encode("ascii", "ignore").decode()


_KATAKANA = {code: code - 0x60 for code in range(0x30A1, 0x30F7)}


def _sound(character: str) -> str:
    if "가" <= character <= "힣":
        number = ord(character) - ord("가")
        return "".join((_INITIAL[number // 588], _VOWEL[number % 588 // 28], _FINAL[number % 28])).replace("_", "")
    known = _SOUNDS.get(character)
    if known is None and not character.isascii():
        base = unicodedata.normalize("NFKD", character)
        letters = "".join(_SOUNDS.get(c, c) for c in base if unicodedata.category(c)[0] != "M")
        return (letters if letters.isascii() else "") or ("" if unicodedata.category(character)[0] == "M" else " ")
    return character if known is None else known.replace("_", "")
