"""What was said, as real messages: the character's own replies as the assistant's, everybody else's words as data."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from engine.events.turn import DroppedPart
from projections.models.history import Entry
from projections.prompt.message import Message
from projections.prompt.text import attribute, escape


def render(entry: Entry, character: UUID, names: Mapping[UUID, str]) -> Message:
    """One entry. `names` are those of other characters that may have spoken."""
    if entry.kind == "reply" and entry.character == character:
        return Message("assistant", entry.text)
    name = names.get(entry.character, "another character") if entry.kind == "reply" and entry.character else entry.author_name
    kind = ' kind="character"' if entry.kind == "reply" else ' kind="bot"' if entry.author_kind != "human" else ""
    at = entry.sent_at.strftime("%Y-%m-%d %H:%M")
    return Message("user", f'<message from="{attribute(name)}"{kind} at="{at}">\n{body(entry)}\n</message>')


LONGEST = 16_000
"""Characters of one message that reach a prompt; nobody's single message may fill a window."""


def body(entry: Entry) -> str:
    """Text, attachments and forwards of an entry, escaped and at most LONGEST characters of each."""
    lines = [escape(_cut(entry.text))] if entry.text else []
    lines += [
        f'<attachment kind="{attribute(a.kind)}" name="{attribute(a.name)}">{escape(_cut(a.text))}</attachment>' for a in entry.attachments
    ]
    lines += [f"<forwarded>\n{escape(_cut(forward.text))}\n</forwarded>" for forward in entry.forwards]
    return "\n".join(lines)


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]} [… {len(text) - LONGEST} characters left out]"


def cuts(entry: Entry) -> list[DroppedPart]:
    """What `render` leaves out of an entry because it is too long; tokens by the rule of thumb of four characters each."""
    parts = [("text", entry.text), *((f"attachment:{n}", a.text) for n, a in enumerate(entry.attachments))]
    parts += [(f"forward:{n}", forward.text) for n, forward in enumerate(entry.forwards)]
    long = [(what, len(text) - LONGEST) for what, text in parts if len(text) > LONGEST and entry.kind == "message"]
    return [DroppedPart(what=f"{what}:{entry.position}", why="length", tokens=count // 4) for what, count in long]


def in_order(entries: Sequence[Entry]) -> list[Entry]:
    """Each reply right after the message it answers, the rest by position.

    So a reply that came while the next message was already there does not move when the prompt of a later turn is made.
    """
    asked = {entry.message_id: entry.position for entry in entries if entry.kind == "message"}

    def place(entry: Entry) -> tuple[int, int]:
        return (asked.get(entry.reply_to, entry.position) if entry.kind == "reply" else entry.position, entry.position)

    return sorted(entries, key=place)
