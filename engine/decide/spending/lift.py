"""Rules for lifting a block that a provider's "no more" led to. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from engine.actor import Actor
from engine.decide.command import Command, Rules
from engine.decide.rejected import Rejected
from engine.decide.spending.budget import OWNERS
from engine.events.base import Event
from engine.events.quota import BlockLifted, QuotaHit


@dataclass(frozen=True, slots=True)
class State:
    """Models a provider said no about since the last time a block was lifted."""

    hit: frozenset[str] = field(default_factory=frozenset)


@dataclass(frozen=True, slots=True)
class Lift(Command):
    """Ask again at once for this payer, such as `system`: about one model, or with None about all."""

    scope: str
    model: str | None = None

    @property
    def stream(self) -> str:
        return f"quota:{self.scope}"


def evolve(state: State, event: Event) -> State:
    """The state after an event of the payer's."""
    match event:
        case QuotaHit():
            return replace(state, hit=state.hit | {event.model})
        case BlockLifted():
            return replace(state, hit=frozenset() if event.model is None else state.hit - {event.model})
        case _:
            return state


def decide(state: State, command: Lift, actor: Actor) -> Sequence[Event]:
    """The event. Raises Rejected."""
    if not actor.trusted:
        raise Rejected(OWNERS)
    if not state.hit or (command.model is not None and command.model not in state.hit):
        raise Rejected(f"Nothing is blocked for {command.scope}{f' and {command.model}' if command.model else ''}.")
    return [BlockLifted(scope=command.scope, model=command.model, by_user_id=actor.user_id)]


def reverse(_before: State, _after: State, _event: Event) -> Lift:
    """A block cannot be put back: only a provider can say no."""
    raise Rejected("This cannot be taken back.")


def _own_stream(_: State, command: Lift) -> Sequence[str]:
    return [command.stream]


RULES = Rules("quota", Lift, State(), evolve, _own_stream, decide, reverse)
