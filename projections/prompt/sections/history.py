"""What was said, as real messages: the character's own replies as the assistant's, everybody else's words as data. Last the message
to answer.

References: `POSITION`, and behind it `~EDIT` where the text it had by then stands, `^ASKED` the message a reply belongs to,
`>ANSWERED` what a person replied to, `!SEEN` for each description of a picture on it, each transcript of a voice message and each message
it points to, that followed by `!LATER` where it says something else by now. Before them
`q:POSITION` of what is quoted,
`c:ID@POSITION` for names of other characters, `s:POSITION` for regex scripts.
"""

import re
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from uuid import UUID

from engine.events import Event
from engine.events.message import MessageCued, MessageEdited, MessageQuoted, MessageReceived, PictureDescribed, VoiceTranscribed
from engine.events.reply import ReplyEdited
from engine.events.turn import DroppedPart, TurnCompleted
from engine.macros.scripts import Placement, Script, apply
from engine.store import Log, Recorded
from engine.store.together import answers
from projections.models import catalog, history_window, pictures
from projections.models.history import Entry
from projections.models.history_window import Line
from projections.models.places import quotes
from projections.prompt import rewriting
from projections.prompt.message import Message
from projections.prompt.section import Budget, Chosen, Piece, Place, Scene, Snapshot
from projections.prompt.sections import character, said
from projections.prompt.sections.markup import readable

NAME = "history"
VERSION = 9
PLACE: Place = "talk"
BUDGET: Budget = "window"
NONE_SEEN: Mapping[int, Sequence[int]] = MappingProxyType({})
REWRITTEN_SINCE = 7
"""Version from which on regex scripts change what was said."""
_PLACEMENTS = {"message": Placement.USER, "reply": Placement.CHARACTER}
_REF = re.compile(r"(q:)?(\d+)(?:~(\d+))?(?:\^(\d+))?(?:>(\d+))?((?:!\d+)*)")


class Unanswerable(Exception):
    """The message a turn is to answer is not there any more."""


@dataclass(frozen=True, slots=True)
class Said:
    """An entry with its reference; `answers` is what it replies to, `asked` the position of the message it belongs to."""

    ref: str
    entry: Entry
    asked: int
    answers: Entry | None = None
    needs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Talk:
    """What was said in the order of the prompt, the message to answer last, and the names of other characters."""

    lines: tuple[Said, ...]
    names: Mapping[UUID, str]
    scripts: tuple[Script, ...] = ()
    script_refs: tuple[str, ...] = ()
    scripts_erased: bool = False

    @property
    def erased(self) -> bool:
        return self.scripts_erased or any(line.entry.erased for line in self.lines)


async def select(snapshot: Snapshot) -> Chosen:
    """The entries before the message, with what they reply to. Raises Unanswerable."""
    connection, channel, reader = snapshot.connection, snapshot.channel, snapshot.character
    trigger, before = await _window(snapshot)
    lines = [*before, trigger]
    replied_to = {line.reply_to for line in lines if line.kind == "message" and line.reply_to is not None}
    quoted, seen, scripts = await answers(
        history_window.replied_to(connection, channel, reader, replied_to),
        _seen(snapshot, [line.message_id for line in lines if line.message_id is not None]),
        rewriting.references(connection, reader, snapshot.guild),
    )
    speakers = {line.character for line in (*lines, *quoted.values())} - {None, reader}
    named = await catalog.described(connection, [speaker for speaker in speakers if speaker is not None])
    older = (DroppedPart(what=f"history:before:{min(line.position for line in lines)}", why="limit"),)
    refs = (*scripts, *(f"c:{who}@{position}" for who, position in sorted(named.items())), *references(lines, quoted, seen))
    return Chosen(refs, dropped=older if len(before) >= snapshot.limit else ())


async def _window(snapshot: Snapshot) -> tuple[Line, list[Line]]:
    """The message to answer, and the entries before it: asked for together where its position is known. Raises Unanswerable."""

    def before(position: int) -> Awaitable[list[Line]]:
        return history_window.before(
            snapshot.connection,
            snapshot.channel,
            position,
            reader=snapshot.character,
            limit=snapshot.limit,
            since=snapshot.since,
            most_bytes=snapshot.most_bytes,
        )

    asked = history_window.message(snapshot.connection, snapshot.message_id)
    trigger, found = await answers(asked, before(snapshot.asked_at)) if snapshot.asked_at is not None else (await asked, [])
    if trigger is None:
        raise Unanswerable
    return trigger, found if trigger.position == snapshot.asked_at else await before(trigger.position)


async def _seen(snapshot: Snapshot, messages: Sequence[int]) -> Mapping[int, Sequence[int]]:
    """Message -> where the log says what its pictures show, and what it points to."""
    described, pointed = await answers(
        pictures.described(snapshot.connection, messages),
        quotes.pointed_to(snapshot.connection, messages, user=snapshot.user, reader=snapshot.character),
    )
    return {message: (*described.get(message, ()), *pointed.get(message, ())) for message in described.keys() | pointed.keys()}


def references(lines: Sequence[Line], quoted: Mapping[int, Line], seen: Mapping[int, Sequence[int]] = NONE_SEEN) -> list[str]:
    """The references of entries in their order, and before them those of what is only quoted. Pure."""
    # Also what stands among the entries itself: it may be left out, and what answers it still quotes it.
    found = sorted({f"q:{_place(line)}" for line in quoted.values()})
    for line in lines:
        asked = f"^{line.asked}" if line.kind == "reply" else ""
        answered = quoted.get(line.reply_to) if line.kind == "message" and line.reply_to is not None else None
        looked = "".join(f"!{position}" for position in seen.get(line.message_id or 0, ()))
        found.append(f"{_place(line)}{asked}" + (f">{answered.position}" if answered else "") + looked)
    return found


def spoken(refs: Sequence[str]) -> list[str]:
    """Of references of this section those of what it shows, as `position` or `position~edit`, in their order."""
    found = [_REF.fullmatch(ref) for ref in refs]
    return [one[2] + (f"~{one[3]}" if one[3] else "") for one in found if one is not None and not one[1]]


def _place(line: Line) -> str:
    return f"{line.position}~{line.edit}" if line.edit is not None else str(line.position)


@dataclass(frozen=True, slots=True)
class _Parsed:
    ref: str
    quoted: bool
    position: int
    edit: int | None
    asked: int | None
    answered: int | None
    seen: tuple[int, ...] = ()


def _parse(ref: str) -> _Parsed:
    found = _REF.fullmatch(ref)
    if found is None:
        raise LookupError(f"{ref} is no reference to something that was said")
    position, edit, asked, answered = (int(number) if number else None for number in found.groups()[1:5])
    seen = tuple(map(int, found[6].split("!")[1:]))
    return _Parsed(ref, bool(found[1]), position or 0, edit, asked, answered, seen)


async def load(log: Log, chosen: Chosen, as_of: int) -> Talk:
    """The entries, opened, each with the text it had by then. LookupError when something is not there."""
    parsed = [_parse(ref) for ref in chosen.refs if not ref.startswith(("c:", rewriting.PREFIX))]
    scripts = rewriting.positions(chosen.refs)
    wanted = {position for line in parsed for position in (line.position, line.edit, *line.seen) if position is not None} | {*scripts}
    rows = {recorded.position: recorded for recorded in await log.at(sorted(wanted))}
    entries = {line.position: _looked_at(entry_of(rows, line.position, line.edit), rows, line.seen) for line in parsed}
    quotes = {line.position: line.ref for line in parsed if line.quoted}
    named = {UUID(ref[2:].partition("@")[0]): ref for ref in chosen.refs if ref.startswith("c:")}
    cards = {who: await character.described(log, ref[2:]) for who, ref in named.items()}
    lines = []
    for line in parsed:
        if not line.quoted:
            answers = entries.get(line.answered) if line.answered is not None else None
            speakers = {entry.character for entry in (entries[line.position], answers) if entry is not None}
            needs = [ref for who, ref in named.items() if who in speakers] + ([quotes[line.answered]] if line.answered in quotes else [])
            lines.append(Said(line.ref, entries[line.position], line.asked or line.position, answers, tuple(needs)))
    return Talk(
        tuple(lines),
        {who: card.description.name for who, card in cards.items() if card is not None},
        rewriting.of(rows, chosen.refs),
        tuple(ref for ref in chosen.refs if ref.startswith(rewriting.PREFIX)),
        any(rows[position].erased for position in scripts),
    )


def entry_of(rows: Mapping[int, Recorded[Event]], position: int, edit: int | None) -> Entry:
    """What was said at a position, with its later text. LookupError when nothing was."""
    recorded = rows.get(position)
    match recorded.event if recorded is not None else None:
        case MessageReceived() as event if recorded is not None:
            entry = said.message(recorded, event)
            later = rows.get(edit) if edit is not None else None
            if later is not None and isinstance(later.event, MessageEdited):
                changed = later.event
                entry = replace(
                    entry,
                    text=changed.text,
                    author_name=changed.author_name or entry.author_name,
                    attachments=changed.attachments,
                    edited=True,
                    erased=entry.erased or later.erased,
                )
            return entry
        case (TurnCompleted() | ReplyEdited()) as event if recorded is not None:
            return said.reply(recorded, event)
        case MessageCued() as event if recorded is not None:
            return said.cue(recorded, event)
    raise LookupError(f"position {position} of the log is nothing that was said")


def _looked_at(entry: Entry, rows: Mapping[int, Recorded[Event]], seen: Sequence[int]) -> Entry:
    """The entry with what its files show or say, and what it points to. A file that an edit took away or moved is told by its name."""
    files, found, heard, pointed = said.files(entry), dict[int, str](), dict[int, str](), list[MessageQuoted | None]()
    for position in seen:
        recorded = rows.get(position)
        match recorded.event if recorded is not None else None:
            case MessageQuoted() as quote if recorded is not None:
                pointed.append(None if recorded.erased else quote)
            case (MessageEdited() | TurnCompleted() | ReplyEdited()) as later if recorded is not None and pointed:
                pointed[-1] = None if recorded.erased else _by_now(pointed[-1], later)
            case (PictureDescribed() | VoiceTranscribed()) as event if recorded is not None:
                if not recorded.erased and event.number < len(files) and files[event.number].name == event.name:
                    (heard if isinstance(event, VoiceTranscribed) else found)[event.number] = event.text
            case _:
                raise LookupError(f"position {position} of the log describes no picture and no message")
    quotes = tuple(quote for quote in pointed if quote is not None)
    return replace(entry, seen=found or entry.seen, heard=heard, quotes=quotes) if found or heard or pointed else entry


def _by_now(quote: MessageQuoted | None, later: MessageEdited | TurnCompleted | ReplyEdited) -> MessageQuoted | None:
    """What is pointed to with its text of now. What was forwarded stays what it was: Discord shows that as it was too."""
    if quote is None or quote.how == "forward":
        return quote
    files = later.attachments if isinstance(later, MessageEdited) else ()
    return quote.model_copy(update={"text": later.text, "attachments": files})


def render(data: Talk, scene: Scene, version: int) -> Sequence[Piece]:
    """One message each. Version 1 showed neither what is replied to, nor names in mentions, nor attachments of forwards; 2 no pictures;

    up to 4 characters that nobody sees were sent, and equal names were not told apart; up to 5 own replies as people rewrote them; up
    to 6 no script changed anything.
    """
    told = said.told_apart(line.entry for line in data.lines) if version >= said.SEEN_SINCE else {}
    lines = data.lines if version < REWRITTEN_SINCE or not data.scripts else _rewritten(data)
    return [_piece(line, scene.character, data, version, told) for line in lines]


def _rewritten(data: Talk) -> list[Said]:
    """The lines as regex scripts leave them. Depth 0 is the message to answer."""
    found = []
    for depth, line in zip(reversed(range(len(data.lines))), data.lines, strict=True):
        placement = _PLACEMENTS.get(line.entry.kind)
        text = line.entry.text if placement is None else apply(line.entry.text, data.scripts, placement, depth=depth)
        found.append(line if text == line.entry.text else replace(line, entry=replace(line.entry, text=text)))
    return found


def _piece(line: Said, reader: UUID, data: Talk, version: int, told: Mapping[int, str]) -> Piece:
    entry = line.entry
    return Piece(
        _message(line, reader, data.names, version, told),
        refs=(*data.script_refs, *line.needs, line.ref),
        what=f"history:{entry.position}",
        group=line.asked,
        position=entry.position,
        speaker=entry.author_name if entry.kind == "message" and not entry.erased else "",
        cut=tuple(said.cuts(entry, version)),
    )


def _message(line: Said, reader: UUID, names: Mapping[UUID, str], version: int, told: Mapping[int, str]) -> Message:
    entry = line.entry
    if entry.kind == "cue":
        return said.prompting(entry)
    which = told.get(entry.author_id or 0, "") if entry.kind == "message" else ""
    return said.render(entry, reader, names, line.answers, version, which)


def offer(data: Talk, scene: Scene, version: int) -> Mapping[str, str]:
    """What macros say of what was said: the message to answer, which is always there."""
    last = data.lines[-1].entry if data.lines else None
    if last is None or last.kind != "message" or last.erased:
        return {}
    text = readable(last.text, last.mentioned, everywhere=version < said.CODE_SINCE) if last.venue == "discord" else last.text
    return {"lastmessage": text[: said.LONGEST], "lastusermessage": text[: said.LONGEST]}
