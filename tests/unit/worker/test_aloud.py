"""What is said of a reply: its words, without what is there for the eye."""

from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.events.message import Attachment
from worker.senses import audio
from worker.senses.audio import Sound, wav
from worker.turn.text.aloud import LONGEST, sayable


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("**Well**, *hello* there. __Sit__ ~~down~~ ||now||.", "Well, hello there. Sit down now."),
        ("# Title\n> quoted\n- first\n-# small", "Title quoted first small"),
        ("See [the map](https://example.org/a_b) or https://example.org/x.", "See the map or"),
        ("<:heron:123> waves at <@42> in <#7>", "heron waves at in"),
        ("Run this:\n```py\nprint(1)\n```\nDone.", "Run this: Done."),
        ("```\nnever closed", ""),
        ("*...* \u200b 🙂", ""),
        ("2 * 3 and snake_case", "2 * 3 and snake_case"),
    ],
)
def test_marks_and_addresses_are_not_said(text: str, said: str) -> None:
    assert sayable(text) == said


@given(st.text(max_size=400))
def test_any_text_becomes_one_short_line(text: str) -> None:
    """Whatever it is made of; said once, nothing more is left to take away but marks that stood within marks."""
    said = sayable(text * 20)
    assert len(said) <= LONGEST
    assert "\n" not in said
    assert said.isprintable()


def test_a_long_reply_ends_with_a_sentence() -> None:
    said = sayable("This is a sentence. " * 400)
    assert said.endswith("sentence.")
    assert LONGEST - 20 < len(said) <= LONGEST


def test_what_can_be_listened_to() -> None:
    """Voice messages and audio of a sane size on Discord's servers; nothing else is fetched."""
    voice = Attachment(kind="voice", name="v.ogg", url="https://cdn.discordapp.com/v.ogg", media_type="audio/ogg", size=100)
    more: list[dict[str, object]] = [
        {"kind": "file"},
        {"kind": "file", "media_type": "AUDIO/mpeg; x=1"},
        {"kind": "file", "media_type": "video/mp4"},
        {"kind": "image"},
        {"url": "https://evil.example/v.ogg"},
        {"size": audio.MOST_BYTES + 1},
    ]
    found = [voice, *(voice.model_copy(update=one) for one in more)]
    assert audio.spoken(found, "https://discord.com/api/v10") == [0, 1, 2]


HEAD = wav(Sound(np.zeros(0, dtype=np.int16), 16_000))[:40]


@given(st.binary(max_size=200), st.sampled_from([b"RIFF", HEAD + b"\xff\xff\xff\xff", HEAD[:30]]))
def test_no_file_breaks_the_reader(content: bytes, start: bytes) -> None:
    """Read, or refused; a header that lies about its length is not believed."""
    with suppress(audio.NoAudio):
        assert audio.decoded(start + content).seconds >= 0
