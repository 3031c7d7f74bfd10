"""Rules for what may be spent a day, and for how often. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from uuid import UUID

from pydantic import ValidationError

from engine.actor import Actor
from engine.decide.command import Command, Rules
from engine.decide.rejected import Rejected
from engine.events.base import Event
from engine.events.quota import BudgetSet, LimitsChanged
from engine.outside import numbers

OWNERS = "Only the bot's owners can change this."
NAMES = frozenset(LimitsChanged.model_fields) - {"changed_by"}
"""The limits that can be changed."""


@dataclass(frozen=True, slots=True)
class Budgets:
    """US dollars a day by scope; a scope without a budget is not in it."""

    daily: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SetBudget(Command):
    """Set a scope's daily budget in US dollars; with None take it away."""

    scope: str
    daily: float | None

    @property
    def stream(self) -> str:
        return "budgets"


@dataclass(frozen=True, slots=True)
class ChangeLimits(Command):
    """Change some limits; what is not named stays. With `expected` only as long as those have these values."""

    changes: Mapping[str, object]
    expected: Mapping[str, object] = field(default_factory=dict)

    @property
    def stream(self) -> str:
        return "limits"


def evolve_budgets(state: Budgets, event: Event) -> Budgets:
    """The budgets after an event."""
    if not isinstance(event, BudgetSet):
        return state
    others = {scope: daily for scope, daily in state.daily.items() if scope != event.scope}
    return replace(state, daily=others if event.daily is None else others | {event.scope: event.daily})


def decide_budget(state: Budgets, command: SetBudget, actor: Actor) -> Sequence[Event]:
    """The event; none when the budget is so already. Raises Rejected."""
    if not actor.trusted:
        raise Rejected(OWNERS)
    if not is_scope(command.scope):
        raise Rejected("A budget is for `system`, `key:ID` (a key's id) or `user:ID` (a Discord id).")
    if command.daily is not None and not 0 <= command.daily < float("inf"):
        raise Rejected("A budget is an amount in US dollars, 0 or more.")
    if state.daily.get(command.scope) == command.daily:
        return []
    return [BudgetSet(scope=command.scope, daily=command.daily, set_by=actor.user_id)]


def is_scope(scope: str) -> bool:
    """Whether a text names who can have a budget."""
    kind, _, name = scope.partition(":")
    if kind == "key":
        try:
            return str(UUID(name)) == name
        except ValueError:
            return False
    return scope == "system" or (kind == "user" and numbers.whole(name) is not None)


def reverse_budget(before: Budgets, after: Budgets, event: Event) -> SetBudget:
    """The command that takes a change of a budget back."""
    assert isinstance(event, BudgetSet)
    return SetBudget(event.scope, before.daily.get(event.scope))


def evolve_limits(state: LimitsChanged, event: Event) -> LimitsChanged:
    """The limits after an event."""
    return event if isinstance(event, LimitsChanged) else state


def decide_limits(state: LimitsChanged, command: ChangeLimits, actor: Actor) -> Sequence[Event]:
    """The event; none when all limits are so already. Raises Rejected."""
    if not actor.trusted:
        raise Rejected(OWNERS)
    if not command.changes or command.changes.keys() - NAMES:
        raise Rejected(f"Name a limit to change: {', '.join(sorted(NAMES))}.")
    if any(getattr(state, name) != value for name, value in command.expected.items()):
        raise Rejected("It was changed again since then. Take that change back first.")
    try:
        changed = LimitsChanged.model_validate(state.model_dump() | dict(command.changes) | {"changed_by": actor.user_id})
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise Rejected(f"{first['loc'][0]}: {first['msg']}.") from None
    return [] if changed.model_dump(exclude={"changed_by"}) == state.model_dump(exclude={"changed_by"}) else [changed]


def reverse_limits(before: LimitsChanged, after: LimitsChanged, event: Event) -> ChangeLimits:
    """The command that takes a change of limits back."""
    changed = [name for name in sorted(NAMES) if getattr(before, name) != getattr(after, name)]
    return ChangeLimits({name: getattr(before, name) for name in changed}, {name: getattr(after, name) for name in changed})


def _own_stream(_: object, command: Command) -> Sequence[str]:
    return [command.stream]


BUDGET_RULES = Rules("budgets", SetBudget, Budgets(), evolve_budgets, _own_stream, decide_budget, reverse_budget)
LIMIT_RULES = Rules("limits", ChangeLimits, LimitsChanged(), evolve_limits, _own_stream, decide_limits, reverse_limits)
