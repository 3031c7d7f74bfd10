"""Files made to do harm: cards that unpack to much, lead out of their archive, never end, or say of themselves what is not so."""

import json
import stat
import struct
import zipfile
from collections.abc import Callable
from io import BytesIO

from engine.cards import png
from engine.cards.archive import MOST_FILES
from tests.support import cards

MB = 2**20


def _linked() -> bytes:
    into = BytesIO()
    with zipfile.ZipFile(into, "w") as archive:
        info = zipfile.ZipInfo("card.json")
        info.create_system, info.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
        archive.writestr(info, "/etc/passwd")
    return into.getvalue()


def _bomb_in_zip(size: int, name: str = "card.json") -> bytes:
    return cards.zipped({name: bytes(size)})


def _bad_crc() -> bytes:
    keyword = b"chara\0" + cards.coded(cards.v2())
    return cards.in_png(cards.chunk(b"tEXt", keyword, crc=1))


def _many_files() -> bytes:
    return cards.zipped({f"{n}": b"" for n in range(MOST_FILES + 1)})


def _says_few_files() -> bytes:
    raw = bytearray(_many_files())
    at = raw.rfind(b"PK\x05\x06")
    raw[at + 8 : at + 12] = struct.pack("<HH", 1, 1)
    return bytes(raw)


def _named(name: str) -> bytes:
    raw = cards.zipped({"x" * len(name): b"{}", "card.json": json.dumps(cards.v2()).encode()})
    return raw.replace(b"x" * len(name), name.encode())


HOSTILE: dict[str, tuple[Callable[[], bytes], str]] = {
    "zTXt bomb": (lambda: cards.in_png(cards.text_chunk(b"chara", bytes(200 * MB), b"zTXt")), "larger than 8 MB when unpacked"),
    "iTXt bomb": (lambda: cards.in_png(cards.text_chunk(b"ccv3", bytes(200 * MB), b"iTXt")), "larger than 8 MB when unpacked"),
    "not packed at all": (lambda: cards.in_png(cards.chunk(b"zTXt", b"chara\0\0nonsense")), "cannot be unpacked"),
    "100,000 chunks": (lambda: cards.in_png(cards.chunk(b"tEXt", b"a\0b") * 100_000), "more parts"),
    "bad checksum": (_bad_crc, "a checksum does not fit"),
    "cut off": (lambda: cards.in_png(cards.text_chunk(b"chara", cards.coded(cards.v2())))[:-30], "ends in the middle"),
    "length of 4 GB": (lambda: png.SIGNATURE + b"\xff\xff\xff\xffIHDR" + bytes(40), "ends in the middle"),
    "deep": (lambda: b"[" * 100_000 + b"]" * 100_000, "nested deeper"),
    "deep within limits of count": (lambda: b'{"data":' * 500 + b"1" + b"}" * 500, "nested deeper"),
    "a million values": (lambda: b"[" + b"1," * 1_000_000 + b"1]", "more values"),
    "9 MB of JSON": (lambda: b'{"name":"' + b"a" * (9 * MB) + b'"}', "larger than 8 MB"),
    "path up": (lambda: _named("../../a"), "leads out of it"),
    "path absolute": (lambda: _named("/etc/pa"), "leads out of it"),
    "path of Windows": (lambda: _named("C:\\\\a.."), "leads out of it"),
    "path with backslashes": (lambda: _named("..\\..\\a"), "leads out of it"),
    "path with NUL": (lambda: _named("a\0bcdef"), "leads out of it"),
    "symbolic link": (_linked, "a link"),
    "card.json of 70 MB": (lambda: _bomb_in_zip(70 * MB), "larger than 64 MB"),
    "card.json of 20 MB": (lambda: _bomb_in_zip(20 * MB), "larger than 8 MB"),
    "many files": (_many_files, "files"),
    "many files, said to be one": (_says_few_files, "files"),
    "archive without its end": (lambda: cards.charx(cards.v2())[:-30], "archive"),
    "42.zip": (lambda: cards.zipped({f"lib {n}.zip": _bomb_in_zip(MB, "a") for n in range(16)}), "no card.json"),
    "laughing YAML": (lambda: b"a: &a [x]\nb: &b [*a,*a]\nname: x\ncontext: y\n", "by reference"),
    "endless YAML": (lambda: b"- " * 30_000 + b"x: y", "YAML"),
    "nothing": (bytes, "holds no"),
    "huge file": (lambda: bytes(26 * MB), "larger than 25 MB"),
}
"""Name -> how it is made, and what is said of it."""
