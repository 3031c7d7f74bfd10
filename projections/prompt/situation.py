"""What changes with every turn: the time, the place, who is there, what is remembered. Comes last, after the message to answer."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from projections.prompt.text import attribute, escape, section


@dataclass(frozen=True, slots=True)
class Situation:
    """`now` is when the message was said, so that a prompt can be built again. `memories` is a finished section, or empty."""

    now: datetime
    venue: str
    memories: str = ""


def render(situation: Situation, present: Sequence[str]) -> str:
    """The block after the message. `present` are the names of people who spoke lately."""
    place = {"discord": "a Discord channel", "playground": "a private test chat"}.get(situation.venue, "a chat")
    lines = [f"<now>{situation.now.strftime('%Y-%m-%d (%A) %H:%M UTC')}</now>", f"<place>{escape(place)}</place>"]
    if present:
        lines.append(f"<present>{', '.join(attribute(name) for name in present)}</present>")
    if situation.memories:
        lines.append(situation.memories)
    return section("situation", "\n".join(lines))
