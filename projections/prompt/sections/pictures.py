"""Pictures of the message to answer and of the one that it replies to, for a model that sees: behind the message, each after its name.

References: `POSITION#NUMBER=ADDRESS`, with `~EDIT` behind the position where the message was edited: the message, the picture's place
among its files and emoji, and the address of its bytes, which are kept sealed, so that the prompt can be built again.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from engine import blobs
from engine.blobs.pictures import data_url, sides
from engine.events.base import Event
from engine.events.message import Attachment, MessageEdited, MessageReceived
from engine.events.turn import DroppedPart
from engine.store import Log, Recorded
from projections.models import history_window
from projections.prompt import tokens
from projections.prompt.message import Image, Message, Text
from projections.prompt.section import Budget, Chosen, Piece, Place, Scene, Snapshot
from projections.prompt.text import attribute, seen

NAME = "pictures"
VERSION = 1
PLACE: Place = "tail"
BUDGET: Budget = "spare"
MOST_EMOJI = 4
"""Custom emoji of one message that are looked at."""
_REF = re.compile(r"(\d{1,19})(?:~(\d{1,19}))?#(\d{1,4})=(\w{1,100})")
_EMOJI = re.compile(r"<a?:(\w{1,32}):(\d{1,20})>")


@dataclass(frozen=True, slots=True)
class ShownPicture:
    """One picture with its reference; `url` is a `data:` URL, `tokens` what it counts as."""

    ref: str
    name: str
    author: str
    kind: str
    url: str
    tokens: int


@dataclass(frozen=True, slots=True)
class ShownPictures:
    """What a model is shown, the most important first."""

    pictures: tuple[ShownPicture, ...] = ()
    erased: bool = False


def files(message: MessageReceived) -> list[Attachment]:
    """All files of a message, then those of what it forwards: a picture's number is its place here. Pure."""
    return [*message.attachments, *(file for forward in message.forwards for file in forward.attachments)]


def emoji(text: str) -> list[tuple[str, str]]:
    """(name, id) of the custom emoji in a text, each once; their numbers follow those of the files. Pure."""
    return [(name, which) for which, name in {found[2]: found[1] for found in _EMOJI.finditer(text)}.items()][:MOST_EMOJI]


async def select(snapshot: Snapshot) -> Chosen:
    """Those that were fetched for this turn, as far as the character may know the message they are on."""
    if not snapshot.pictures:
        return Chosen()
    connection, reader = snapshot.connection, snapshot.character
    trigger = await history_window.message(connection, snapshot.message_id)
    if trigger is None:
        return Chosen()
    asked = {trigger.reply_to} if trigger.reply_to is not None else set[int]()
    lines = await history_window.replied_to(connection, snapshot.channel, reader, asked) | {snapshot.message_id: trigger}
    refs, dropped = list[str](), list[DroppedPart]()
    for picture in snapshot.pictures:
        line = lines.get(picture.message_id)
        if line is None or line.kind != "message":
            continue
        if picture.address:
            edit = f"~{line.edit}" if line.edit is not None else ""
            refs.append(f"{line.position}{edit}#{picture.number}={picture.address}")
        else:
            dropped.append(DroppedPart(what=f"picture:{line.position}#{picture.number}", why="unavailable"))
    return Chosen(tuple(refs), dropped=tuple(dropped))


async def load(log: Log, chosen: Chosen, as_of: int) -> ShownPictures:
    """The bytes of each, out of what is kept. LookupError when a message is not there."""
    if not chosen.refs:
        return ShownPictures()
    parsed = [(ref, *_parsed(ref)) for ref in chosen.refs]
    wanted = {position for _, message, edit, _, _ in parsed for position in (message, edit) if position is not None}
    rows = {recorded.position: recorded for recorded in await log.at(sorted(wanted))}
    found, erased = list[ShownPicture](), False
    for ref, position, edit, number, address in parsed:
        recorded = rows.get(position)
        if recorded is None or not isinstance(message := recorded.event, MessageReceived):
            raise LookupError(f"position {position} of the log is no message")
        content = None if recorded.erased else await blobs.get(log.pool, log.vault, address)
        if content is None:
            erased = True
        elif (named := _named(message, rows.get(edit) if edit is not None else None, number)) is not None:
            kind, name = named
            count = tokens.of_picture(*sides(content))
            found.append(ShownPicture(ref, name, message.author_name, kind, data_url(content), count))
    return ShownPictures(tuple(found), erased)


def _parsed(ref: str) -> tuple[int, int | None, int, str]:
    found = _REF.fullmatch(ref)
    if found is None:
        raise LookupError(f"{ref} is no reference to a picture")
    return int(found[1]), int(found[2]) if found[2] else None, int(found[3]), found[4]


def _named(message: MessageReceived, later: Recorded[Event] | None, number: int) -> tuple[str, str] | None:
    """(kind, name) of a picture; None for one that an edit took away or moved. Pure."""
    change = later.event if later is not None and isinstance(later.event, MessageEdited) else None
    own = files(message)
    if number >= len(own):
        symbols = emoji(message.text)[number - len(own) :]
        there = symbols and (change is None or f":{symbols[0][1]}>" in change.text)
        return ("emoji", f":{symbols[0][0]}:") if there else None
    file = own[number]
    if change is not None and number < len(message.attachments):
        kept = change.attachments[number : number + 1]
        if not kept or kept[0].name != file.name:
            return None
    return file.kind, file.name


def unseen(chosen: Chosen) -> Chosen:
    """What is chosen for a model that cannot see: nothing, and each is named as left out. Pure."""
    gone = tuple(DroppedPart(what=f"picture:{ref.partition('=')[0]}", why="model") for ref in chosen.refs)
    return Chosen(dropped=(*chosen.dropped, *gone))


def render(data: ShownPictures | None, scene: Scene, version: int) -> Sequence[Piece]:
    """Each behind a line that says which it is; nothing without one."""
    return [_piece(picture) for picture in data.pictures] if data is not None else []


def _piece(picture: ShownPicture) -> Piece:
    name, kind = attribute(picture.name), attribute(picture.kind)
    line = f'<attachment kind="{kind}" name="{name}" from="{attribute(picture.author)}">Shown here:</attachment>'
    parts = (Text(seen(line)), Image(picture.url, seen(name), picture.tokens))
    return Piece(Message("user", parts), refs=(picture.ref,), what=f"picture:{picture.ref.partition('=')[0]}")
