"""A line typed in the playground enters the log by the same door as one said on Discord: translate, decide, append."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from bot import avatars
from bot.console.state import OPERATOR, VENUE, Console
from bot.requests import received
from bot.triggers import State, Trigger, decided
from engine import ids
from engine.actor import operator
from engine.decide.channel import Activate, Where
from engine.decide.rejected import Rejected
from engine.errors import TzurotError
from engine.events.message import Attachment, MessageReceived
from engine.execute import execute
from engine.resources.channel import AS_IT_COMES
from engine.watching import tracing
from projections.chats import KEPT_HERE
from projections.models import channels, history
from projections.models.catalog import Character
from projections.models.places import chat_marks
from projections.models.places.chat_marks import UNMARKED

MOST_PICTURES = 4
LONGEST = 4000
"""Characters in one message, as on Discord with Nitro."""


class LineRefused(TzurotError):
    """What was asked for cannot be done; the sentence is for the person who asked."""


@dataclass(frozen=True, slots=True)
class SpokenLine:
    """What was typed. `reply_to` is the id of the message it answers, `pictures` are the bytes of files as they were sent."""

    text: str
    author_name: str
    reply_to: int | None = None
    pictures: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class Said:
    """Where it stands now: its ids, its position in the log, and the turns it caused in the order of their answers."""

    channel: int
    message_id: int
    position: int
    turns: tuple[UUID, ...]
    left_out: int = 0


def check(text: str) -> str:
    """The text as it will be sent. Raises Refused."""
    text = text.replace("\r\n", "\n").strip()
    if not text:
        raise LineRefused("Write something first.")
    if len(text) > LONGEST:
        raise LineRefused(f"A message may have {LONGEST:,} characters; this one has {len(text):,}. Send it in parts.")
    return text


async def kept(console: Console, line: SpokenLine) -> tuple[Attachment, ...]:
    """The pictures of a line, made harmless and stored as the operator's. Raises LineRefused."""
    if len(line.pictures) > MOST_PICTURES:
        raise LineRefused(f"A message may have {MOST_PICTURES} pictures. Send the others in the next one.")
    found = list[Attachment]()
    for number, content in enumerate(line.pictures, 1):
        try:
            address = await avatars.keep(console.log, OPERATOR, content)
        except Rejected as rejected:
            raise LineRefused(str(rejected)) from None
        found.append(Attachment(kind="image", name=f"picture {number}", url=f"{KEPT_HERE}{address}", size=len(content)))
    return tuple(found)


def message_of(line: SpokenLine, channel: int, message_id: int, attachments: tuple[Attachment, ...] = ()) -> MessageReceived:
    """Translate: the typed line as the event that Discord's messages become, too."""
    return MessageReceived(
        message_id=message_id,
        channel_id=channel,
        author_id=OPERATOR,
        channel_kind="dm",
        venue=VENUE,
        reply_to=line.reply_to,
        text=check(line.text),
        author_name=line.author_name,
        attachments=attachments,
    )


async def begin(console: Console, slug: str, line: SpokenLine) -> Said:
    """Open a new chat with a character and say the first line. Raises Refused."""
    check(line.text)
    cast = await cast_of(console)
    host = next((character for character in cast if character.slug == slug), None)
    if host is None:
        raise LineRefused("Choose a character to talk to.")
    channel = console.snowflakes.next()
    activate = Activate(Where(channel, None, VENUE), host.id)
    try:
        await execute(console.log, operator(OPERATOR), activate, ids.derived("playground", channel))
    except Rejected as rejected:
        raise LineRefused(str(rejected)) from None
    return await _say(console, channel, line, State(console.characters.cast, active=(host.id,), adult=True))


async def say(console: Console, channel: int, line: SpokenLine) -> Said:
    """Say a line in a chat. Raises Refused."""
    check(line.text)
    cast = await console.characters.refresh()
    async with console.log.pool.connection() as connection:
        active = await channels.active_in(connection, channel)
        session = await channels.session(connection, channel)
        sheet = await channels.sheet_of(connection, channel) or AS_IT_COMES
        marks = await chat_marks.of(connection, console.log.vault, [channel])
        replied_to = await history.speaker_of(connection, line.reply_to) if line.reply_to is not None else None
    if not active and session is None:
        raise LineRefused("This conversation does not exist. Start a new one.")
    if marks.get(channel, UNMARKED).deleted:
        raise LineRefused("This conversation was deleted. Bring it back on its page, or start a new one.")
    state = State(cast, active, replied_to, session.character if session else None, sheet=sheet, adult=True)
    return await _say(console, channel, line, state)


async def cast_of(console: Console) -> list[Character]:
    """The characters that may be talked to here: own ones first, the newest before the others."""
    usable = [character for character in await console.characters.all() if character.usable_by(OPERATOR)]
    return sorted(usable, key=lambda character: (0, -character.made) if character.owner_id is not None else (1, character.made))


async def _say(console: Console, channel: int, line: SpokenLine, state: State) -> Said:
    message = message_of(line, channel, console.snowflakes.next(), await kept(console, line))
    found = decided(message, state, 0.0)
    with tracing.arrival(message.message_id, venue=VENUE, turns=len(found.triggers)):
        appended = await console.log.append(*received(message, found))
    return Said(channel, message.message_id, appended.positions[-1], _turns(message.message_id, found.triggers), found.verdict.truncated)


def _turns(message_id: int, triggers: Sequence[Trigger]) -> tuple[UUID, ...]:
    return tuple(ids.turn(message_id, trigger.character) for trigger in triggers)
