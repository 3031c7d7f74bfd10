"""Pictures from outside, made harmless: told by their content, bounded before they are decoded, and encoded anew. Pure.

Encoding anew leaves behind whatever a file held besides its picture: places and dates (EXIF), scripts, a second file glued to its end.
An animation is kept as its first frame. SVG is no picture here: it is a program.
"""

import base64
from dataclasses import dataclass
from io import BytesIO
from typing import Literal

from PIL import Image, ImageOps, UnidentifiedImageError

from engine.errors import TzurotError

MOST_BYTES = 10 * 1024 * 1024
"""Largest file that is looked at: what Discord takes from people without Nitro."""
MOST_PIXELS = 30_000_000
"""Largest picture that is decoded: some 120 MB of memory for a moment."""
MOST_PARTS = 10_000
"""Most chunks of a PNG: a hundred thousand empty ones would be a second of work."""
SIDE, SMALL_SIDE = 1024, 128
"""Longest side, in pixels, of a stored picture and of its thumbnail."""
KINDS = "PNG, JPEG, GIF or WebP"
_FORMATS = ("PNG", "JPEG", "GIF", "WEBP")
_SIGNATURES = ((b"\x89PNG\r\n\x1a\n", "image/png"), (b"\xff\xd8\xff", "image/jpeg"), (b"GIF87a", "image/gif"), (b"GIF89a", "image/gif"))
_QUALITY = 88
_DAMAGED = "The picture is damaged: it could not be read to its end."

Suffix = Literal["png", "jpg"]


class NotAPicture(TzurotError):
    """The file cannot be taken as a picture; the sentence says why."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture as it is stored: PNG or JPEG, upright, without metadata. Sides in pixels."""

    content: bytes
    media_type: str
    width: int
    height: int


def media_type(content: bytes) -> str | None:
    """What kind of picture a file is by its first bytes, whatever its name says; None when it is none of KINDS."""
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp"
    return next((kind for signature, kind in _SIGNATURES if content.startswith(signature)), None)


def data_url(content: bytes) -> str:
    """A picture as text."""
    return f"data:{media_type(content)};base64,{base64.b64encode(content).decode()}"


def sides(content: bytes) -> tuple[int, int]:
    """Width and height of a stored picture in pixels, from its header alone. Raises NotAPicture."""
    try:
        with Image.open(BytesIO(content), formats=_FORMATS) as opened:
            return opened.size
    except (OSError, ValueError, SyntaxError):
        raise NotAPicture(_DAMAGED) from None


def suffix(content: bytes) -> Suffix:
    """How a stored picture's file name ends."""
    return "png" if media_type(content) == "image/png" else "jpg"


def prepared(content: bytes, side: int = SIDE) -> Picture:
    """Decode a file and encode it anew, at most `side` pixels long. Raises NotAPicture. Takes up to a second of computing."""
    if len(content) > MOST_BYTES:
        raise NotAPicture(f"The picture is larger than {MOST_BYTES // 2**20} MB. Make it smaller first.")
    if media_type(content) is None:
        raise NotAPicture(f"This is no picture. Send a {KINDS} file.")
    if _has_too_many_parts(content):
        raise NotAPicture("The picture has more parts than a picture can need.")
    try:
        with Image.open(BytesIO(content), formats=_FORMATS) as opened:
            return _encoded(_upright(opened, side))
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise _too_many_pixels() from None
    except UnidentifiedImageError:
        raise NotAPicture(f"This is no picture. Send a {KINDS} file.") from None
    except (OSError, ValueError, SyntaxError, EOFError, IndexError, TypeError, AttributeError, OverflowError, MemoryError, Warning):
        # What Pillow's decoders raise for files made to break them is not written down; where warnings are errors, those too.
        raise NotAPicture(_DAMAGED) from None


def as_png(content: bytes) -> bytes:
    """A stored picture as PNG, for what can be nothing else. Raises NotAPicture."""
    if media_type(content) == "image/png":
        return content
    try:
        with Image.open(BytesIO(content), formats=_FORMATS) as opened:
            return _saved(opened, "PNG")
    except (OSError, ValueError, SyntaxError):
        raise NotAPicture(_DAMAGED) from None


def _has_too_many_parts(content: bytes) -> bool:
    at = 8
    for _ in range(MOST_PARTS):
        if at >= len(content) or content[at + 4 : at + 8] == b"IEND":  # whatever is glued to its end is left behind
            return False
        at += 12 + int.from_bytes(content[at : at + 4])
    return media_type(content) == "image/png"


def _upright(opened: Image.Image, side: int) -> Image.Image:
    width, height = opened.size
    if width * height > MOST_PIXELS:
        raise _too_many_pixels()
    opened.draft("RGB", (side, side))  # JPEG only: decode no more than is needed
    turned = ImageOps.exif_transpose(opened)
    turned = turned.convert("RGBA" if turned.has_transparency_data else "RGB")
    turned.thumbnail((side, side), Image.Resampling.LANCZOS)
    return turned


def _encoded(picture: Image.Image) -> Picture:
    """PNG where something shows through, or where it is hardly larger than JPEG: drawings. JPEG otherwise."""
    lossless, width, height = _saved(picture, "PNG"), *picture.size
    if picture.mode != "RGBA":
        lossy = _saved(picture, "JPEG")
        if len(lossless) > 1.5 * len(lossy):
            return Picture(lossy, "image/jpeg", width, height)
    return Picture(lossless, "image/png", width, height)


def _saved(picture: Image.Image, form: str) -> bytes:
    into = BytesIO()
    picture.save(into, form, optimize=True, **({"quality": _QUALITY} if form == "JPEG" else {}))
    return into.getvalue()


def _too_many_pixels() -> NotAPicture:
    return NotAPicture(f"The picture has more than {MOST_PIXELS // 1_000_000} million pixels. Make it smaller first.")
