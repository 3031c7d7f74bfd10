"""What changes with every turn: the time, the place, who is there. Comes last, with the message that is to be answered."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from worker.prompt.text import attribute, escape, section


@dataclass(frozen=True, slots=True)
class Situation:
    """`now` is when the message was said, so that a prompt can be built again; `present` the names of those who spoke lately."""

    now: datetime
    venue: str
    present: Sequence[str] = ()
    memories: str = ""


def render(situation: Situation) -> str:
    """The block before the message that is to be answered."""
    place = {"discord": "a Discord channel", "playground": "a private test chat"}.get(situation.venue, "a chat")
    lines = [f"<now>{situation.now.strftime('%Y-%m-%d (%A) %H:%M UTC')}</now>", f"<place>{escape(place)}</place>"]
    if situation.present:
        lines.append(f"<present>{', '.join(attribute(name) for name in situation.present)}</present>")
    if situation.memories:
        lines.append(situation.memories)
    return section("situation", "\n".join(lines))
