"""What people think of a character's reply: how good a version is, and that one should not have been said. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from uuid import UUID

from engine.actor import Actor
from engine.decide import reply
from engine.decide.command import Command, Rules
from engine.decide.rejected import Rejected
from engine.events.base import Event
from engine.events.reply import ReplyRated, ReplyReported
from engine.events.turn import GenerationStarted, TurnCompleted
from engine.resources.reacting.sheet import Rating

LONGEST = 1_000
"""Characters of what a report says."""


@dataclass(frozen=True, slots=True)
class State:
    """Ratings and reports by person and version; `presets` and `models` made the versions of `of`, the reply."""

    of: reply.State = field(default_factory=reply.State)
    rated: Mapping[tuple[int, UUID], Rating] = field(default_factory=dict)
    reported: frozenset[tuple[int, UUID]] = frozenset()
    presets: Mapping[UUID, UUID | None] = field(default_factory=dict)
    models: Mapping[UUID, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class OpinionCommand(Command):
    """Base of the commands. `version` None: the one that is shown."""

    message_id: int
    character_id: UUID
    version: UUID | None = None

    @property
    def stream(self) -> str:
        return f"opinion:{self.message_id}:{self.character_id}"


@dataclass(frozen=True, slots=True)
class Rate(OpinionCommand):
    """Say how good a version is, in place of what was said before; None takes it back.

    With `only` what is taken back is the last rating of that kind that the person gave to any version of the reply.
    """

    rating: Rating | None = None
    only: Rating | None = None


@dataclass(frozen=True, slots=True)
class Report(OpinionCommand):
    """Tell those who run the bot of a version. Anybody who can see it may."""

    text: str = ""


def evolve(state: State, event: Event) -> State:
    """The state after an event."""
    match event:
        case ReplyRated():
            key = (event.by_user_id, event.version)
            others = {one: said for one, said in state.rated.items() if one != key}
            return replace(state, rated=others if event.rating is None else others | {key: event.rating})
        case ReplyReported():
            return replace(state, reported=state.reported | {(event.by_user_id, event.version)})
        case GenerationStarted():
            return replace(state, presets={**state.presets, event.turn_id: event.preset_id})
        case TurnCompleted():
            return replace(state, of=reply.evolve(state.of, event), models={**state.models, event.turn_id: event.model})
        case _:
            return replace(state, of=reply.evolve(state.of, event))


def reads(state: State, command: OpinionCommand) -> Sequence[str]:
    """The opinions' stream, and all that a decision about the reply reads."""
    return [command.stream, *reply.reads(state.of, reply.DeleteReply(command.message_id, command.character_id))]


def decide(state: State, command: OpinionCommand, actor: Actor) -> Sequence[Event]:
    """The events a command makes. Raises Rejected."""
    asked, version = state.of.asked, command.version or state.of.live
    if asked is None or version is None or version not in {*state.of.made, *state.of.written}:
        raise Rejected("There is no such reply: it may be gone. `/why` with a link to a message tells what became of it.")
    if isinstance(command, Report):
        return _report(state, command, actor, version)
    if not isinstance(command, Rate):
        raise AssertionError(type(command).__name__)
    reply.permitted(state.of, actor)
    if command.rating is None and command.only is not None:
        theirs = [of for (person, of), said in state.rated.items() if person == actor.user_id and said == command.only]
        if not theirs:
            return []
        version = theirs[-1]
    if state.rated.get((actor.user_id, version)) == command.rating:
        return []
    of = reply.at(asked, actor)
    return [ReplyRated(**of, version=version, rating=command.rating, model=state.models.get(version), preset_id=state.presets.get(version))]


def _report(state: State, command: Report, actor: Actor, version: UUID) -> list[Event]:
    text = command.text.strip()
    if len(text) > LONGEST:
        raise Rejected(f"A report may have {LONGEST:,} characters; this one has {len(text):,}.")
    if (actor.user_id, version) in state.reported:
        raise Rejected("You have reported this already.")
    assert state.of.asked is not None
    return [ReplyReported(**reply.at(state.of.asked, actor), version=version, text=text)]


def reverse(before: State, after: State, event: Event) -> OpinionCommand:
    """The command that takes a rating back; a report stays. Raises Rejected."""
    if not isinstance(event, ReplyRated):
        raise Rejected("A report cannot be taken back.")
    earlier = before.rated.get((event.by_user_id, event.version))
    return Rate(event.message_id, event.character_id, event.version, rating=earlier)


RULES = Rules("opinion", OpinionCommand, State(), evolve, reads, decide, reverse)
