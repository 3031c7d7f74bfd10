"""`tzurot character avatar …`: put a character's picture, take it away, or write it to a file."""

import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

import typer

from bot import avatars, editing
from bot.cli import files
from engine import ids
from engine.actor import operator
from engine.blobs import pictures
from engine.decide.rejected import Rejected
from engine.resources.kinds import CHARACTER
from engine.store import Log
from engine.terminal import Json, say
from projections.terminal import NotFound, with_log

OPERATOR = operator(1)


def command(
    which: Annotated[str, typer.Argument(help="Its name, short name or id.")],
    file: Annotated[
        Path | None, typer.Argument(help=f"A {pictures.KINDS} file; - is standard input. Without it: whether there is a picture.")
    ] = None,
    clear: Annotated[bool, typer.Option("--clear", help="Take the picture away.")] = False,
    save: Annotated[Path | None, typer.Option(help="Write the stored picture to this file.", show_default=False)] = None,
    json: Json = False,
) -> None:
    """Give a character a picture, take it away, or save it."""
    if (file is not None) + clear + (save is not None) > 1:
        raise NotFound("Name a file, or --clear, or --save; not several of them.")
    content = _read(file) if file is not None else None

    async def work(log: Log) -> None:
        item = await editing.find(log, CHARACTER, OPERATOR, which)
        done = f"{item.name} has {'a' if item.values['avatar'] else 'no'} picture."
        if content is not None:
            await avatars.put(log, OPERATOR, item.id, content, ids.random_id())
            done = f"{item.name} has a new picture."
        elif clear:
            await avatars.clear(log, OPERATOR, item.id, ids.random_id())
            done = f"{item.name} has no picture any more."
        item = await editing.find(log, CHARACTER, OPERATOR, str(item.id))
        if save is not None:
            files.write(save, await _stored(log, item))
            done = f"Wrote {save}."
        say({"short name": item.handle, "avatar": item.values["avatar"]}, json=json, words=done)

    try:
        with_log(work)
    except Rejected as error:
        raise NotFound(str(error)) from None


async def _stored(log: Log, item: editing.Item) -> bytes:
    content = await avatars.read(log, item.values["avatar"])
    if content is None:
        raise Rejected(f"{item.name} has no picture.")
    return content


def _read(file: Path) -> bytes:
    try:
        with nullcontext(sys.stdin.buffer) if str(file) == "-" else file.open("rb") as source:
            return source.read(avatars.MOST_BYTES + 1)
    except OSError as error:
        raise NotFound(f"{file} cannot be read: {error.strerror}.") from None
