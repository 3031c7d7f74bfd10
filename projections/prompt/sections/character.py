"""Who is speaking: the character's description, section by section."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from engine.events.character import CharacterCreated, CharacterDeleted, CharacterEdited, Description
from engine.store import Log, Query
from engine.store.codec import ERASED
from projections.models import catalog
from projections.prompt.message import Message
from projections.prompt.section import Budget, Chosen, Piece, Place, Scene, Snapshot
from projections.prompt.text import escape, fill, section, seen

NAME = "character"
VERSION = 3
PLACE: Place = "head"
BUDGET: Budget = "required"
SOMEBODY = "the other person"
"""Stands for `{{user}}`. Never a name: it would be different for each person, and a person's own choice of words in the system message."""
_SECTIONS = (
    ("info", "info"),
    ("traits", "traits"),
    ("scenario", "scenario"),
    ("tone", "tone"),
    ("age", "age"),
    ("appearance", "appearance"),
    ("likes", "likes"),
    ("dislikes", "dislikes"),
    ("goals", "goals"),
    ("examples", "examples"),
    ("instructions", "system_prompt"),
)


@dataclass(frozen=True, slots=True)
class Card:
    """A description as it was. `user` is who was addressed by name in it, as version 1 had it."""

    description: Description
    erased: bool = False
    user: str = SOMEBODY


async def select(snapshot: Snapshot) -> Chosen:
    """The event the character's description stands in: `id@position`."""
    found = await catalog.described(snapshot.connection, [snapshot.character])
    return Chosen(tuple(f"{character}@{position}" for character, position in found.items()))


async def load(log: Log, chosen: Chosen, as_of: int) -> Card:
    """The card. LookupError when there is none."""
    for ref in chosen.refs:
        if (found := await described(log, ref)) is not None:
            return found
    return Card(Description(name=ERASED), erased=True)


async def described(log: Log, ref: str) -> Card | None:
    """The description that holds at `id@position`; None where the character is deleted."""
    named, _, until = ref.partition("@")
    character, position = UUID(named), int(until)
    for recorded in await log.at([position]):
        if isinstance(event := recorded.event, CharacterCreated | CharacterEdited) and event.character_id == character:
            return Card(event.description, recorded.erased)
    # Something else happened there, and what the character is stands further back.
    found, deleted = None, False
    async for recorded in log.read(Query(stream=f"character:{character}", until=position)):
        if isinstance(event := recorded.event, CharacterCreated | CharacterEdited):
            found = Card(event.description, recorded.erased)
        deleted = isinstance(event, CharacterDeleted)
    return None if deleted else found


def render(data: Card, scene: Scene, version: int) -> Sequence[Piece]:
    """`You are NAME.` and what is known about that character. Placeholders for the person addressed become SOMEBODY.

    Up to version 2 characters that nobody sees, and brackets that only look like those of a tag, were sent.
    """
    description, user = data.description, data.user if version < 2 else SOMEBODY
    known = [
        section(name, escape(fill(str(getattr(description, field)), user=user, character=description.name)).strip())
        for name, field in _SECTIONS
    ]
    name = " ".join(escape(description.name).split())
    said = f"You are {name}.\n" + section("character", "\n".join(part for part in known if part))
    return [Piece(Message.of("system", said if version < 3 else seen(said)))]
