"""Text to speech on this machine: Debian's espeak-ng, a program of its own."""

import asyncio
import re
import shutil
from contextlib import suppress

MISSING = "This machine has no espeak-ng: install it (Debian: apt-get install espeak-ng), or name a model in SPEECH_MODEL."
DEFAULT = "en-us"
SECONDS = 60.0
_VOICE = re.compile(r"[A-Za-z][\w.-]{0,30}(\+[\w.-]{1,20})?")


class NoSpeech(Exception):
    """It cannot be said here; the sentence says what to do."""


def is_here() -> bool:
    """Whether espeak-ng is installed."""
    return shutil.which("espeak-ng") is not None


async def spoken(text: str, voice: str) -> bytes:
    """A WAV file of a text, said in a voice of espeak-ng's such as `en-gb+f3`; empty: American English. Raises NoSpeech."""
    program = shutil.which("espeak-ng")
    if program is None:
        raise NoSpeech(MISSING)
    if voice and not _VOICE.fullmatch(voice):
        raise NoSpeech("The voice is none of espeak-ng's, which are called like en-gb or en-gb+f3. `espeak-ng --voices` lists them.")
    # The text comes by standard input: as an argument, one that begins with a hyphen would be an option.
    process = await asyncio.create_subprocess_exec(
        *(program, "-v", voice or DEFAULT, "-b", "1", "--stdin", "--stdout"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(SECONDS):
            made, _ = await process.communicate(text.encode())
    except TimeoutError:
        raise NoSpeech(f"espeak-ng took longer than {SECONDS:.0f} seconds.") from None
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    if process.returncode != 0 or len(made) <= 44:
        raise NoSpeech(
            f"espeak-ng has no voice {voice!r}. `espeak-ng --voices` lists those it has." if voice else "espeak-ng said nothing."
        )
    return made
