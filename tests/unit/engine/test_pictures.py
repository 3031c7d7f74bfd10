"""Pictures from outside: told by content, bounded, upright, without what else a file held."""

from contextlib import suppress
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from engine.blobs.pictures import MOST_BYTES, SIDE, NotAPicture, media_type, prepared, suffix
from tests.support.examples import examples
from tests.support.pictures import animated, bomb, picture

FILES = [
    *(picture(form) for form in ("PNG", "JPEG", "GIF", "WEBP")),
    picture(mode="RGBA", colour="#12345678"),
    picture("JPEG", mode="CMYK"),
    picture(mode="1"),
    picture(mode="I;16"),
    picture(mode="P", transparency=0),
    animated("PNG"),
    animated("GIF"),
]


PADDED = picture() + bytes(MOST_BYTES)


@pytest.mark.parametrize("content", FILES, ids=range(len(FILES)))
def test_every_form_becomes_png_or_jpeg(content: bytes) -> None:
    """Also APNG, grey, palette and print colours; taking a stored one again gives one as large."""
    found = prepared(content)
    assert found.media_type == media_type(found.content)
    assert found.media_type in {"image/png", "image/jpeg"}
    assert suffix(found.content) == {"image/png": "png", "image/jpeg": "jpg"}[found.media_type]
    assert (prepared(found.content).width, prepared(found.content).height) == (found.width, found.height)


def test_a_large_picture_is_made_smaller_and_a_small_one_is_left() -> None:
    """The longest side is 1024 at most, the proportions stay."""
    large = prepared(picture("JPEG", (2400, 1200)))
    assert (large.width, large.height) == (SIDE, SIDE // 2)
    assert (prepared(picture(size=(40, 20))).width, prepared(picture(size=(40, 20))).height) == (40, 20)
    assert prepared(picture(size=(400, 200)), 128).width == 128


def test_what_is_glued_to_a_pictures_end_is_no_part_of_it() -> None:
    """However long: it is left behind."""
    assert prepared(picture() + bytes(200_000)) == prepared(picture())


def test_an_animation_is_its_first_frame() -> None:
    """And only that one."""
    with Image.open(BytesIO(prepared(animated()).content)) as shown:
        assert shown.convert("RGB").getpixel((5, 5)) == (255, 0, 0)


def test_where_and_when_it_was_taken_is_left_out_and_it_stands_upright() -> None:
    """EXIF says how a phone was held, and much else."""
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "at home"
    found = prepared(picture("JPEG", (40, 20), exif=exif))
    assert (found.width, found.height) == (20, 40)
    assert b"at home" not in found.content
    assert b"canary" not in prepared(picture() + b"canary").content


def test_what_shows_through_still_does() -> None:
    """A character cut out of its background."""
    with Image.open(BytesIO(prepared(picture(mode="RGBA", colour="#ff000080")).content)) as shown:
        assert shown.mode == "RGBA"
        assert shown.getpixel((1, 1)) == (255, 0, 0, 128)


@pytest.mark.parametrize("content", [bomb(60_000, 60_000), bomb(11_000, 9_000), bomb(8_000, 8_000)])
def test_a_picture_with_too_many_pixels_is_refused_before_it_is_decoded(content: bytes) -> None:
    """A few hundred bytes that would need gigabytes."""
    assert len(content) < 500
    with pytest.raises(NotAPicture, match="million pixels"):
        prepared(content)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "no picture"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'><script/></svg>", "no picture"),
        (b"BM" + bytes(100), "no picture"),
        (PADDED, "larger than 10 MB"),
        (picture()[:60], "damaged"),
        (bomb(100, 100), "damaged"),
        (picture()[:33] + (bytes(4) + b"teSt" + bytes(4)) * 10_000 + picture()[33:], "more parts"),
    ],
)
def test_what_is_no_picture_is_refused_in_a_sentence(content: bytes, said: str) -> None:
    """By its content: a name or a type that somebody claims is not asked for."""
    with pytest.raises(NotAPicture, match=said):
        prepared(content)


@examples(100)
@given(st.sampled_from(FILES), st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 255)), max_size=8), st.integers(0, 2000))
def test_any_damage_gives_a_picture_or_a_sentence(content: bytes, changes: list[tuple[int, int]], cut: int) -> None:
    """No decoder's own error comes through."""
    damaged = bytearray(content)
    for at, value in changes:
        damaged[at % len(damaged)] = value
    with suppress(NotAPicture):
        assert media_type(prepared(bytes(damaged[: max(cut, 20)])).content) is not None
