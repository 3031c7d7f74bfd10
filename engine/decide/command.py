"""What a command is, and what the rules of one thing consist of. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from engine.actor import Actor
from engine.events.base import Event


@dataclass(frozen=True, slots=True)
class Command:
    """Base of all commands: what somebody wants changed, as data."""

    @property
    def stream(self) -> str:
        """The stream it is decided about."""
        raise NotImplementedError

    @property
    def queue(self) -> str:
        """The stream before which those who want it at once line up: its own, or that of the claim they all want."""
        return self.stream


@dataclass(frozen=True, slots=True)
class Rules[S, C: Command]:
    """The rules of one thing.

    `kind` begins the names of its streams. `initial` and `evolve` fold events into the state. `reads` names the streams the decision
    depends on; it is asked again with the state of those read so far, until it names no new one. `decide` answers with the events,
    none when all is as wished already, and raises Rejected. `reverse` makes the command that takes another back, from the states
    before and after its events and the first of them; it raises Rejected. `ties_what_it_reads`: what was decided holds only while the
    streams it read and does not write stand as they did, too.
    """

    kind: str
    commands: type[C]
    initial: S
    evolve: Callable[[S, Event], S]
    reads: Callable[[S, C], Sequence[str]]
    decide: Callable[[S, C, Actor], Sequence[Event]]
    reverse: Callable[[S, S, Event], C]
    ties_what_it_reads: bool = False


Holders = Mapping[str, UUID]
"""Claimed name (also its stream's) to who holds it."""
