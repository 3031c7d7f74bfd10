"""Small picture files for tests, drawn on the spot."""

import struct
import zlib
from io import BytesIO

from PIL import Image


def picture(form: str = "PNG", size: tuple[int, int] = (40, 20), colour: str = "teal", mode: str = "RGB", **options: object) -> bytes:
    """A picture of one colour as a file of this form (PNG, JPEG, GIF, WEBP)."""
    into = BytesIO()
    Image.new(mode, size, colour).save(into, form, **options)
    return into.getvalue()


def animated(form: str = "PNG") -> bytes:
    """Two frames, red and blue: an APNG, or an animated GIF."""
    into = BytesIO()
    first, second = (Image.new("RGB", (20, 20), colour) for colour in ("red", "blue"))
    first.save(into, form, save_all=True, append_images=[second], duration=100)
    return into.getvalue()


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few hundred bytes that says it has so many pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
