"""Files made to do harm are refused in one sentence, cheaply, and nothing of them reaches a disk (R40)."""

import json
import stat
import struct
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable
from io import BytesIO

import pytest

from engine.cards import png
from engine.cards.archive import MOST_FILES
from engine.cards.card import read_card
from engine.cards.refusal import Unreadable
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


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_refused_in_one_sentence(name: str) -> None:
    """It costs at most 16 MB more than the file itself."""
    make, said = HOSTILE[name]
    raw = make()
    tracemalloc.start()
    try:
        with pytest.raises(Unreadable, match=said) as refused:
            read_card(raw, "file.yaml" if "YAML" in name else "file")
        assert tracemalloc.get_traced_memory()[1] <= 16 * MB
    finally:
        tracemalloc.stop()
    assert str(refused.value).count(". ") <= 1


def test_a_bomb_that_says_it_is_small_is_noticed_while_it_is_unpacked() -> None:
    """The list of contents says 10 bytes; the file in it has 20 MB."""
    packed = zlib.compressobj(9, zlib.DEFLATED, -15)
    body = packed.compress(bytes(20 * MB)) + packed.flush()
    raw = bytearray(cards.zipped({"card.json": b"0123456789"}, zipfile.ZIP_STORED))
    small = bytes(raw)
    local = small[:30] + b"card.json"
    head = bytearray(local)
    head[8:10], head[18:26] = struct.pack("<H", 8), struct.pack("<II", len(body), 10)
    at = small.index(b"PK\x01\x02")
    central = bytearray(small[at : small.rindex(b"PK\x05\x06")])
    central[10:12], central[20:28] = struct.pack("<H", 8), struct.pack("<II", len(body), 10)
    end = bytearray(small[small.rindex(b"PK\x05\x06") :])
    end[16:20] = struct.pack("<I", len(head) + len(body))
    with pytest.raises(Unreadable):
        read_card(bytes(head) + body + bytes(central) + bytes(end))
