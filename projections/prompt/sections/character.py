"""Who is speaking: the character's description, section by section."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from engine.events.character import CharacterCreated, CharacterDeleted, CharacterEdited, Description
from engine.store import Log, Query
from engine.store.codec import ERASED
from projections.models import catalog
from projections.prompt.macros import KEPT, SOMEBODY, VARIABLE, Writer, variables
from projections.prompt.message import Message
from projections.prompt.section import Budget, Chosen, Piece, Place, Scene, Snapshot
from projections.prompt.text import escape, fill, section, seen

NAME = "character"
VERSION = 5
PLACE: Place = "head"
BUDGET: Budget = "required"
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
_LAST = "post_history"
"""What stands behind the message to answer."""
FIELDS = (*(field for _, field in _SECTIONS), _LAST)
"""What of a description is said, macros replaced."""


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

    Up to version 2 characters that nobody sees, and brackets that only look like those of a tag, were sent; up to 3 macros as they are.
    """
    description = data.description
    writer = _writer(data, scene, version)
    known = [section(name, escape(text).strip()) for name, text in _texts(data, writer, version)]
    name = " ".join(escape(description.name).split())
    said = f"You are {name}.\n" + section("character", "\n".join(part for part in known if part))
    pieces = [Piece(Message.of("system", said if version < 3 else seen(said)))]
    if version > 3 and (last := section("reminder", seen(escape(writer.of(description.post_history, _LAST)).strip()))):
        pieces.append(Piece(Message.of("user", last), place="tail"))
    return pieces


def _writer(data: Card, scene: Scene, version: int) -> Writer:
    """From version 5 on it begins with what earlier prompts of the conversation left."""
    return Writer(scene, data.description, variables(scene, KEPT) if version > 4 else {})


def _texts(data: Card, writer: Writer, version: int) -> list[tuple[str, str]]:
    """Each field with its placeholders filled in, in their order: what one sets the next can read."""
    description, user = data.description, data.user if version < 2 else SOMEBODY
    fields = [(name, field, str(getattr(description, field))) for name, field in _SECTIONS]
    if version < 4:
        return [(name, fill(text, user=user, character=description.name)) for name, _, text in fields]
    return [(name, writer.of(text, field)) for name, field, text in fields]


def offer(data: Card, scene: Scene, version: int) -> Mapping[str, str]:
    """The variables it sets."""
    if version < 4:
        return {}
    writer = _writer(data, scene, version)
    _texts(data, writer, version)
    return {VARIABLE + name: value for name, value in writer.variables.items()}
