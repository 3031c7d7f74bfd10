"""Rules for people's profiles, and what holds in one conversation of theirs. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from engine.actor import Actor
from engine.decide.cascade import Resolved, Tier, resolve_all
from engine.decide.command import Command, Rules
from engine.decide.rejected import Rejected
from engine.events.base import Event
from engine.events.profile import ProfileEdited
from engine.events.profile import sheet as sheet_of
from engine.resources.field import changed, values
from engine.resources.kinds import wrong
from engine.resources.places.kinds import PROFILE
from engine.resources.places.profile import NOBODY, ProfileSheet


@dataclass(frozen=True, slots=True)
class State:
    """What is set."""

    sheet: ProfileSheet = NOBODY


@dataclass(frozen=True, slots=True)
class Edit(Command):
    """Change a profile: the giver's own. With `expected` only as long as those fields have these values."""

    user_id: int
    character_id: UUID | None
    changes: Mapping[str, Any]
    expected: Mapping[str, Any] = field(default_factory=dict)

    @property
    def stream(self) -> str:
        return f"profile:{self.user_id}:{self.character_id or ''}"


def resolved(preset: Mapping[str, Any], own: ProfileSheet, with_character: ProfileSheet) -> dict[str, Resolved[object]]:
    """Each value of a profile as it holds in a conversation, with the tier that set it; `preset` says what holds otherwise."""
    tiers: dict[Tier, dict[str, object]] = {
        "baseline": values(NOBODY) | dict(preset),
        "user": _said(own),
        "user+character": _said(with_character),
    }
    return resolve_all([spec.key for spec in PROFILE.fields], tiers)


def _said(sheet: ProfileSheet) -> dict[str, object]:
    return {key: value for key, value in values(sheet).items() if value not in ("", None)}


def evolve(state: State, event: Event) -> State:
    """The state after an event."""
    return replace(state, sheet=sheet_of(event)) if isinstance(event, ProfileEdited) else state


def reads(_: State, command: Edit) -> Sequence[str]:
    """Its own stream."""
    return [command.stream]


def decide(state: State, command: Edit, actor: Actor) -> Sequence[Event]:
    """The events a command makes; none when all is as wished. Raises Rejected."""
    if actor.kind == "person" and actor.user_id != command.user_id:
        raise Rejected("A profile is changed by the person it is about only.")
    before = values(state.sheet)
    if unknown := [name for name in command.changes if PROFILE.field(name) is None]:
        raise Rejected(f"A profile has no field called {min(unknown)}.")
    if any(before[name] != expected for name, expected in command.expected.items()):
        raise Rejected("It was changed again since then. Take that change back first.")
    after = before | dict(command.changes)
    for sentence in wrong(PROFILE, before, after).values():
        raise Rejected(sentence)
    made = changed(state.sheet, after)
    return [] if made == state.sheet else [_edited(command, actor, made)]


def _edited(command: Edit, actor: Actor, made: ProfileSheet) -> ProfileEdited:
    return ProfileEdited(user_id=command.user_id, character_id=command.character_id, by_user_id=actor.user_id, **dict(made))


def reverse(before: State, after: State, event: Event) -> Edit:
    """The command that takes another back."""
    assert isinstance(event, ProfileEdited)
    old, new = values(before.sheet), values(after.sheet)
    names = [name for name in old if old[name] != new[name]]
    return Edit(event.user_id, event.character_id, {n: old[n] for n in names}, {n: new[n] for n in names})


RULES = Rules("profile", Edit, State(), evolve, reads, decide, reverse)
