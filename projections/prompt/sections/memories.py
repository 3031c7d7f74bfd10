"""What is remembered and stands no more in the history of the same prompt, the best first: each with who said it and when.

References: those of projections.models.memories.memory_scope, with `=START-END` for a passage of a long text, and `c:ID@POSITION` for
names of other characters. The parts of each score are kept as rolls, `812:lexical`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from engine import ids
from engine.events.turn import Roll
from engine.store import Log
from engine.store.connect import Connection
from projections.models import catalog, history_window
from projections.models.memories import memory_scope
from projections.prompt.message import Message
from projections.prompt.recall import Question, Remembered
from projections.prompt.section import Budget, Chosen, Piece, Place, Scene, Snapshot
from projections.prompt.sections import character, history, remembered
from projections.prompt.sections.markup import readable
from projections.prompt.sections.remembered import Content
from projections.prompt.text import attribute, escape, seen

NAME = "memories"
VERSION = 1
PLACE: Place = "tail"
BUDGET: Budget = "spare"
LONGEST = 1200
"""Characters of one memory that reach a prompt."""
RECENT = 6
"""Messages before the one to answer that may help to say what it is about."""
FULL = 20
"""With fewer entries none of the history is left out for want of room, as far as the window's rules go."""


@dataclass(frozen=True, slots=True)
class Recalled:
    """The memories in their order, each with the references it needs, and the names of other characters."""

    items: tuple[tuple[Content, tuple[str, ...]], ...]
    names: Mapping[UUID, str]

    @property
    def erased(self) -> bool:
        return any(content.erased for content, _ in self.items)


async def select(snapshot: Snapshot) -> Chosen:
    """What recall finds among all that may be met; nothing where nothing is older than the history."""
    if snapshot.recall is None:
        return Chosen()
    asked_at = await _asked_at(snapshot)
    if asked_at is None:
        return Chosen()
    scope = memory_scope.MemoryScope(
        reader=snapshot.character,
        person=snapshot.user or 0,
        channel=snapshot.channel,
        guild=snapshot.guild,
        venue=snapshot.venue,
        until=asked_at,
        at=ids.snowflake_time(snapshot.message_id),
        generation=snapshot.generation,
    )
    candidates = await memory_scope.met(snapshot.connection, scope)
    talk = history.spoken((await snapshot.other(history.NAME)).refs)
    held = frozenset(map(remembered.position, talk))
    if len(held) < FULL and all(remembered.position(ref) in held for ref in candidates):
        return Chosen()
    asked = talk[-1] if talk else str(asked_at)
    found = await snapshot.recall(Question(scope, asked, talk[:-1][-RECENT:], candidates, held))
    rolls = (Roll(what=f"{remembered.base(one.ref)}:{part}", value=round(value, 3)) for one in found for part, value in one.parts.items())
    return Chosen(await referred(snapshot.connection, snapshot.character, found), rolls=tuple(rolls))


async def referred(connection: Connection, reader: UUID, found: Sequence[Remembered]) -> tuple[str, ...]:
    """The references of memories that were found, those of the names they need first."""
    speakers = {one.character for one in found if one.character is not None} - {reader}
    named = await catalog.described(connection, sorted(speakers))
    return (*(f"c:{who}@{position}" for who, position in sorted(named.items())), *(one.ref for one in found))


async def _asked_at(snapshot: Snapshot) -> int | None:
    if snapshot.asked_at is not None:
        return snapshot.asked_at
    trigger = await history_window.message(snapshot.connection, snapshot.message_id)
    return trigger.position if trigger is not None else None


async def load(log: Log, chosen: Chosen, as_of: int) -> Recalled:
    """The memories, opened. LookupError when something is not there."""
    named = {UUID(ref[2:].partition("@")[0]): ref for ref in chosen.refs if ref.startswith("c:")}
    cards = {who: await character.described(log, ref[2:]) for who, ref in named.items()}
    found = await remembered.contents(log, [ref for ref in chosen.refs if not ref.startswith("c:")])
    items = tuple((one, (named[one.character],) if one.character in named else ()) for one in found)
    return Recalled(items, {who: card.description.name for who, card in cards.items() if card is not None})


def render(data: Recalled | None, scene: Scene, version: int) -> Sequence[Piece]:
    """One block each, so that each may be left out by itself."""
    return [] if data is None else [_piece(content, needs, scene, data.names) for content, needs in data.items]


def _piece(content: Content, needs: tuple[str, ...], scene: Scene, names: Mapping[UUID, str]) -> Piece:
    who = content.speaker
    if content.character is not None:
        who = "you" if content.character == scene.character else names.get(content.character, "a former character")
    by = f' from="{attribute(who)}"' if who else ""
    text = escape(readable(content.text[:LONGEST], {}, everywhere=True) if scene.venue == "discord" else content.text[:LONGEST])
    block = f'<memory kind="{content.kind}"{by} at="{content.at:%Y-%m-%d %H:%M}">\n{text}\n</memory>'
    said = content.position if content.kind in ("said", "reply") else None
    return Piece(Message.of("user", seen(block)), refs=(*needs, content.ref), what=f"memory:{content.ref}", repeats=said)
