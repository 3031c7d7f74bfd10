"""What changes with every turn: the time, the place, who is there. Comes after the message to answer."""

from collections.abc import Sequence

from engine.store import Log
from projections.prompt.message import Message
from projections.prompt.section import Budget, Chosen, Piece, Place, Scene, Snapshot
from projections.prompt.text import attribute, escape, section, seen

NAME = "situation"
VERSION = 2
PLACE: Place = "tail"
BUDGET: Budget = "required"
_PLACES = {"discord": "a Discord channel", "playground": "a private test chat"}


async def select(snapshot: Snapshot) -> Chosen:
    """Nothing of the log: time, place and people are those of the message to answer and of the history."""
    return Chosen()


async def load(log: Log, chosen: Chosen, as_of: int) -> None:
    """Nothing of the log."""


def render(data: None, scene: Scene, version: int) -> Sequence[Piece]:
    """The block after the message. Version 1 showed names with characters that nobody sees."""
    now = scene.now.strftime("%Y-%m-%d (%A) %H:%M UTC")
    lines = [f"<now>{now}</now>", f"<place>{escape(_PLACES.get(scene.venue, 'a chat'))}</place>"]
    if scene.present:
        lines.append(f"<present>{', '.join(attribute(name) for name in scene.present)}</present>")
    block = section("situation", "\n".join(lines))
    return [Piece(Message.of("user", block if version < 2 else seen(block)))]
