"""What a section of a prompt is: where its data come from, what it says, where that stands, and what it may cost."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any, Literal, Protocol, runtime_checkable
from uuid import UUID

from engine.events.turn import DroppedPart, Roll
from engine.store import Log
from engine.store.connect import Connection
from projections.prompt.message import Message
from projections.prompt.recall import Recall

Place = Literal["head", "foot", "talk", "depth", "tail", "steps", "elsewhere"]
"""In the system message; at its end; among what was said; before the last `depth` messages, or before the entry `at`; after the message

to answer; behind all that, as messages of their own; nowhere of its own, because another section says it (`Scene.offered`)."""
Budget = Literal["required", "window", "spare"]
"""Always there; the newest that fit; as many as fit into a share, in the section's own order."""


@dataclass(frozen=True, slots=True)
class KeptPicture:
    """A picture on the message to answer or on the one that replies to. `address` is that of its bytes here; empty: it could not be had."""

    message_id: int
    number: int
    address: str = ""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a turn looks at while all read models stand still: its connection, and the positions they have reached by name.

    `limit` entries of history at most, none of before `since`, no further back than `most_bytes` of text. `user` is who is answered.
    Sections choose at the same time: `other` waits for what another one chose, by its name, of those that stand before in the order.
    Without `recall` nothing is remembered; with a `generation`, its summaries and facts instead of the chosen ones'. `asked_at` is the
    position of the message to answer, where that is known before one looks: what comes before it need not wait.
    `pictures` are those that were fetched for this turn, the most important first.
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
    guild: int | None = None
    user: int | None = None
    venue: str = ""
    recall: Recall | None = None
    generation: str | None = None
    asked_at: int | None = None
    other: "Callable[[str], Awaitable[Chosen]]" = field(default_factory=lambda: _nothing_chosen)
    pictures: tuple[KeptPicture, ...] = ()


async def _nothing_chosen(_: str) -> "Chosen":
    return Chosen()


@dataclass(frozen=True, slots=True)
class Chosen:
    """What a section is to be made of: references into the log, in its own grammar, the random values it drew, and what it left out.

    `always` are references that are recorded whatever of the section has room.
    """

    refs: tuple[str, ...] = ()
    rolls: tuple[Roll, ...] = ()
    dropped: tuple[DroppedPart, ...] = ()
    always: tuple[str, ...] = ()


def _nothing_drawn(_: str) -> float:
    return 0.0


@dataclass(frozen=True, slots=True)
class Moment:
    """What a section that settles late knows besides what was loaded: whose turn it is, the model's window in tokens, the position the

    conversation's last prompt began at, and the scene.
    """

    turn: UUID
    max_context: int
    begin: int | None = None
    scene: "Scene | None" = None


@dataclass(frozen=True, slots=True)
class Scene:
    """Whose prompt it is, when and where. `present`: names of people who speak in what the prompt holds. `offered`: texts that one

    section has for another, by name. `seed` is the turn, from which numbers are drawn; `draw` gives a section the number of a name.
    """

    character: UUID
    venue: str
    now: datetime
    present: tuple[str, ...] = ()
    offered: Mapping[str, str] = MappingProxyType({})
    channel: int = 0
    seed: str = ""
    draw: Callable[[str], float] = _nothing_drawn


@dataclass(frozen=True, slots=True)
class Piece:
    """One thing a section says. It stays or goes as a whole, together with those beside it in the same `group`.

    `refs` are those it is made of: where some pieces may be left out, only those of the others are recorded. `what` names it when it
    is dropped. `cut` is what rendering itself left out; `speaker` the name of a person whose words it holds. `place` is its own where
    it is not the section's. `position` is that of the entry it says; one for the depth with `at` stands before the entry there, and
    goes with it.
    `repeats` is the position of what was said that it says again: it goes where the history shows that.
    """

    message: Message
    refs: tuple[str, ...] = ()
    what: str = ""
    group: int = 0
    depth: int = 0
    speaker: str = ""
    cut: tuple[DroppedPart, ...] = ()
    place: Place | None = None
    position: int = 0
    at: int | None = None
    repeats: int | None = None


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


@runtime_checkable
class Settling(Protocol):
    """A section whose choice depends on what others say: first everything it may be made of is loaded, then it chooses among that.

    What it chose is loaded again, so that the worker and whoever builds the prompt again take the same way.
    """

    def settle(self, data: Any, others: Mapping[str, Any], moment: Moment) -> Chosen:
        """What it is made of, from what was loaded. Pure."""


@runtime_checkable
class Offering(Protocol):
    """A section that has texts for others."""

    def offer(self, data: Any, scene: Scene, version: int) -> Mapping[str, str]:
        """Name to text, knowing what sections before it have. Pure."""
