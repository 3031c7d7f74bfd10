"""Leaves a secret out of what others say, in whatever form they say it: as it is, escaped, encoded, cut short, or broken over lines."""

import base64
import binascii
import codecs
import re
import unicodedata
from collections.abc import Callable, Iterator
from urllib.parse import quote

MARK = "[key]"
SHORTEST = 6
"""A shorter secret cannot be told from ordinary words."""
_SKIPPED = "".join(map(chr, [*range(33), 127, 0x85, 0xA0, 0x2028, 0x2029, 0xFEFF, *range(0x200B, 0x2010), 0x2060, 0xAD]))
_TABLE = {ord(character): None for character in _SKIPPED}
_ESCAPES = ("\\r", "\\n", "\\t", "\\u000a", "\\u000d", "\\u0009", "%0a", "%0d", "%20", "&#10;", "&#13;", "=\n", "<br>", "<wbr>")
_TOKEN = re.compile("|".join(map(re.escape, sorted(_ESCAPES, key=len, reverse=True))) + "|[" + re.escape(_SKIPPED) + "]", re.IGNORECASE)
LONG = 16
"""Letters and digits of a form that are looked for whatever stands between them."""
PART = 12
"""Letters and digits of a secret, one after the other, that are told from ordinary words."""


class _Bare(dict[int, str | None]):
    """For str.translate: letters and digits of ASCII in their plain small form, whatever their dress, and nothing else."""

    def __missing__(self, code: int) -> str | None:
        plain = (
            chr(code - 0xE0000)
            if 0xE0020 <= code <= 0xE007E
            else "".join(part for part in unicodedata.normalize("NFKD", chr(code)) if not unicodedata.combining(part))
        )
        found = plain.lower() if len(plain) == 1 and plain.isascii() and plain.isalnum() else None
        self[code] = found
        return found


_BARE = _Bare()


class Redactor:
    """Called with a text returns it with every form of the secrets replaced by [key]. Cheap where there is none."""

    def __init__(self, *secrets: str | None) -> None:
        found = {form for secret in secrets if secret and len(secret.strip()) >= SHORTEST for form in _forms(secret.strip())}
        self._forms = tuple(sorted(found, key=len, reverse=True))
        bare = {form.translate(_BARE) for form in found}
        for secret in filter(None, secrets):
            plain = secret.translate(_BARE)
            bare |= {plain[at : at + PART] for at in range(0, len(plain) - PART + 1, PART // 2)} if len(plain) >= 2 * PART else set()
            bare |= _numbered(secret.strip()) if len(plain) >= LONG else set()
        self._bare = tuple(sorted((form for form in bare if len(form) >= PART), key=len, reverse=True))

    def __call__(self, text: str) -> str:
        """The text without the secrets."""
        if not text or not self._forms:
            return text
        squeezed = text.translate(_TABLE).lower()
        if "\\" in squeezed or "%" in squeezed or "&" in squeezed or "<" in squeezed or "=" in squeezed:
            squeezed = _TOKEN.sub("", text).lower()
        if not any(form in squeezed for form in self._forms):
            return self._without_bare(text)
        return self._without_bare(self._cut(text))

    def _without_bare(self, text: str) -> str:
        """The text without what is a secret, or a part of one, to whoever reads letters and digits alone."""
        near = text if text.isascii() or max(text) >= "\U000e0000" else _ascii(text)
        letters = near.translate(_BARE)
        if not any(form in letters for form in self._bare):
            return text
        bare = text.translate(_BARE)
        places = [at for at, character in enumerate(text) if _BARE[ord(character)] is not None]
        spans = sorted(span for form in self._bare for span in _spans(bare, form, places))
        kept: list[str] = []
        at = 0
        for start, end in spans:
            if start >= at:
                kept += [text[at:start], MARK if not (kept and start == at) else ""]
            at = max(at, end)
        return "".join([*kept, text[at:]])

    def _cut(self, text: str) -> str:
        """Find the secrets in the text without its line breaks and escapes, and take them out where they stand."""
        kept: list[str] = []
        places: list[int] = []
        at = 0
        for found in _TOKEN.finditer(text):
            kept.append(text[at : found.start()])
            places += range(at, found.start())
            at = found.end()
        kept.append(text[at:])
        places += range(at, len(text))
        joined = "".join(kept)
        squeezed = joined.lower()
        if len(squeezed) != len(joined):  # a few letters become two in lower case: those stay as they are
            squeezed = "".join(lower if len(lower := character.lower()) == 1 else character for character in joined)
        spans = [span for form in self._forms for span in _spans(squeezed, form, places)]
        result: list[str] = []
        at = 0
        for start, end in sorted(spans):
            if start >= at:
                result += [text[at:start], MARK]
            at = max(at, end)
        return "".join([*result, text[at:]])


def _spans(text: str, form: str, places: list[int]) -> list[tuple[int, int]]:
    spans: list[tuple[int, int]] = []
    at = text.find(form)
    while at >= 0:
        spans.append((places[at], places[at + len(form) - 1] + 1))
        at = text.find(form, at + len(form))
    return spans


def _ascii(text: str) -> str:
    """What of a text is ASCII in any dress, in a tenth of the time that looking at each character takes."""
    return unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()


def _numbered(secret: str) -> set[str]:
    """Its characters by number, as escapes and lists of bytes write them, without what stands between."""
    forms = ("{:02x}", "x{:x}", "x{:04x}", "0x{:02x}", "u{:x}", "u{:04x}", "{:d}", "{:04d}", "{:03o}", "{:o}", "{:08b}")
    return {"".join(form.format(ord(c)) for c in secret) for form in forms}


def _forms(secret: str) -> set[str]:
    """How a secret may be written, in lower case: as it is, backwards, in hexadecimal, percent, HTML and base64 at each alignment."""
    raw = secret.encode()
    forms = {secret, secret[::-1], raw.hex(), quote(secret, safe=""), "".join(f"%{byte:02x}" for byte in raw)}
    forms |= {"".join(c if c.isalnum() else quote(c, safe="") if quote(c, safe="") != c else f"%{ord(c):02x}" for c in secret)}
    forms |= {secret.replace("&", "&amp;").replace("<", "&lt;"), secret.replace("/", "\\/"), "".join(f"&#{ord(c)};" for c in secret)}
    forms |= {"".join(f"\\x{byte:02x}" for byte in raw), "".join(f"\\u{ord(c):04x}" for c in secret)}
    once = set(_base64(raw))
    forms |= once | {form.replace("+", "-").replace("/", "_") for form in once}
    forms |= {form for inner in once if len(inner) >= LONG for form in _base64(inner.encode())}
    forms |= {form[::-1] for form in once} | {form.encode().hex() for form in once}
    for wide in (secret.encode("utf-16-le"), secret.encode("utf-16-be"), raw.hex().encode()):
        forms |= {wide.hex(), *_base64(wide)}
    forms |= {binascii.b2a_uu(raw[at : at + 45]).decode().strip()[1:] for at in range(0, len(raw), 45) if len(raw[at:]) >= PART}
    forms |= {form for encode in (base64.b32encode, base64.b32hexencode) for form in _digits(raw, 5, encode, (0, 2, 4, 5, 7))}
    forms |= {codecs.encode(secret, "rot13"), "".join(chr(33 + (ord(c) + 14) % 94) if "!" <= c <= "~" else c for c in secret)}
    forms |= {"".join(f"%25{byte:02x}" for byte in raw)}
    for encode in (base64.b85encode, base64.a85encode):
        forms |= {form for form in _digits(raw, 4, encode, (0, 5, 5, 5)) if len(form) >= LONG}
    return {form.lower() for form in forms if form.strip()}


def _base64(raw: bytes) -> Iterator[str]:
    return _digits(raw, 3, base64.b64encode, (0, 2, 3))


def _digits(raw: bytes, group: int, encode: Callable[[bytes], bytes], unsure: tuple[int, ...]) -> Iterator[str]:
    """The digits that are the same whatever stands beside the secret, for each place in a group at which it may begin.

    `unsure`: digits at the beginning that depend on what stands before it, for each place.
    """
    for shift, first in enumerate(unsure):
        whole = len(raw) - (shift + len(raw)) % group
        digits = encode(b"\0" * shift + raw[: max(whole, 0)]).decode()[first:]
        if len(digits) >= SHORTEST:
            yield digits
