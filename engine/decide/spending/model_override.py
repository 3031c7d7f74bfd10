"""Rules for what an operator says about a model. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from engine.actor import Actor
from engine.decide.command import Command, Rules
from engine.decide.rejected import Rejected
from engine.decide.spending.budget import OWNERS
from engine.events.base import Event
from engine.events.model import ModelOverridden, ModelOverrideCleared

NAMES = frozenset(ModelOverridden.model_fields) - {"model", "set_by"}
"""What can be said about a model."""


@dataclass(frozen=True, slots=True)
class ModelCommand(Command):
    """Base of the commands about one model."""

    model: str

    @property
    def stream(self) -> str:
        return f"model:{self.model}"


@dataclass(frozen=True, slots=True)
class Override(ModelCommand):
    """Say what holds for the model, above every other source; what is not named is left to those."""

    fields: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Clear(ModelCommand):
    """Take the override back."""


def evolve(state: ModelOverridden | None, event: Event) -> ModelOverridden | None:
    """The override after an event; None for none."""
    match event:
        case ModelOverridden():
            return event
        case ModelOverrideCleared():
            return None
        case _:
            return state


def reads(_: ModelOverridden | None, command: ModelCommand) -> Sequence[str]:
    return [command.stream]


def decide(state: ModelOverridden | None, command: ModelCommand, actor: Actor) -> Sequence[Event]:
    """The event; none when the model is treated so already. Raises Rejected."""
    if not actor.trusted:
        raise Rejected(OWNERS)
    if isinstance(command, Clear):
        return [ModelOverrideCleared(model=command.model, cleared_by=actor.user_id)] if state is not None else []
    assert isinstance(command, Override)
    given = {name: value for name, value in command.fields.items() if value is not None}
    if not given or given.keys() - NAMES:
        raise Rejected(f"Say what holds for the model: {', '.join(sorted(NAMES))}.")
    try:
        overridden = ModelOverridden.model_validate(given | {"model": command.model, "set_by": actor.user_id})
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise Rejected(f"{first['loc'][0]}: {first['msg']}.") from None
    return [] if state is not None and _said(state) == _said(overridden) else [overridden]


def _said(override: ModelOverridden) -> dict[str, Any]:
    return override.model_dump(exclude_none=True, exclude={"model", "set_by"})


def reverse(before: ModelOverridden | None, after: ModelOverridden | None, event: Event) -> ModelCommand:
    """The command that takes a change of an override back."""
    assert isinstance(event, ModelOverridden | ModelOverrideCleared)
    return Clear(event.model) if before is None else Override(event.model, _said(before))


RULES = Rules("model", ModelCommand, None, evolve, reads, decide, reverse)
