"""Which messages found in a channel are the ones that were about to be sent (R03). Pure."""

import hashlib
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from engine.events.reply import Chunk


@dataclass(frozen=True, slots=True)
class Found:
    """A message of ours that stands in the channel and belongs to no reply yet."""

    id: int
    text: str
    files: tuple[str, ...] = ()
    """Names of the files on it."""


type Digest = Callable[[str], str]
"""The digest of a text by the key of the person it is for."""


def chunk_of(text: str, digest: Digest) -> Chunk:
    """A text as DeliveryIntended records it."""
    return Chunk(sha256=digest(text), length=len(text), keyed=True)


def is_chunk(text: str, chunk: Chunk, digest: Digest) -> bool:
    """Whether this is the recorded text, also by a record from before digests were keyed."""
    return chunk.sha256 == (digest(text) if chunk.keyed else hashlib.sha256(text.encode("utf-8", "replace")).hexdigest())


def adopt(
    texts: Sequence[str],
    intended: Sequence[Chunk | None],
    found: Sequence[Found],
    digest: Digest,
    after: int = 0,
    files: Sequence[str] = (),
) -> dict[int, int]:
    """Which of the texts stand in the channel: index -> message id.

    `found` is in channel order. Texts stand in order, so each is looked for after the one before it, the first one after `after`. A
    text counts as the same when its digest does or the one recorded for it, or when only white space and invisible characters differ,
    which Discord may change. What is to carry the file named at its place in `files` is the same as what carries a file of that name.
    """
    adopted: dict[int, int] = {}
    for index, text in enumerate(texts):
        recorded = intended[index] if index < len(intended) else None
        file = files[index] if index < len(files) else ""
        there = (m for m in found if m.id > after)
        match = next((m for m in there if (file in m.files if file else _is_same(m.text, text, recorded, digest))), None)
        if match is not None:
            adopted[index] = after = match.id
    return adopted


def _is_same(seen: str, text: str, recorded: Chunk | None, digest: Digest) -> bool:
    return (recorded is not None and is_chunk(seen, recorded, digest)) or _essence(seen) == _essence(text)


def _essence(text: str) -> str:
    visible = "".join(c for c in unicodedata.normalize("NFC", text) if unicodedata.category(c) != "Cf")
    return " ".join(visible.split())
