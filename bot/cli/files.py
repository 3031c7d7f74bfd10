"""Files that commands write for people: whole under their name, or not there."""

import os
import secrets
import sys
from contextlib import suppress
from pathlib import Path

from engine.embedded.folder import why
from engine.outside.printed import json_text, printable
from projections.terminal import NotFound


def show(content: bytes) -> None:
    """Write a file's content to standard output. What a terminal would act on is escaped: in JSON always, else where a terminal is."""
    if content[:1] in (b"{", b"["):
        sys.stdout.write(json_text(content.decode("utf-8", "replace")))
    elif sys.stdout.isatty():
        sys.stdout.write(printable(content.decode("utf-8", "replace")))
    else:
        sys.stdout.buffer.write(content)
    sys.stdout.flush()


def write(file: Path, content: bytes) -> None:
    """Write beside the file's place and move it there, so that what has the name is whole. Raises NotFound with what is in the way."""
    beside = file.exists() and not file.is_file()  # a device or a pipe has no place beside it
    part = file if beside else file.with_name(f"{file.name[:200]}.{secrets.token_hex(4)}.part")
    try:
        with part.open("wb") as out:
            out.write(content)
            out.flush()
            if not beside:
                os.fsync(out.fileno())
        if not beside:
            part.replace(file.resolve() if file.is_symlink() else file)
    except OSError as error:
        if not beside:
            with suppress(OSError):
                part.unlink(missing_ok=True)
        raise NotFound(f"{file} cannot be written: {why(error)}.") from None
