"""One thing that was said: the entry an event stands for, and the message of a prompt it becomes."""

import hashlib
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Literal
from uuid import UUID

from engine import ids
from engine.events import Event
from engine.events.message import Attachment, Forward, MessageCued, MessageQuoted, MessageReceived
from engine.events.reply import ReplyEdited
from engine.events.turn import DroppedPart, TurnCompleted
from engine.store import Recorded
from projections.models.history import Entry
from projections.prompt.message import Message
from projections.prompt.sections.markup import mentioned_in, readable
from projections.prompt.text import attribute, escape, own_words, same_name, section, seen

LONGEST = 16_000
"""Characters of one message that reach a prompt; nobody's single message may fill a window."""
NAME = 100
"""Characters of anything that stands in an attribute."""
QUOTED_NAME, QUOTED_PLACE = 32, 40
"""Characters of who said what a message points to, and of where."""
QUOTE = 80
"""Characters of what is replied to: enough to know which one it was."""
MENTIONS = 20
"""Names a message may mention besides those in its text."""
SEEN_SINCE = 5
"""Version of the history from which on a model reads what a person sees."""
OWN_SINCE = 6
"""And from which on no own reply, which a person may have rewritten, holds a tag of ours."""
CODE_SINCE = 8
"""And from which on what stands in code is read as it is."""
OPENING = "<message "
CLOSING = "</message>"
"""What stands around everybody's words but the character's own; whoever reads a reply finds copies of it by these."""
CUES = {
    "room": "Nobody has spoken to you. Join the conversation above of your own accord, with what fits there now.",
    "initiative": "Nobody has said anything for a while. Begin a conversation of your own accord, or come back to something from above.",
}
"""Why a character speaks unasked -> what it is told."""
POINTED = {"link": "linked message", "reply": "message it replies to", "forward": "where the forwarded message comes from"}
"""How a message points to another -> what the prompt says of that."""
type Read = Callable[[str], str]

_MENTION = re.compile(r"<@!?(\d{1,20})>")


def message(recorded: Recorded[Event], event: MessageReceived) -> Entry:
    """The entry of a message as it was first."""
    return Entry(
        position=recorded.position,
        channel=event.channel_id,
        venue=event.venue,
        kind="message",
        message_id=event.message_id,
        turn=None,
        character=None,
        author_id=event.author_id,
        author_kind=event.author_kind,
        author_name=event.author_name,
        reply_to=event.reply_to,
        sent_at=ids.snowflake_time(event.message_id),
        text=event.text,
        edited=False,
        erased=recorded.erased,
        attachments=event.attachments,
        forwards=event.forwards,
        mentioned=event.mentioned,
    )


def reply(recorded: Recorded[Event], event: TurnCompleted | ReplyEdited) -> Entry:
    """The entry of a character's reply: as the model wrote it, or as a person rewrote it."""
    return Entry(
        position=recorded.position,
        channel=event.channel_id,
        venue=event.venue,
        kind="reply",
        message_id=None,
        turn=event.turn_id if isinstance(event, TurnCompleted) else event.version,
        character=event.character_id,
        author_id=event.user_id,
        author_kind="character",
        author_name="",
        reply_to=event.message_id,
        sent_at=recorded.row.occurred_at,
        text=event.text,
        edited=isinstance(event, ReplyEdited),
        erased=recorded.erased,
    )


def cue(recorded: Recorded[Event], event: MessageCued) -> Entry:
    """What stands in the place of the message where a character speaks unasked; its text is the reason."""
    return Entry(
        position=recorded.position,
        channel=event.channel_id,
        venue=event.venue,
        kind="cue",
        message_id=event.message_id,
        turn=None,
        character=None,
        author_id=event.author_id,
        author_kind="program",
        author_name="",
        reply_to=None,
        sent_at=ids.snowflake_time(event.message_id),
        text=event.why,
        edited=False,
        erased=False,
    )


def prompting(entry: Entry) -> Message:
    """What a character is told that speaks unasked."""
    return Message.of("user", section("cue", CUES[entry.text]))


def render(entry: Entry, character: UUID, names: Mapping[UUID, str], answers: Entry | None, version: int, told: str = "") -> Message:
    """One entry. `names` are those of other characters that may have spoken, `answers` is what it replies to.

    `told` tells its author apart from others who are called the same.
    """
    if entry.kind == "reply" and entry.character == character:
        own = own_words(entry.text, version) if version >= OWN_SINCE else entry.text
        return Message.of("assistant", own)
    kind = ' kind="character"' if entry.kind == "reply" else ' kind="bot"' if entry.author_kind != "human" else ""
    at = entry.sent_at.isoformat(" ", "minutes")[:16]
    more = _relations(entry, character, names, answers, version) if version > 1 else ""
    which = f' id="{told}"' if told else ""
    start = f'{OPENING}from="{attribute(_speaker(entry, None, names))}"{which}{kind} at="{at}"{more}>'
    whole = f"{start}\n{body(entry, version)}\n{CLOSING}"
    return Message.of("user", seen(whole) if version >= SEEN_SINCE else whole)


def told_apart(entries: Iterable[Entry]) -> dict[int, str]:
    """For people who share a name that looks the same: author -> some digits that differ among them. Pure."""
    called = defaultdict[str, set[int]](set)
    named = {(e.author_name, e.author_id) for e in entries if e.kind == "message" and not e.erased and e.author_id is not None}
    for name, author in named:
        called[same_name(name)].add(author)
    found = dict[int, str]()
    for authors in called.values():
        digests = {author: hashlib.sha256(str(author).encode()).hexdigest() for author in authors if len(authors) > 1}
        length = next((n for n in range(4, 65) if len({digest[:n] for digest in digests.values()}) == len(digests)), 64)
        found |= {author: digest[:length] for author, digest in digests.items()}
    return found


def _speaker(entry: Entry, reader: UUID | None, names: Mapping[UUID, str]) -> str:
    if entry.kind == "message":
        return entry.author_name
    return "you" if entry.character == reader else names.get(entry.character or UUID(int=0), "a former character")


def _relations(entry: Entry, reader: UUID, names: Mapping[UUID, str], answers: Entry | None, version: int) -> str:
    """Whom and what a person's message answers, and whom it mentions outside its text."""
    found = []
    if entry.kind == "message" and entry.reply_to is not None:
        found.append(f' answers="{attribute(_speaker(answers, reader, names)) if answers else "an earlier message"}"')
        if answers is not None and (quote := attribute(_reader(answers, version)(answers.text[: 10 * QUOTE]), QUOTE)):
            found.append(f' quote="{quote}"')
    if besides := _besides(entry)[:MENTIONS]:
        found.append(f' mentions="{", ".join(map(attribute, besides))}"')
    return "".join(found)


def _besides(entry: Entry) -> list[str]:
    """Names mentioned that stand nowhere in the texts."""
    if not entry.mentioned:
        return []
    texts = [entry.text, *(forward.text for forward in entry.forwards)]
    inside = {key for text in texts for key in mentioned_in(text)}
    return [name for mentioned, name in sorted(entry.mentioned.items()) if mentioned not in inside]


def _reader(entry: Entry, version: int) -> Read:
    """What makes an entry's words readable: names for ids, as far as this version of the section did it."""
    if version < 2:
        return str
    if version > 3 and entry.venue == "discord":
        return lambda text: readable(text, entry.mentioned, everywhere=version < CODE_SINCE)
    known = entry.mentioned
    return lambda text: _MENTION.sub(lambda found: f"@{known[found[1]][:NAME]}" if found[1] in known else found[0], text)


def body(entry: Entry, version: int) -> str:
    """Text, attachments and forwards of an entry, escaped and at most LONGEST characters of each."""
    read = _reader(entry, version)
    lines = [escape(_cut(read(entry.text)))] if entry.text else []
    seen = entry.seen if version > 2 else {}
    told = {number: _told("shows", text) for number, text in seen.items()} | {n: _told("spoken", text) for n, text in entry.heard.items()}
    lines += [_attachment(a, version, told.get(number, "")) for number, a in enumerate(entry.attachments)]
    first = len(entry.attachments)
    for forward in entry.forwards:
        lines.append(_forward(forward, read, version, {number - first: text for number, text in told.items()}))
        first += len(forward.attachments)
    lines += [line for quote in entry.quotes for line in _quote(quote, version)]
    return "\n".join(lines)


def _quote(quote: MessageQuoted, version: int) -> Iterator[str]:
    """What a message points to, and the files on that."""
    whole = Attachment(kind="file", name=_called(quote), text=_quoted(quote, version))
    yield f'<attachment kind="{POINTED[quote.how]}" name="{attribute(whole.name)}">{escape(_cut(whole.text))}</attachment>'
    yield from (_attachment(file, version) for file in quote.attachments)


def _quoted(quote: MessageQuoted, version: int) -> str:
    return readable(quote.text, {}, everywhere=version < CODE_SINCE)


def _called(quote: MessageQuoted) -> str:
    """Who said it, where and when."""
    where = f" in #{_line(quote.place)[:QUOTED_PLACE]}" if quote.place else ""
    return f"{_line(quote.name)[:QUOTED_NAME]}{where}, {ids.snowflake_time(quote.quoted_id):%Y-%m-%d %H:%M}"


def _attachment(a: Attachment, version: int, told: str = "") -> str:
    """`told` is what a model saw in a picture, or heard."""
    kind = f' type="{attribute(a.media_type)}"' if a.media_type and version > 1 else ""
    return f'<attachment kind="{attribute(a.kind)}" name="{attribute(a.name)}"{kind}>{escape(_cut(a.text))}{_below(a, told)}</attachment>'


def _below(a: Attachment, told: str) -> str:
    return f"{chr(10) if a.text else ''}{told}" if told else ""


def _told(how: Literal["shows", "spoken"], text: str) -> str:
    """What a model made of a file, as a block of its own; nothing for a file of which it made nothing."""
    return f"<{how}>{escape(text)}</{how}>" if text else ""


def _forward(forward: Forward, read: Read, version: int, told: Mapping[int, str]) -> str:
    inside = [escape(_cut(read(forward.text)))] if forward.text or version < 2 else []
    inside += [_attachment(a, version, told.get(number, "")) for number, a in enumerate(forward.attachments)] if version > 1 else []
    return "\n".join(("<forwarded>", *inside, "</forwarded>"))


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]} [… {len(text) - LONGEST} characters left out]"


def cuts(entry: Entry, version: int) -> list[DroppedPart]:
    """What `render` leaves out of an entry; tokens by the rule of thumb of four characters each."""
    if entry.kind != "message":
        return []
    long = [(what, len(text) - most) for what, text, most in _limited(entry, version) if len(text) > most]
    found = [DroppedPart(what=f"{what}:{entry.position}", why="length", tokens=count // 4) for what, count in long]
    if version > 1 and len(_besides(entry)) > MENTIONS:
        found.append(DroppedPart(what=f"mention:{entry.position}", why="many"))
    if any(a.url for a in (*files(entry), *(file for quote in entry.quotes for file in quote.attachments))):
        found.append(DroppedPart(what=f"link:{entry.position}", why="link"))
    if version < 2:
        found += [DroppedPart(what=f"forward:{n}:{entry.position}", why="version") for n, f in enumerate(entry.forwards) if f.attachments]
    return found


def files(entry: Entry) -> list[Attachment]:
    """All files of an entry, those of forwards last."""
    return [*entry.attachments, *(a for forward in entry.forwards for a in forward.attachments)]


def _limited(entry: Entry, version: int) -> Iterator[tuple[str, str, int]]:
    """(what it is, text, how many characters of it a prompt has at most)."""
    read = _reader(entry, version)
    yield "text", read(entry.text), LONGEST
    yield "name", _line(entry.author_name), NAME
    for number, forward in enumerate(entry.forwards):
        yield f"forward:{number}", read(forward.text), LONGEST
    for quote in entry.quotes:
        yield f"quote:{quote.number}", _quoted(quote, version), LONGEST
        yield f"quote:{quote.number}:name", _line(quote.name), QUOTED_NAME
        yield f"quote:{quote.number}:place", _line(quote.place), QUOTED_PLACE
    for number, file in enumerate([*files(entry), *(file for quote in entry.quotes for file in quote.attachments)]):
        yield f"attachment:{number}", file.text, LONGEST
        for label in (file.name, file.media_type):
            yield f"label:{number}", _line(label), NAME
    for name in entry.mentioned.values():
        yield "mention", _line(name), NAME


def _line(text: str) -> str:
    return " ".join(text.split())
