"""The events of the benchmarks: messages of 580 bytes, as the bot writes them, from 200 people."""

from engine import ids
from engine.events.base import Tags, user_subject
from engine.events.message import MessageReceived
from engine.store import NewEvent

PEOPLE = 200
FIRST_ID = 1_350_000_000_000_000_000
_WORDS = "The tavern keeper wipes a mug, looks up and asks what brings you here on a night like this, stranger. "


def message(number: int, channel: int) -> NewEvent:
    """One message; about 250 bytes of it in the clear and 330 sealed."""
    author = FIRST_ID + number % PEOPLE
    event = MessageReceived(
        message_id=FIRST_ID + number,
        channel_id=channel,
        guild_id=FIRST_ID,
        author_id=author,
        venue="discord",
        text=(_WORDS * 3)[:230],
        author_name="Somebody",
    )
    tags = Tags(guild=FIRST_ID, channel=channel, user=author)
    return NewEvent(event, f"channel:{channel}", ids.message_event(FIRST_ID + number, "received"), tags, (user_subject(author),))


def messages(producers: int, each: int, first: int) -> list[list[NewEvent]]:
    """A list per producer, each on a channel of its own."""
    return [[message(first + p * each + n, FIRST_ID + p) for n in range(each)] for p in range(producers)]
