"""Rules for one memory and for what a person wants remembered: noted, corrected, locked, forgotten; incognito, fresh, reach. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import reduce
from typing import Any, Literal
from uuid import UUID

from engine import ids
from engine.actor import Actor
from engine.decide.command import Command, Rules
from engine.decide.rejected import Rejected
from engine.decide.remembering.state import State, evolve
from engine.events.base import Event
from engine.events.memory import (
    GenerationChosen,
    MemoryArchived,
    MemoryCorrected,
    MemoryForgotten,
    MemoryLocked,
    MemoryNoted,
    Reach,
    ReachChosen,
    SaidForgotten,
    Session,
    SessionEnded,
    SessionStarted,
    Source,
    SpanForgotten,
)
from engine.events.message import Venue
from engine.resources.typed import tidy

LONGEST = 2000
"""Characters of a memory that a person writes."""
UNKNOWN = "There is no such memory, or it is not yours. `/memory browse` shows yours."
GONE = "This memory was forgotten. Remember it anew if you want it back."


@dataclass(frozen=True, slots=True)
class MemoryCommand(Command):
    """Base of the commands about one memory."""

    memory: UUID

    @property
    def stream(self) -> str:
        return f"memory:{self.memory}"


@dataclass(frozen=True, slots=True)
class MemoryPlace:
    """Where something is to be remembered: with which character, in which channel."""

    venue: Venue
    channel: int | None = None
    guild: int | None = None
    character: UUID | None = None


@dataclass(frozen=True, slots=True)
class Remember(MemoryCommand):
    """Remember a text for a person; with `message`, what somebody said; with `turn`, what a character answered.

    The same memory again changes nothing: derive its id from who remembers what (`memory_of`). `locked`: and lock it, also one that is
    there already.
    """

    person: int
    place: MemoryPlace
    text: str = ""
    reach: Reach = "channel"
    message: int | None = None
    turn: UUID | None = None
    at: datetime | None = None
    locked: bool = False


@dataclass(frozen=True, slots=True)
class Correct(MemoryCommand):
    """Let it say this instead."""

    text: str


@dataclass(frozen=True, slots=True)
class LockMemory(MemoryCommand):
    """Let nothing but a person change it, or end that."""

    locked: bool = True


@dataclass(frozen=True, slots=True)
class LockMemories(MemoryCommand):
    """Lock or unlock all of these by one act, which is taken back by one. `memory` is not used."""

    memory: UUID = field(default=UUID(int=0), kw_only=True)
    memories: tuple[UUID, ...]
    locked: bool = True


@dataclass(frozen=True, slots=True)
class ForgetMemory(MemoryCommand):
    """Take it away with everything derived from it; a locked one only with `even_locked`.

    `retires`: what a person had noted of something said takes that along. Who takes the noting back leaves it as it was.
    """

    even_locked: bool = False
    retires: bool = True


@dataclass(frozen=True, slots=True)
class ArchiveMemory(MemoryCommand):
    """Put it aside because there are too many."""


@dataclass(frozen=True, slots=True)
class PersonCommand(MemoryCommand):
    """Base of the commands about all that is remembered of a person. `memory` is not used."""

    memory: UUID = field(default=UUID(int=0), kw_only=True)
    person: int

    @property
    def stream(self) -> str:
        return f"memory:person:{self.person}"


@dataclass(frozen=True, slots=True)
class ForgetSaid(PersonCommand):
    """Remember a message of theirs no more, nor answers to it; or with `character` only that one's answer."""

    message: int
    character: UUID | None = None


@dataclass(frozen=True, slots=True)
class ForgetSpan(PersonCommand):
    """Remember nothing of what they said and were answered in a time, nor what they had remembered in it."""

    since: datetime
    until: datetime
    character: UUID | None = None
    channel: int | None = None


@dataclass(frozen=True, slots=True)
class Begin(PersonCommand):
    """Begin to be incognito, or to be answered without memories, with one character or all; a running session is replaced."""

    session: UUID
    kind: Session
    at: datetime
    until: datetime | None = None
    character: UUID | None = None


@dataclass(frozen=True, slots=True)
class End(PersonCommand):
    """End the sessions of a kind, with one character (None: all of them)."""

    kind: Session
    at: datetime
    character: UUID | None = None


@dataclass(frozen=True, slots=True)
class ChooseReach(PersonCommand):
    """Say how far one's words are remembered, and whether anything is made of them."""

    reach: Literal["channel", "server"] = "channel"
    derive: bool = True


@dataclass(frozen=True, slots=True)
class ChooseGeneration(MemoryCommand):
    """Meet the summaries or vectors of this generation from now on."""

    memory: UUID = field(default=UUID(int=0), kw_only=True)
    kind: Literal["summary", "vectors"]
    generation: str

    @property
    def stream(self) -> str:
        return f"memory:generation:{self.kind}"


def reads(_: State, command: MemoryCommand) -> Sequence[str]:
    """The memory's or person's own stream, and that of what is to be remembered or forgotten."""
    if isinstance(command, LockMemories):
        return [f"memory:{memory}" for memory in command.memories]
    message, turn = getattr(command, "message", None), getattr(command, "turn", None)
    more = [f"turn:{turn}"] if turn is not None else [f"message:{message}"] if message is not None else []
    return [command.stream, *more]


def decide(state: State, command: MemoryCommand, actor: Actor) -> Sequence[Event]:
    """The events a command makes; none when all is as wished. Raises Rejected."""
    match command:
        case Remember():
            return _remembered(state, command, actor)
        case ChooseGeneration():
            return _generation(state, command, actor)
        case PersonCommand():
            return _of_person(state, command, actor)
        case LockMemories():
            return _all_locked(state, command, actor)
        case ArchiveMemory():
            note = _known(state, actor)
            return [] if state.archived or state.locked else [MemoryArchived(memory_id=note.memory_id, user_id=note.user_id)]
        case _:
            return _changed(state, command, actor)


def _changed(state: State, command: MemoryCommand, actor: Actor) -> Sequence[Event]:
    note = _known(state, actor)
    about: dict[str, Any] = {"memory_id": note.memory_id, "user_id": note.user_id, "by_user_id": actor.user_id}
    match command:
        case Correct():
            text = _text(command.text)
            return [] if text == state.text else [MemoryCorrected(**about, text=text)]
        case LockMemory():
            return [] if command.locked == state.locked else [MemoryLocked(**about, locked=command.locked)]
        case ForgetMemory():
            if state.locked and not command.even_locked:
                raise Rejected("This memory is locked. Unlock it first: `/memory lock` does both.")
            # A summary says what many messages said: those are remembered on, as the person asked for none of them.
            return [MemoryForgotten(**about, retires=command.retires and note.origin in ("fact", "manual"))]
        case _:
            raise AssertionError(type(command).__name__)


def _all_locked(state: State, command: LockMemories, actor: Actor) -> Sequence[Event]:
    """One event for each that is their own, stands, and is otherwise now."""
    theirs = [state.notes[one] for one in command.memories if one in state.notes and one not in state.forgotten]
    return [
        MemoryLocked(memory_id=note.memory_id, user_id=note.user_id, by_user_id=actor.user_id, locked=command.locked)
        for note in theirs
        if (actor.trusted or actor.user_id == note.user_id) and state.locks.get(note.memory_id, False) != command.locked
    ]


def _known(state: State, actor: Actor) -> MemoryNoted:
    if state.note is None or not (actor.trusted or actor.user_id == state.note.user_id):
        raise Rejected(UNKNOWN)
    if state.gone:
        raise Rejected(GONE)
    return state.note


def _text(text: str) -> str:
    text = tidy(text)
    if not text:
        raise Rejected("There is nothing to remember in it.")
    if len(text) > LONGEST:
        raise Rejected(f"A memory may have {LONGEST:,} characters; this has {len(text):,}.")
    return text


def _remembered(state: State, command: Remember, actor: Actor) -> Sequence[Event]:
    noted = [] if state.note is not None and not state.gone else [_noted(state, command, actor)]
    if not command.locked:
        return noted
    return [*noted, *_changed(reduce(evolve, noted, state), LockMemory(command.memory), actor)]


def _noted(state: State, command: Remember, actor: Actor) -> MemoryNoted:
    if state.gone:
        raise Rejected(GONE)
    if not (actor.trusted or actor.user_id == command.person):
        raise Rejected("Only for yourself can you have something remembered.")
    place = command.place
    values: dict[str, Any] = {"memory_id": command.memory, "user_id": command.person, "by_user_id": actor.user_id, "venue": place.venue}
    values |= {"channel_id": place.channel, "guild_id": place.guild, "character_id": place.character, "reach": command.reach}
    values |= {"at_ms": int(command.at.timestamp() * 1000) if command.at else 0}
    return MemoryNoted(**values, **_said(state, command))


def _said(state: State, command: Remember) -> dict[str, Any]:
    """Text, source and speaker of what is to be remembered. Raises Rejected when it does not stand in that channel."""
    if command.turn is not None:
        reply = state.replied
        if reply is None or reply.channel_id != command.place.channel:
            raise Rejected("This reply is not known here.")
        source = Source(turn_id=command.turn, fixed=False)
        text = command.text or reply.text[:LONGEST]
        return {"text": _text(text), "sources": (source,), "said_by": reply.user_id, "by_character": reply.character_id}
    if command.message is not None:
        said = state.said
        if said is None or state.deleted or said.channel_id != command.place.channel:
            raise Rejected("This message is not known here: characters only read where they were called or activated.")
        source = Source(message_id=command.message, fixed=False)
        text = _text(command.text or state.said_text[:LONGEST])
        return {"text": text, "sources": (source,), "said_by": said.author_id, "speaker": said.author_name[:100]}
    return {"text": _text(command.text)}


def _of_person(state: State, command: PersonCommand, actor: Actor) -> Sequence[Event]:
    if not (actor.trusted or actor.user_id == command.person):
        raise Rejected("Only for yourself can you say what is remembered.")
    about: dict[str, Any] = {"user_id": command.person, "by_user_id": actor.user_id}
    match command:
        case ForgetSaid():
            return [_said_forgotten(state, command, about)]
        case ForgetSpan():
            since, until = _ms(command.since), _ms(command.until)
            return [SpanForgotten(**about, character_id=command.character, channel_id=command.channel, since_ms=since, until_ms=until)]
        case Begin():
            return _begun(state, command, about)
        case End():
            return _ended(state, command, about)
        case ChooseReach():
            now = (state.reach.reach, state.reach.derive) if state.reach else ("channel", True)
            return [] if now == (command.reach, command.derive) else [ReachChosen(**about, reach=command.reach, derive=command.derive)]
        case _:
            raise AssertionError(type(command).__name__)


def _ms(moment: datetime) -> int:
    return max(int(moment.timestamp() * 1000), 0)


def _said_forgotten(state: State, command: ForgetSaid, about: dict[str, Any]) -> SaidForgotten:
    if state.said is None or state.said.author_id != command.person:
        raise Rejected("Only what you said yourself, or were answered, can be forgotten by you.")
    return SaidForgotten(**about, message_id=command.message, character_id=command.character)


def _running(state: State, kind: Session, at: datetime) -> list[SessionStarted]:
    """The sessions of a kind that are not over by then."""
    return [one for one in state.sessions.values() if one.kind == kind and (one.until_ms is None or one.until_ms > _ms(at))]


def _begun(state: State, command: Begin, about: dict[str, Any]) -> Sequence[Event]:
    if command.until is not None and command.until <= command.at:
        raise Rejected("That time is over already.")
    ends = [
        SessionEnded(**about, session_id=one.session_id, at_ms=_ms(command.at))
        for one in _running(state, command.kind, command.at)
        if one.character_id == command.character
    ]
    until = None if command.until is None else _ms(command.until)
    begun = {"session_id": command.session, "kind": command.kind, "character_id": command.character}
    return [*ends, SessionStarted(**about, **begun, since_ms=_ms(command.at), until_ms=until)]


def _ended(state: State, command: End, about: dict[str, Any]) -> Sequence[Event]:
    found = [one for one in _running(state, command.kind, command.at) if command.character in (None, one.character_id)]
    if not found:
        raise Rejected(f"You are not {'incognito' if command.kind == 'incognito' else 'answered without memories'}.")
    return [SessionEnded(**about, session_id=one.session_id, at_ms=_ms(command.at)) for one in found]


def _generation(state: State, command: ChooseGeneration, actor: Actor) -> Sequence[Event]:
    if not actor.trusted:
        raise Rejected("Only the bot's owners can choose a generation of memories.")
    before = state.generations.get(command.kind, "")
    if before == command.generation:
        return []
    return [GenerationChosen(kind=command.kind, generation=command.generation, before=before, by_user_id=actor.user_id)]


def reverse(before: State, after: State, event: Event) -> MemoryCommand:
    """The command that takes another back. What was forgotten stays forgotten."""
    match event:
        case MemoryNoted():
            return ForgetMemory(event.memory_id, even_locked=after.locked, retires=False)  # what one act noted and locked goes by one act
        case MemoryCorrected():
            return Correct(event.memory_id, before.text)
        case MemoryLocked():
            changed = tuple(one for one, locked in after.locks.items() if locked != before.locks.get(one, False))
            return LockMemories(changed or (event.memory_id,), not event.locked)
        case ReachChosen():
            was = before.reach
            return ChooseReach(event.user_id, was.reach if was else "channel", was.derive if was else True)
        case SessionStarted():
            return End(event.user_id, event.kind, datetime.fromtimestamp(event.since_ms / 1000).astimezone(), event.character_id)
        case SessionEnded():
            return _again(before, after, event)
        case GenerationChosen():
            return ChooseGeneration(event.kind, event.before)
        case _:
            raise Rejected("What was forgotten stays forgotten.")


def _again(before: State, after: State, event: SessionEnded) -> Begin:
    """Go on with the session that was ended, from where it was, or that another has replaced."""
    ended = [one for name, one in before.sessions.items() if name not in after.sessions]
    if len(ended) != 1:
        raise Rejected("Several were ended at once. Begin each again, by `/memory incognito` or `/memory fresh`.")
    [was] = ended
    since, until = (None if ms is None else datetime.fromtimestamp(ms / 1000).astimezone() for ms in (event.at_ms, was.until_ms))
    assert since is not None
    return Begin(event.user_id, ids.derived("session again", was.session_id), was.kind, since, until, was.character_id)


RULES: Rules[State, MemoryCommand] = Rules("memory", MemoryCommand, State(), evolve, reads, decide, reverse)
