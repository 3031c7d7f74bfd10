"""Rules for what an operator notes about the oddities of a model, or lets be forgotten. What is learned is noted by the worker. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from engine.actor import Actor
from engine.decide.command import Command, Rules
from engine.decide.rejected import Rejected
from engine.decide.spending.budget import OWNERS
from engine.decide.spending.turn_model import Quirks
from engine.events.base import Event
from engine.events.model import ModelQuirksForgotten, ModelQuirksNoted
from engine.outside import clean

FORMS = ("no_tools", "system_first", "no_system", "user_first", "user_last", "alternate")
"""The forms a conversation can be brought into: those of projections.prompt.form, which a test compares."""
NOTHING = Quirks()


@dataclass(frozen=True, slots=True)
class QuirkCommand(Command):
    """Base of the commands about one model's oddities."""

    model: str

    @property
    def stream(self) -> str:
        return f"model-quirks:{self.model}"


@dataclass(frozen=True, slots=True)
class Note(QuirkCommand):
    """Treat the model with exactly these, beside what other sources say."""

    quirks: Quirks = field(default_factory=Quirks)


@dataclass(frozen=True, slots=True)
class Forget(QuirkCommand):
    """Forget what was noted and learned."""


def evolve(state: Quirks, event: Event) -> Quirks:
    """What is noted after an event. What was learned counts until it is forgotten: the clock is no business of this."""
    match event:
        case ModelQuirksNoted(learned=True):
            return state | Quirks(event.forbidden, event.renamed, event.messages)
        case ModelQuirksNoted():
            return Quirks(event.forbidden, event.renamed, event.messages)
        case ModelQuirksForgotten():
            return NOTHING
        case _:
            return state


def reads(_: Quirks, command: QuirkCommand) -> Sequence[str]:
    return [command.stream]


def decide(state: Quirks, command: QuirkCommand, actor: Actor) -> Sequence[Event]:
    """The event; none when all is as wished. Raises Rejected."""
    if not actor.trusted:
        raise Rejected(OWNERS)
    if not command.model or clean.name(command.model) != command.model:
        raise Rejected("Say which model, as the provider calls it.")
    if isinstance(command, Forget):
        return [ModelQuirksForgotten(model=command.model, forgotten_by=actor.user_id)] if state != NOTHING else []
    assert isinstance(command, Note)
    wished = command.quirks
    if odd := [form for form in wished.messages if form not in FORMS]:
        raise Rejected(f"There is no form {clean.name(odd[0], 40)}. There are: {', '.join(FORMS)}.")
    names = [*wished.forbidden, *wished.renamed, *wished.renamed.values()]
    if any(not name or clean.name(name, 60) != name for name in names) or len(names) > 50:
        raise Rejected("A parameter's name has 1 to 60 characters, and 50 are enough.")
    if wished == state:
        return []
    if wished == NOTHING:
        return [ModelQuirksForgotten(model=command.model, forgotten_by=actor.user_id)]
    return [
        ModelQuirksNoted(
            model=command.model,
            forbidden=wished.forbidden,
            renamed=dict(wished.renamed),
            messages=wished.messages,
            set_by=actor.user_id,
        )
    ]


def reverse(before: Quirks, after: Quirks, event: Event) -> QuirkCommand:
    """The command that takes a change back."""
    assert isinstance(event, ModelQuirksNoted | ModelQuirksForgotten)
    return Forget(event.model) if before == NOTHING else Note(event.model, before)


RULES = Rules("model-quirks", QuirkCommand, NOTHING, evolve, reads, decide, reverse)
"""What is odd about models."""
