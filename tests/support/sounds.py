"""Sounds made for tests."""

import numpy as np

from worker.senses import audio
from worker.senses.audio import Sound


def tone(seconds: float, rate: int = 16_000) -> bytes:
    """A WAV file of a tone that swells."""
    at = np.arange(int(seconds * rate)) / rate
    return audio.wav(Sound((np.sin(at * 2764) * 20_000 * at / seconds).astype(np.int16), rate))
