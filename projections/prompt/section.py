"""What a section of a prompt is: where its data come from, what it says, where that stands, and what it may cost."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Protocol
from uuid import UUID

from engine.events.turn import DroppedPart, Roll
from engine.store import Log
from engine.store.connect import Connection
from projections.prompt.message import Message

Place = Literal["head", "talk", "depth", "tail"]
"""In the system message; among what was said; before the last `depth` messages; after the message to answer."""
Budget = Literal["required", "window", "spare"]
"""Always there; the newest that fit; as many as fit into a share, in the section's own order."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a turn looks at while all read models stand still: its connection, and the positions they have reached by name.

    `limit` entries of history at most, none of before `since`, no further back than `most_bytes` of text.
    """

    connection: Connection
    turn: UUID
    channel: int
    character: UUID
    message_id: int
    positions: Mapping[str, int]
    limit: int
    since: datetime | None = None
    most_bytes: int = 2**40


@dataclass(frozen=True, slots=True)
class Chosen:
    """What a section is to be made of: references into the log, in its own grammar, the random values it drew, and what it left out."""

    refs: tuple[str, ...] = ()
    rolls: tuple[Roll, ...] = ()
    dropped: tuple[DroppedPart, ...] = ()


@dataclass(frozen=True, slots=True)
class Scene:
    """Whose prompt it is, when and where. `present`: names of people who speak in what the prompt holds."""

    character: UUID
    venue: str
    now: datetime
    present: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Piece:
    """One thing a section says. It stays or goes as a whole, together with those beside it in the same `group`.

    `refs` are those it is made of: where some pieces may be left out, only those of the others are recorded. `what` names it when it
    is dropped. `cut` is what rendering itself left out; `speaker` the name of a person whose words it holds.
    """

    message: Message
    refs: tuple[str, ...] = ()
    what: str = ""
    group: int = 0
    depth: int = 0
    speaker: str = ""
    cut: tuple[DroppedPart, ...] = ()


class Section(Protocol):
    """A module of projections.prompt.sections.

    VERSION goes up whenever the same data would give other bytes; `render` still makes those of every earlier version.
    """

    @property
    def NAME(self) -> str: ...  # noqa: N802 - a constant of a module

    @property
    def VERSION(self) -> int: ...  # noqa: N802 - a constant of a module

    @property
    def PLACE(self) -> Place: ...  # noqa: N802 - a constant of a module

    @property
    def BUDGET(self) -> Budget: ...  # noqa: N802 - a constant of a module

    async def select(self, snapshot: Snapshot) -> Chosen:
        """What this turn's section is made of, from the read models."""

    async def load(self, log: Log, chosen: Chosen, as_of: int) -> Any:
        """Its data, from the log alone: the worker calls this, and whoever builds the prompt again."""

    def render(self, data: Any, scene: Scene, version: int) -> Sequence[Piece]:
        """What it says. Pure."""
