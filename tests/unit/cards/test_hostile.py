"""Files made to do harm are refused in one sentence, cheaply, and nothing of them reaches a disk (R40)."""

import struct
import tracemalloc
import zipfile
import zlib

import pytest

from engine.cards.card import read_card
from engine.cards.refusal import Unreadable
from tests.support import cards
from tests.support.hostile import HOSTILE, MB


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
