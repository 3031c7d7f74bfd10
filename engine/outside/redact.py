"""Leaves a secret out of what others say, in whatever form they say it: as it is, escaped, encoded, or broken over lines."""

import base64
import re
from urllib.parse import quote

MARK = "[key]"
SHORTEST = 6
"""A shorter secret cannot be told from ordinary words."""
_SKIPPED = "".join(map(chr, [*range(33), 127, 0x85, 0xA0, 0x2028, 0x2029, 0xFEFF, *range(0x200B, 0x2010), 0x2060, 0xAD]))
_TABLE = {ord(character): None for character in _SKIPPED}
_ESCAPES = ("\\r", "\\n", "\\t", "\\u000a", "\\u000d", "\\u0009", "%0a", "%0d", "%20", "&#10;", "&#13;", "=\n", "<br>", "<wbr>")
_TOKEN = re.compile("|".join(map(re.escape, sorted(_ESCAPES, key=len, reverse=True))) + "|[" + re.escape(_SKIPPED) + "]", re.IGNORECASE)


class Redactor:
    """Called with a text returns it with every form of the secrets replaced by [key]. Cheap where there is none."""

    def __init__(self, *secrets: str | None) -> None:
        found = {form for secret in secrets if secret and len(secret.strip()) >= SHORTEST for form in _forms(secret.strip())}
        self._forms = tuple(sorted(found, key=len, reverse=True))

    def __call__(self, text: str) -> str:
        """The text without the secrets."""
        if not text or not self._forms:
            return text
        squeezed = text.translate(_TABLE).lower()
        if "\\" in squeezed or "%" in squeezed or "&" in squeezed or "<" in squeezed or "=" in squeezed:
            squeezed = _TOKEN.sub("", text).lower()
        if not any(form in squeezed for form in self._forms):
            return text
        return self._cut(text)

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


def _forms(secret: str) -> set[str]:
    """How a secret may be written, in lower case: as it is, backwards, in hexadecimal, percent, HTML and base64 at each alignment."""
    raw = secret.encode()
    forms = {secret, secret[::-1], raw.hex(), quote(secret, safe=""), "".join(f"%{byte:02x}" for byte in raw)}
    forms |= {"".join(c if c.isalnum() else quote(c, safe="") if quote(c, safe="") != c else f"%{ord(c):02x}" for c in secret)}
    forms |= {secret.replace("&", "&amp;").replace("<", "&lt;"), secret.replace("/", "\\/"), "".join(f"&#{ord(c)};" for c in secret)}
    forms |= {"".join(f"\\x{byte:02x}" for byte in raw), "".join(f"\\u{ord(c):04x}" for c in secret)}
    for shift in range(3):
        padded = base64.b64encode(b"\0" * shift + raw).decode().rstrip("=")
        # The first and the last digits depend on what stands beside the secret.
        inner = padded[(0, 2, 3)[shift] : len(padded) - (1 if (shift + len(raw)) % 3 else 0)]
        forms |= {inner, inner.replace("+", "-").replace("/", "_")} if len(inner) >= SHORTEST else set()
    return {form.lower() for form in forms if form.strip()}
