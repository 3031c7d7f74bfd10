"""A conversation as a page shows it: lines, what is being written, and who is being talked to."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from bot.console import words
from bot.console.prose import plain
from bot.console.speak import cast_of
from bot.console.state import OPERATOR, VENUE, Console
from engine import ids
from engine.events.turn import TurnFailed
from projections import chats, made, replies
from projections.live import drafts
from projections.made import MadeFile
from projections.models import catalog, channels
from projections.models.catalog import Character
from projections.models.places import chat_marks
from projections.models.places.chat_marks import UNMARKED, ChatMark

PAGE = 100
QUOTE = 60
GONE = "A deleted character"
SHOWN = 3
"""Answers that are not begun yet and are shown one by one: the others are counted."""
Names = Mapping[UUID, str]


@dataclass(frozen=True, slots=True)
class View:
    """One line. `kind` is message, reply or error; an error has a category in words, and a reference."""

    kind: str
    message_id: int
    who: str
    at: datetime
    text: str
    turn: UUID | None = None
    character: UUID | None = None
    reply_to: int | None = None
    quote: str = ""
    category: str = ""
    reference: str = ""
    seen: int = 0
    channel: int = 0
    asked: int | None = None
    made: tuple[UUID, ...] = ()
    segments: frozenset[UUID] = frozenset()
    forked: bool = False
    pictures: tuple[str, ...] = ()
    files: tuple[MadeFile, ...] = ()
    """What was made for it and stands below it."""

    @property
    def segment(self) -> bool:
        """Whether it goes on from a reply, and has no versions of its own."""
        return self.turn in self.segments

    @property
    def count(self) -> int:
        """Of the versions of the reply."""
        return len(self.made)

    @property
    def place(self) -> int:
        """Of this version among them, from 1; 0 for a notice that stands beside them."""
        return self.made.index(self.turn) + 1 if self.turn in self.made else 0

    @property
    def earlier(self) -> UUID | None:
        """The version before this one; for a notice the latest there is."""
        return self.made[self.place - 2] if self.place > 1 else self.made[-1] if self.made and not self.place else None

    @property
    def later(self) -> UUID | None:
        return self.made[self.place] if 0 < self.place < len(self.made) else None


@dataclass(frozen=True, slots=True)
class Writing:
    """An answer that is not there yet. Without text, somebody is typing; `note` says what is unusual."""

    turn: UUID
    character: UUID
    who: str
    text: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Live:
    """What is being answered, as a page shows it: some answers one by one, and how many more wait."""

    drafts: tuple[Writing, ...] = ()
    more: int = 0


def condensed(writing: Sequence[Writing]) -> Live:
    """Show every answer that has begun and the next ones, one a character; count the rest. Pure."""
    shown: list[Writing] = []
    silent: set[UUID] = set()
    for one in writing:
        begun = bool(one.text or one.note)
        if begun or (one.character not in silent and len(silent) < SHOWN):
            shown.append(one)
            silent |= set() if begun else {one.character}
    return Live(tuple(shown), len(writing) - len(shown))


@dataclass(frozen=True, slots=True)
class Host:
    """Whom the conversation is with."""

    id: UUID
    name: str
    slug: str = ""
    tone: str = ""
    greeting: str = ""


async def names(console: Console) -> Names:
    """What the characters are called. Costs one statement as long as none of them changes."""
    return await console.characters.names()


async def mine(console: Console) -> list[chats.Chat]:
    """The operator's conversations, the latest first."""
    async with console.log.pool.connection() as connection:
        return await chats.chats(connection, console.log.vault, OPERATOR, venue=VENUE)


async def mark(console: Console, channel: int) -> ChatMark:
    """Its title, if it was given one, and whether it was deleted."""
    async with console.log.pool.connection() as connection:
        return (await chat_marks.of(connection, console.log.vault, [channel])).get(channel, UNMARKED)


async def host(console: Console, channel: int) -> Host:
    """The character the chat was begun with."""
    async with console.log.pool.connection() as connection:
        active = await channels.active_in(connection, channel)
        session = await channels.session(connection, channel)
        wanted = active[0] if active else session.character if session else ids.derived("nobody")
        found = await catalog.character(connection, console.log.vault, wanted)
    if found is None:
        return Host(wanted, GONE)
    return Host(found.id, found.name, found.slug, found.description.tone, found.description.greeting)


async def taking_part(console: Console, channel: int) -> tuple[list[Character], list[Character]]:
    """The characters of a chat, and those that could come in."""
    async with console.log.pool.connection() as connection:
        active = await channels.active_in(connection, channel)
    known = {character.id: character for character in await cast_of(console)}
    return [known[one] for one in active if one in known], [one for one in known.values() if one.id not in active]


async def lines(console: Console, channel: int, called: Names, *, after: int = 0, before: int | None = None) -> tuple[list[View], int]:
    """The lines that became visible after a position, and the position up to which this is all."""
    async with console.log.pool.connection() as connection:
        said = await chats.lines(connection, console.log.vault, channel, after=after, before=before, limit=PAGE)
        needed = any(line.kind == "reply" or (line.kind == "message" and line.reply_to) for line in said)
        earlier = await chats.lines(connection, console.log.vault, channel, before=before, limit=PAGE) if needed else said
        files = await made.below(connection, {line.turn for line in said if line.kind == "reply" and line.turn is not None})
        changed = await replies.versions(connection, {(line.reply_to, line.character) for line in said if line.reply_to and line.character})
    known = {line.message_id: line for line in (*earlier, *said)}
    quoted = {message_id: _first_words(line, called) for message_id, line in known.items()}
    apart = answered_from_afar(sorted(known.values(), key=lambda line: line.seen))
    views = [_changeable(await _view(console, line, called, quoted, apart), line, channel, changed) for line in said]
    views = [replace(view, files=files.get(view.turn, ())) if view.turn is not None else view for view in views]
    return views, max((line.seen for line in said), default=after)


def _changeable(view: View, line: chats.ChatLine, channel: int, changed: Mapping[replies.Reply, replies.Versions]) -> View:
    """With what can be done with it."""
    found = changed.get((line.reply_to, line.character), replies.ALONE) if line.reply_to and line.character else replies.ALONE
    view = replace(view, seen=line.seen, channel=channel, asked=line.reply_to, forked=line.forked)
    return view if line.forked else replace(view, made=found.made, segments=found.segments)


async def settled(console: Console) -> int:
    """Position up to which pages show everything."""
    async with console.log.pool.connection() as connection:
        return await chats.shown_by_all(connection)


async def older_than(console: Console, channel: int, before: int | None) -> int | None:
    """Where the page before this one ends, when there is one."""
    async with console.log.pool.connection() as connection:
        return await chats.page_edge(connection, channel, before=before, limit=PAGE)


def _first_words(line: chats.ChatLine, called: Names) -> str:
    who = called.get(line.character, GONE) if line.character else plain(line.author_name)
    text = plain(line.text)
    return f"{who}: {text[:QUOTE]}{'…' if len(text) > QUOTE else ''}"


def answered_from_afar(lines: Sequence[chats.ChatLine]) -> frozenset[int]:
    """Which replies do not stand below the message they answer, because something else was said in between. Pure."""
    latest: int | None = None
    found: set[int] = set()
    for line in lines:
        if line.kind == "message":
            latest = line.message_id
        elif line.kind == "reply" and line.reply_to != latest:
            found.add(line.message_id)
    return frozenset(found)


async def _view(console: Console, line: chats.ChatLine, called: Names, quoted: Mapping[int, str], apart: Collection[int]) -> View:
    who = called.get(line.character, GONE) if line.character else line.author_name
    if line.kind != "error":
        says = line.reply_to is not None and (line.kind == "message" or line.message_id in apart)
        quote = quoted.get(line.reply_to, "an earlier message") if says and line.reply_to else ""
        return View(
            line.kind,
            line.message_id,
            who,
            line.sent_at,
            line.text,
            line.turn,
            line.character,
            line.reply_to,
            quote,
            pictures=line.pictures,
        )
    sentence = await _what_went_wrong(console, line.turn) if line.turn else ""
    return View(
        "error",
        line.message_id,
        who,
        line.sent_at,
        sentence,
        line.turn,
        line.character,
        category=words.category(line.category),
        reference=line.reference or "",
    )


async def _what_went_wrong(console: Console, turn: UUID) -> str:
    """The friendly sentence: the character's own where it has one."""
    recorded = await console.log.find(ids.terminal(turn))
    if recorded is None or not isinstance(recorded.event, TurnFailed):
        return ""
    async with console.log.pool.connection() as connection:
        character = await catalog.character(connection, console.log.vault, recorded.event.character_id)
    own = character.description.error_message.strip() if character else ""
    return own or recorded.event.user_message


async def writing(console: Console, channel: int, called: Names) -> list[Writing]:
    """What is being answered, with the text as far as it has come."""
    async with console.log.pool.connection() as connection:
        due = await chats.waiting(connection, channel)
        texts = {draft.turn: draft.text for draft in await drafts.in_channel(connection, console.log.vault, channel)} if due else {}
    return [await _writing(console, turn, called, texts) for turn in due]


async def _writing(console: Console, turn: chats.Waiting, called: Names, texts: Mapping[UUID, str]) -> Writing:
    text = texts.get(turn.turn, "")
    if turn.status == "completed":
        # The draft is gone by now, and the delivery not there yet: show what will be delivered instead of flickering.
        recorded = await console.log.find(ids.terminal(turn.turn))
        text = str(getattr(recorded.event, "text", text)) if recorded else text
    note = f"attempt {turn.attempts}" if turn.attempts > 1 and turn.status == "pending" else "once more" if turn.epoch else ""
    return Writing(turn.turn, turn.character, called.get(turn.character, GONE), text, note)


async def exists(console: Console, channel: int) -> bool:
    """Whether there is such a conversation."""
    async with console.log.pool.connection() as connection:
        return await chats.is_chat(connection, channel, OPERATOR, venue=VENUE)
