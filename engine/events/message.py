"""What people and programs said, edited and took back."""

from typing import Literal
from uuid import UUID

from pydantic import Field

from engine.events.base import Count, Event, Part, Sealed, Snowflake, user_subject
from engine.resources.channel import Strategy

Venue = Literal["discord", "playground"]
AuthorKind = Literal["human", "bot", "webhook"]
ChannelKind = Literal["guild", "thread", "dm"]
QuotedBy = Literal["link", "reply", "forward"]


class Attachment(Part):
    """A file, sticker or embedded picture. `kind` says which; `size` in bytes when known."""

    kind: Literal["file", "image", "voice", "sticker", "embed", "poll"] = "file"
    name: str = ""
    url: str = ""
    media_type: str = ""
    size: Count | None = None
    text: str = ""


class Forward(Part):
    """A forwarded message as Discord showed it: it has no author."""

    text: str
    attachments: tuple[Attachment, ...] = ()


class MessageReceived(Event):
    """Somebody said something where a character may hear it.

    `dropped` names payload fields that were neither understood nor kept, by path.
    """

    OPENS = True
    message_id: Snowflake
    channel_id: Snowflake
    guild_id: Snowflake | None = None
    parent_channel_id: Snowflake | None = None
    author_id: Snowflake
    author_kind: AuthorKind = "human"
    channel_kind: ChannelKind = "guild"
    venue: Venue
    reply_to: Snowflake | None = None
    reply_pings: bool = True
    mentions_bot: bool = False
    webhook_id: Snowflake | None = None
    dropped: tuple[str, ...] = ()
    text: Sealed[str]
    author_name: Sealed[str]
    attachments: Sealed[tuple[Attachment, ...]] = ()
    forwards: Sealed[tuple[Forward, ...]] = ()
    mentioned: Sealed[dict[str, str]] = Field(default_factory=dict)

    @property
    def stream_name(self) -> str:
        return f"message:{self.message_id}"

    @property
    def subjects(self) -> tuple[str, ...]:
        return (user_subject(self.author_id),)


Gate = Literal["program", "empty", "denied", "restricted", "age", "stale", "rate", "backlog", "quiet", "unaddressed", "many"]
"""Why a message, or one of those it addresses, is not answered: codes of engine.decide.gate."""


class Declined(Part):
    """One reason of the gate; without a character it holds for the whole message."""

    gate: Gate
    character_id: UUID | None = None


class MessageDeclined(Event):
    """A message that is kept is not answered, or not by all it addresses. Codes and ids only: it says nothing of what was said."""

    message_id: Snowflake
    channel_id: Snowflake
    guild_id: Snowflake | None = None
    author_id: Snowflake
    venue: Venue
    declined: tuple[Declined, ...] = Field(min_length=1, max_length=50)

    @property
    def stream_name(self) -> str:
        return f"message:{self.message_id}"


class Drawn(Part):
    """One character's part in a draft: why it speaks or not, and the number drawn for it, from 0 to 1.

    addressed: the text calls it; mentioned: a word of the text is part of its name; talkative: its talkativeness was not below the
    number; random: drawn among all; listed: everybody speaks; silent: it was not drawn; spoke: it spoke last.
    """

    character_id: UUID
    why: Literal["addressed", "mentioned", "talkative", "random", "listed", "silent", "spoke"]
    roll: float | None = None


class MessageDrafted(Event):
    """Several characters might have answered a message: who was drawn, in the order of their answers, and who was not."""

    message_id: Snowflake
    channel_id: Snowflake
    guild_id: Snowflake | None = None
    author_id: Snowflake
    venue: Venue
    strategy: Strategy
    drawn: tuple[Drawn, ...] = Field(min_length=1, max_length=50)

    @property
    def stream_name(self) -> str:
        return f"message:{self.message_id}"


class MessageCued(Event):
    """A character is to speak without anybody having said something: it stands in the place of a message, and is no part of what was said.

    room: somebody asked it to join in; initiative: nobody spoke for a while. `author_id` asked for it, or switched initiative on.
    """

    message_id: Snowflake
    channel_id: Snowflake
    guild_id: Snowflake | None = None
    parent_channel_id: Snowflake | None = None
    author_id: Snowflake
    channel_kind: ChannelKind = "guild"
    venue: Venue
    why: Literal["room", "initiative"] = "room"

    @property
    def stream_name(self) -> str:
        return f"message:{self.message_id}"


class MessageEdited(Event):
    """The author changed the text. `edited_ms`, Unix milliseconds, tells repeated edits apart.

    `proxy_id` is the copy that a program like PluralKit made of the message: it takes the words and the name of that.
    """

    message_id: Snowflake
    channel_id: Snowflake
    guild_id: Snowflake | None = None
    author_id: Snowflake
    venue: Venue
    edited_ms: Count
    proxy_id: Snowflake | None = None
    text: Sealed[str]
    author_name: Sealed[str] = ""
    attachments: Sealed[tuple[Attachment, ...]] = ()

    @property
    def stream_name(self) -> str:
        return f"message:{self.message_id}"

    @property
    def subjects(self) -> tuple[str, ...]:
        return (user_subject(self.author_id),)


class PictureDescribed(Event):
    """What a picture on a message shows, in a model's words. `number` is its place among the message's files, those of forwards last;

    `picture` the address of the kept file. The first description of a picture is found by that address: it is looked at once.
    """

    message_id: Snowflake
    channel_id: Snowflake
    guild_id: Snowflake | None = None
    author_id: Snowflake
    venue: Venue
    number: Count
    picture: str = Field(max_length=64)
    model: str
    name: Sealed[str] = ""
    text: Sealed[str]

    @property
    def stream_name(self) -> str:
        return f"message:{self.message_id}"

    @property
    def subjects(self) -> tuple[str, ...]:
        return (user_subject(self.author_id),)


class VoiceTranscribed(Event):
    """What is said in a voice message or an audio file on a message, in a model's words. `number` is its place among the message's files;

    `voice` is the digest of its content by its sender's key: the first transcript of a content is found by it, and it is heard once.
    """

    message_id: Snowflake
    channel_id: Snowflake
    guild_id: Snowflake | None = None
    author_id: Snowflake
    venue: Venue
    number: Count
    voice: str = Field(max_length=64)
    model: str
    seconds: float | None = Field(None, ge=0)
    name: Sealed[str] = ""
    text: Sealed[str]

    @property
    def stream_name(self) -> str:
        return f"message:{self.message_id}"

    @property
    def subjects(self) -> tuple[str, ...]:
        return (user_subject(self.author_id),)


class FileKept(Event):
    """A file on a message that is no picture is kept here: `file` is its address, `number` its place among the message's files."""

    message_id: Snowflake
    channel_id: Snowflake
    guild_id: Snowflake | None = None
    author_id: Snowflake
    venue: Venue
    number: Count
    file: str = Field(max_length=64)
    size: Count
    name: Sealed[str] = ""

    @property
    def stream_name(self) -> str:
        return f"message:{self.message_id}"

    @property
    def subjects(self) -> tuple[str, ...]:
        return (user_subject(self.author_id),)


class MessageQuoted(Event):
    """A message points to another, which its author may read there: that was read for the answer.

    `how` it points there, `number` is its place among all it points to, `depth` how many steps away. `answers_user_id`: it is a
    character's reply to this person. `place` is empty for one of the same channel. It is for answers to `author_id` alone.
    """

    message_id: Snowflake
    channel_id: Snowflake
    guild_id: Snowflake | None = None
    author_id: Snowflake
    venue: Venue
    number: Count
    depth: Count = 0
    how: QuotedBy
    quoted_id: Snowflake
    quoted_channel_id: Snowflake
    quoted_author_id: Snowflake
    answers_user_id: Snowflake | None = None
    place: Sealed[str] = ""
    name: Sealed[str]
    text: Sealed[str]
    attachments: Sealed[tuple[Attachment, ...]] = ()

    @property
    def stream_name(self) -> str:
        return f"message:{self.message_id}"

    @property
    def subjects(self) -> tuple[str, ...]:
        whose = (self.author_id, self.quoted_author_id, self.answers_user_id)
        return tuple(dict.fromkeys(user_subject(one) for one in whose if one is not None))


class MessageDeleted(Event):
    """The message is gone from the channel; prompts and memories must not use it any more."""

    message_id: Snowflake
    channel_id: Snowflake
    guild_id: Snowflake | None = None
    venue: Venue

    @property
    def stream_name(self) -> str:
        return f"message:{self.message_id}"
