"""Audio as people send it and as characters speak: which files it is in, its sound as numbers, and files made of those.

Reading anything but WAV, and writing Ogg Opus, is PyAV's work (the extra `voice`); without it WAV is read and written alone.
"""

import base64
import io
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.events.message import Attachment
from worker.senses.pictures import KEPT, allowed

MOST_BYTES = 10 * 1024 * 1024
"""Of an audio file that is listened to."""
MOST_SECONDS = 1200.0
OPUS_RATE = 48_000
MOMENTS = 256
"""Points of a waveform at most."""
MOMENT_SECONDS = 0.1
type Samples = NDArray[np.int16]


class NoAudio(Exception):
    """The file cannot be read as audio; the sentence says why."""


@dataclass(frozen=True, slots=True)
class Sound:
    """One channel of samples, so many a second."""

    samples: Samples
    rate: int

    @property
    def seconds(self) -> float:
        return len(self.samples) / self.rate


def spoken(found: Sequence[Attachment], api: str) -> list[int]:
    """The numbers of those files that can be listened to: voice messages and audio that lie on Discord's servers, or here. Pure."""
    return [n for n, file in enumerate(found) if is_spoken(file) and (file.url.startswith(KEPT) or allowed(file.url, api))]


def is_spoken(file: Attachment) -> bool:
    """Whether a file is a voice message or audio, and small enough. Pure."""
    audio = file.kind == "voice" or (file.kind == "file" and file.media_type.partition("/")[0].strip().lower() == "audio")
    return audio and (file.size or 0) <= MOST_BYTES


def decoded(content: bytes, rate: int | None = None) -> Sound:
    """The sound of a file, at a rate of its own or at this one. Raises NoAudio."""
    if content[:4] == b"RIFF" and rate is None:
        return _of_wav(content)
    av = _av()
    if av is None:
        if content[:4] == b"RIFF" and rate is not None:
            return resampled(_of_wav(content), rate)
        raise NoAudio("Only WAV can be read here. Install the extra `voice`.")
    try:
        return _by_av(av, content, rate)
    except (av.FFmpegError, ValueError, IndexError, EOFError) as error:
        raise NoAudio(f"It is no audio that can be read ({type(error).__name__}).") from None


def _av() -> Any:
    try:
        import av
    except ImportError:
        return None
    return av


def _of_wav(content: bytes) -> Sound:
    """A WAV file of 16 bits, whose header may say nothing true of its length: those who stream one do not know it yet."""
    place, rate, channels = 12, 0, 0
    while place + 8 <= len(content):
        name, size = content[place : place + 4], struct.unpack_from("<I", content, place + 4)[0]
        body = content[place + 8 : place + 8 + size]
        if name == b"fmt " and len(body) >= 16:
            _, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", body)
            if bits != 16 or not 1 <= channels <= 8 or not 1000 <= rate <= 200_000:
                raise NoAudio("It is a WAV file of a kind that is not read here.")
        elif name == b"data" and rate:
            whole = np.frombuffer(body[: len(body) // (2 * channels) * 2 * channels], dtype="<i2").reshape(-1, channels)
            return Sound(whole.mean(axis=1).astype(np.int16) if channels > 1 else whole[:, 0].astype(np.int16), rate)
        place += 8 + size + size % 2
    raise NoAudio("It is a WAV file without sound.")


def _by_av(av: Any, content: bytes, rate: int | None) -> Sound:
    found: list[Samples] = []
    count = 0
    with av.open(io.BytesIO(content)) as container:
        to = rate or container.streams.audio[0].rate
        resampler = av.AudioResampler(format="s16", layout="mono", rate=to)
        for frame in container.decode(audio=0):
            for piece in resampler.resample(frame):
                found.append(piece.to_ndarray().reshape(-1))
                count += len(found[-1])
            if count > MOST_SECONDS * to:
                raise NoAudio(f"It is longer than {MOST_SECONDS / 60:.0f} minutes.")
        found += [piece.to_ndarray().reshape(-1) for piece in resampler.resample(None)]
    if not found:
        raise NoAudio("There is no sound in it.")
    return Sound(np.concatenate(found), to)


def resampled(sound: Sound, rate: int) -> Sound:
    """The same sound at another rate, between samples in a straight line."""
    if sound.rate == rate:
        return sound
    count = int(len(sound.samples) * rate / sound.rate)
    places = np.arange(count) * (sound.rate / rate)
    return Sound(np.interp(places, np.arange(len(sound.samples)), sound.samples).astype(np.int16), rate)


def wav(sound: Sound) -> bytes:
    """A WAV file of a sound."""
    body = sound.samples.astype("<i2").tobytes()
    head = struct.pack(
        "<4sI4s4sIHHIIHH4sI", b"RIFF", 36 + len(body), b"WAVE", b"fmt ", 16, 1, 1, sound.rate, 2 * sound.rate, 2, 16, b"data", len(body)
    )
    return head + body


def opus(sound: Sound) -> bytes | None:
    """An Ogg file of Opus as voice messages are: 48 kHz, one channel, 32 kbit/s. None where nothing here can make one."""
    av = _av()
    if av is None or "libopus" not in av.codecs_available:
        return None
    made = io.BytesIO()
    with av.open(made, "w", format="ogg") as container:
        stream = container.add_stream("libopus", rate=OPUS_RATE, layout="mono")
        stream.bit_rate = 32_000
        frame = av.AudioFrame.from_ndarray(sound.samples.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate, frame.pts = sound.rate, 0
        resampler = av.AudioResampler(format="s16", layout="mono", rate=OPUS_RATE, frame_size=960)
        for piece in [*resampler.resample(frame), *resampler.resample(None), None]:
            for packet in stream.encode(piece):
                container.mux(packet)
    return made.getvalue()


def waveform(sound: Sound) -> str:
    """How loud it is from moment to moment, as Discord draws it: a byte for every tenth of a second, at most 256 of them, in base64."""
    count = max(1, min(MOMENTS, int(sound.seconds / MOMENT_SECONDS)))
    parts = np.array_split(np.abs(sound.samples.astype(np.int32)), count)
    peaks = np.array([int(part.max()) if len(part) else 0 for part in parts], dtype=np.float64)
    loudest = peaks.max() or 1.0
    return base64.b64encode((peaks / loudest * 255).astype(np.uint8).tobytes()).decode()
