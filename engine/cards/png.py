"""The chunks of PNG and APNG files: cards hidden in their texts, and how to put them there. Pure; no picture is decoded."""

import base64
import binascii
import re
import struct
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from engine.cards.refusal import Unreadable
from engine.cards.trees import MOST_BYTES

SIGNATURE = b"\x89PNG\r\n\x1a\n"
MOST_CHUNKS = 10_000
"""A long animation has thousands."""
MOST_TEXT = MOST_BYTES * 4 // 3 + 1024
"""Largest text chunk, unpacked: a card as base64."""
_PIECE = 256 * 1024
ASSET = "chara-ext-asset_"
_TEXTS = (b"tEXt", b"zTXt", b"iTXt")
_BASE64 = re.compile(rb"[A-Za-z0-9+/=_\s-]*")


@dataclass(frozen=True, slots=True)
class PngChunk:
    """One chunk. `data` is a view of the file, not a copy."""

    kind: bytes
    data: memoryview


def chunks(raw: bytes) -> Iterator[PngChunk]:
    """Every chunk up to the end mark. Raises Unreadable for a file that was cut off, has wrong checksums, or too many chunks."""
    view, at = memoryview(raw), len(SIGNATURE)
    for _ in range(MOST_CHUNKS):
        if at + 12 > len(raw):
            raise Unreadable("The picture ends in the middle. Download the card again.")
        size, kind = struct.unpack_from(">I4s", raw, at)
        if at + 12 + size > len(raw):
            raise Unreadable("The picture ends in the middle. Download the card again.")
        data = view[at + 8 : at + 8 + size]
        if zlib.crc32(data, zlib.crc32(kind)) != struct.unpack_from(">I", raw, at + 8 + size)[0]:
            raise Unreadable("The picture is damaged: a checksum does not fit. Download the card again.")
        yield PngChunk(kind, data)
        if kind == b"IEND":
            return
        at += 12 + size
    raise Unreadable("The picture has more parts than a picture can need.")


@dataclass(frozen=True, slots=True)
class Texts:
    """The texts of a picture that may belong to a card, by keyword in small letters; the first of each name first."""

    found: tuple[tuple[str, bytes], ...]
    animated: bool

    def of(self, keyword: str) -> Iterator[bytes]:
        """The decoded contents under a keyword."""
        return (payload(content) for name, content in self.found if name == keyword)

    def assets(self) -> dict[str, bytes]:
        """The files that old V3 writers put into chunks of their own, by path."""
        found = ((name.removeprefix(ASSET).removeprefix(":"), content) for name, content in self.found if name.startswith(ASSET))
        return {path: payload(content) for path, content in found}


def texts(raw: bytes) -> Texts:
    """The texts of a PNG that belong to a card. Raises Unreadable for bombs and damage."""
    found, animated, held = list[tuple[str, bytes]](), False, 0
    for chunk in chunks(raw):
        animated = animated or chunk.kind == b"acTL"
        if chunk.kind in _TEXTS and (named := _text(chunk)) is not None:
            held += len(named[1])
            if held > 4 * MOST_TEXT:
                raise _bomb()
            found.append(named)
    return Texts(tuple(found), animated)


def _text(chunk: PngChunk) -> tuple[str, bytes] | None:
    """(keyword, content) of a text chunk; None for one that is no card's."""
    keyword, mark, rest = bytes(chunk.data[:200]).partition(b"\x00")
    name = keyword.decode("latin-1")
    name = name if name.startswith(ASSET) else name.strip().casefold()
    if not mark or not (name in ("chara", "ccv3") or name.startswith(ASSET)):
        return None
    start = len(keyword) + 1
    if chunk.kind == b"tEXt":
        return name, _bounded(chunk.data[start:])
    if chunk.kind == b"zTXt":
        return name, _inflated(chunk.data[start + 1 :])
    packed, tail = rest[:1] == b"\x01", bytes(chunk.data[start + 2 : start + 400]).split(b"\x00", 2)
    if len(tail) < 3:
        return None
    body = chunk.data[start + 2 + len(tail[0]) + len(tail[1]) + 2 :]
    return name, _inflated(body) if packed else _bounded(body)


def _bounded(data: memoryview) -> bytes:
    if len(data) > MOST_TEXT:
        raise _bomb()
    return bytes(data)


def _inflated(data: memoryview) -> bytes:
    try:
        if _unpacked_size(data) > MOST_TEXT:
            raise _bomb()
        return zlib.decompressobj().decompress(data)
    except zlib.error:
        raise Unreadable("The picture is damaged: a packed text in it cannot be unpacked.") from None


def _unpacked_size(data: memoryview) -> int:
    """How large a packed text becomes, counted piece by piece without keeping it; beyond MOST_TEXT it is not counted further."""
    unpacking, size, rest = zlib.decompressobj(), 0, bytes(data)
    while rest and size <= MOST_TEXT and not unpacking.eof:
        size += len(unpacking.decompress(rest, _PIECE))
        rest = unpacking.unconsumed_tail
    return size


def _bomb() -> Unreadable:
    return Unreadable(f"A text in the picture is larger than {MOST_BYTES // 2**20} MB when unpacked, which no card needs.")


def payload(content: bytes) -> bytes:
    """What a text stands for: base64 decoded, however it was wrapped or padded; other text as it is."""
    if content.lstrip()[:1] in (b"{", b"[") or not _BASE64.fullmatch(content):
        return content
    plain = b"".join(content.split()).translate(bytes.maketrans(b"-_", b"+/")).rstrip(b"=")
    try:
        return base64.b64decode(plain + b"=" * (-len(plain) % 4))
    except binascii.Error:
        return content


def with_texts(picture: bytes, wanted: Mapping[str, bytes]) -> bytes:
    """The PNG with these texts as base64 in tEXt chunks before its end; what it held under card keywords is taken out."""
    kept = [chunk for chunk in chunks(picture) if chunk.kind not in _TEXTS or _keyword(chunk) not in ("chara", "ccv3")]
    new = [PngChunk(b"tEXt", memoryview(name.encode() + b"\x00" + base64.b64encode(content))) for name, content in wanted.items()]
    return SIGNATURE + b"".join(_raw(chunk) for chunk in [*kept[:-1], *new, *kept[-1:]])


def _keyword(chunk: PngChunk) -> str:
    return bytes(chunk.data[:80]).partition(b"\x00")[0].decode("latin-1").casefold()


def _raw(chunk: PngChunk) -> bytes:
    return struct.pack(">I", len(chunk.data)) + chunk.kind + chunk.data + struct.pack(">I", zlib.crc32(chunk.data, zlib.crc32(chunk.kind)))


def plain(colour: tuple[int, int, int], side: int = 256) -> bytes:
    """A square picture of one colour, for a card whose character has none."""
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    lines = (b"\x00" + bytes(colour) * side) * side
    made = [
        PngChunk(b"IHDR", memoryview(header)),
        PngChunk(b"IDAT", memoryview(zlib.compress(lines, 9))),
        PngChunk(b"IEND", memoryview(b"")),
    ]
    return SIGNATURE + b"".join(map(_raw, made))
