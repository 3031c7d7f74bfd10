"""Which messages found in a channel are the ones that were about to be sent (R03). Pure."""

import hashlib
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from engine.events.reply import Chunk


@dataclass(frozen=True, slots=True)
class Found:
    """A message of ours that stands in the channel and belongs to no reply yet."""

    id: int
    text: str


def digest(text: str) -> str:
    """What identifies a text in DeliveryIntended."""
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()


def chunk_of(text: str) -> Chunk:
    """A text as DeliveryIntended records it."""
    return Chunk(sha256=digest(text), length=len(text))


def adopt(texts: Sequence[str], intended: Sequence[Chunk | None], found: Sequence[Found], after: int = 0) -> dict[int, int]:
    """Which of the texts stand in the channel: index -> message id.

    `found` is in channel order. Texts stand in order, so each is looked for after the one before it, the first one after `after`. A
    text counts as the same when its digest does or the one recorded for it, or when only white space and invisible characters differ,
    which Discord may change.
    """
    adopted: dict[int, int] = {}
    for index, text in enumerate(texts):
        recorded = intended[index] if index < len(intended) else None
        match = next((m for m in found if m.id > after and _is_same(m.text, text, recorded)), None)
        if match is not None:
            adopted[index] = after = match.id
    return adopted


def _is_same(seen: str, text: str, recorded: Chunk | None) -> bool:
    return (recorded is not None and digest(seen) == recorded.sha256) or _essence(seen) == _essence(text)


def _essence(text: str) -> str:
    visible = "".join(c for c in unicodedata.normalize("NFC", text) if unicodedata.category(c) != "Cf")
    return " ".join(visible.split())
