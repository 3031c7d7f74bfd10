"""Rules for lorebooks: who may change them, and who may attach them where. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from uuid import UUID

from pydantic import ValidationError

from engine.actor import Actor
from engine.decide import character
from engine.decide.channel import MANAGE
from engine.decide.command import Command, Rules
from engine.decide.rejected import Rejected
from engine.events.base import Event
from engine.events.character import CharacterCreated, CharacterDeleted, CharacterEdited, CharacterRestored
from engine.events.lorebook import (
    LorebookAttached,
    LorebookCreated,
    LorebookDeleted,
    LorebookDetached,
    LorebookEdited,
    LorebookRestored,
    LoreEntriesRemoved,
    LoreEntriesSet,
)
from engine.lore.book import LoreScope
from engine.lore.entries import MOST_ENTRIES, NotAnEntry, Stored, batches, stored
from engine.resources.craft.kinds import LOREBOOK
from engine.resources.craft.lorebook import LorebookSheet
from engine.resources.field import changed, values
from engine.resources.kinds import wrong

UNKNOWN = "There is no such lorebook, or it is not yours to change."
ATTACHMENTS = 20
"""Places one book may be attached to."""
Place = tuple[LoreScope, str]


@dataclass(frozen=True, slots=True)
class State:
    """A book as its events say, its entries by number, where it is attached, and the character it is about."""

    id: UUID | None = None
    owner_id: int | None = None
    sheet: LorebookSheet | None = None
    deleted: bool = False
    entries: Mapping[int, Stored] = field(default_factory=dict)
    attached: frozenset[Place] = frozenset()
    about: character.State = field(default_factory=character.State)

    def editable_by(self, actor: Actor) -> bool:
        """Whether they may change it."""
        return self.owner_id == actor.user_id or actor.trusted


@dataclass(frozen=True, slots=True)
class LorebookCommand(Command):
    """Base of the commands about one book."""

    lorebook_id: UUID

    @property
    def stream(self) -> str:
        return f"lorebook:{self.lorebook_id}"


@dataclass(frozen=True, slots=True)
class Create(LorebookCommand):
    """Make a book of the giver's, with entries, attached to these places."""

    fields: Mapping[str, object]
    entries: Sequence[Stored] = ()
    attach: Sequence[Place] = ()


@dataclass(frozen=True, slots=True)
class Edit(LorebookCommand):
    """Change some fields of the book itself."""

    changes: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class SetEntries(LorebookCommand):
    """Let these entries be so, new or instead of those with the same numbers; take those of `removed` out."""

    entries: Sequence[Stored] = ()
    removed: Sequence[int] = ()


@dataclass(frozen=True, slots=True)
class Delete(LorebookCommand):
    pass


@dataclass(frozen=True, slots=True)
class Restore(LorebookCommand):
    """Take a deletion back."""


@dataclass(frozen=True, slots=True)
class Attach(LorebookCommand):
    """Look at the book where the target speaks or is spoken to. `here`: the giver's permissions are of that place."""

    scope: LoreScope
    target: str = ""


@dataclass(frozen=True, slots=True)
class Detach(LorebookCommand):
    """Look at it there no more."""

    scope: LoreScope
    target: str = ""


def evolve(state: State, event: Event) -> State:
    """The state after an event."""
    match event:
        case LorebookCreated() | LorebookEdited():
            return replace(state, id=event.lorebook_id, owner_id=event.owner_id, sheet=event.sheet)
        case LoreEntriesSet():
            return replace(state, entries={**state.entries, **dict(zip(event.uids, event.entries, strict=False))})
        case LoreEntriesRemoved():
            return replace(state, entries={uid: one for uid, one in state.entries.items() if uid not in event.uids})
        case LorebookDeleted():
            return replace(state, deleted=True)
        case LorebookRestored():
            return replace(state, deleted=False)
        case LorebookAttached():
            return replace(state, attached=state.attached | {(event.scope, event.target)})
        case LorebookDetached():
            return replace(state, attached=state.attached - {(event.scope, event.target)})
        case CharacterCreated() | CharacterEdited() | CharacterDeleted() | CharacterRestored():
            return replace(state, about=character.evolve(state.about, event))
        case _:
            return state


def reads(_: State, command: LorebookCommand) -> Sequence[str]:
    """Its own stream, and that of the character it is to be attached to."""
    places: Sequence[Place] = ()
    match command:
        case Create():
            places = command.attach
        case Attach() | Detach():
            places = [(command.scope, command.target)]
    return [command.stream, *(f"character:{target}" for scope, target in places if scope == "character")]


def decide(state: State, command: LorebookCommand, actor: Actor) -> Sequence[Event]:
    """The events a command makes; none when all is as wished. Raises Rejected."""
    match command:
        case Create():
            return _create(state, command, actor)
        case Restore():
            return _restored(state, actor)
        case Attach() | Detach():
            return _placed(state, command, actor)
        case Edit():
            return _edited(_theirs(state, actor), command, actor)
        case SetEntries():
            return _set(_theirs(state, actor), command.lorebook_id, command, actor)
        case Delete():
            found = _theirs(state, actor)
            return [LorebookDeleted(lorebook_id=command.lorebook_id, owner_id=found.owner_id, deleted_by=actor.user_id)]
        case _:
            raise AssertionError(type(command).__name__)


def _theirs(state: State, actor: Actor) -> State:
    if state.id is None or state.deleted or not state.editable_by(actor):
        raise Rejected(UNKNOWN)
    return state


def _create(state: State, command: Create, actor: Actor) -> list[Event]:
    if state.id is not None:
        raise Rejected("This lorebook exists already.")
    values_now = {**values(LorebookSheet(name="?")), "name": "", **command.fields}
    for sentence in wrong(LOREBOOK, {}, values_now).values():
        raise Rejected(sentence)
    sheet = _checked(values_now)
    own = State(command.lorebook_id, actor.user_id, sheet, about=state.about)
    events: list[Event] = [LorebookCreated(lorebook_id=command.lorebook_id, owner_id=actor.user_id, sheet=sheet)]
    events += _set(own, command.lorebook_id, SetEntries(command.lorebook_id, command.entries), actor) if command.entries else []
    for scope, target in command.attach:
        events += _placed(own, Attach(command.lorebook_id, scope, target), actor)
    return events


def _checked(fields: Mapping[str, object]) -> LorebookSheet:
    try:
        return LorebookSheet.model_validate(dict(fields))
    except ValidationError:
        raise Rejected("A field holds something that cannot be stored.") from None


def _edited(state: State, command: Edit, actor: Actor) -> list[Event]:
    assert state.sheet is not None
    before = values(state.sheet)
    for sentence in wrong(LOREBOOK, before, before | dict(command.changes)).values():
        raise Rejected(sentence)
    try:
        sheet = changed(state.sheet, command.changes)
    except ValidationError:
        raise Rejected("A field holds something that cannot be stored.") from None
    if sheet == state.sheet:
        return []
    return [LorebookEdited(lorebook_id=command.lorebook_id, owner_id=state.owner_id, edited_by=actor.user_id, sheet=sheet)]


def _set(state: State, lorebook_id: UUID, command: SetEntries, actor: Actor) -> list[Event]:
    """The entries in as few events as they fit into. Of several with the same number the last one counts."""
    try:
        wanted = {uid: stored(entry, uid) for entry in command.entries for uid in (int(str(entry["uid"])),)}
    except NotAnEntry as error:
        raise Rejected(str(error)) from None
    new = [entry for uid, entry in wanted.items() if state.entries.get(uid) != entry]
    gone = tuple(uid for uid in dict.fromkeys(command.removed) if uid in state.entries)
    if command.removed and not gone and not command.entries:
        raise Rejected("There is no such entry in this lorebook.")
    if len({*state.entries, *(int(str(entry["uid"])) for entry in new)} - set(gone)) > MOST_ENTRIES:
        raise Rejected(f"A lorebook may have {MOST_ENTRIES:,} entries.")
    events: list[Event] = []
    if gone:
        events.append(LoreEntriesRemoved(lorebook_id=lorebook_id, owner_id=state.owner_id, edited_by=actor.user_id, uids=gone))
    for run in batches(new):
        uids = tuple(int(str(entry["uid"])) for entry in run)
        whose = {"lorebook_id": lorebook_id, "owner_id": state.owner_id, "edited_by": actor.user_id}
        events.append(LoreEntriesSet.model_validate(whose | {"uids": uids, "entries": tuple(run)}))
    return events


def _restored(state: State, actor: Actor) -> list[Event]:
    if state.id is None or not state.editable_by(actor):
        raise Rejected(UNKNOWN)
    if not state.deleted:
        raise Rejected("This lorebook was not deleted.")
    return [LorebookRestored(lorebook_id=state.id, owner_id=state.owner_id, restored_by=actor.user_id)]


def _placed(state: State, command: Attach | Detach, actor: Actor) -> list[Event]:
    """Attach or detach. Who may do it at the place may detach any book there; to attach one it must be theirs."""
    if state.id is None or state.deleted:
        raise Rejected(UNKNOWN)
    own = state.editable_by(actor)
    if isinstance(command, Attach) and not own:
        raise Rejected(UNKNOWN)
    if isinstance(command, Attach) or not own:
        _permitted(state, command, actor)
    whose = {"lorebook_id": state.id, "owner_id": state.owner_id, "scope": command.scope, "target": command.target, "set_by": actor.user_id}
    place = (command.scope, command.target)
    if isinstance(command, Detach):
        if place not in state.attached:
            raise Rejected("This lorebook is not attached there.")
        return [LorebookDetached.model_validate(whose)]
    if place in state.attached:
        return []
    if len(state.attached) >= ATTACHMENTS:
        raise Rejected(f"A lorebook may be attached to {ATTACHMENTS} places. Detach it somewhere first.")
    return [LorebookAttached.model_validate(whose)]


def _permitted(state: State, command: Attach | Detach, actor: Actor) -> None:
    """Raises Rejected with what is missing."""
    match command.scope:
        case "everywhere":
            if not actor.trusted:
                raise Rejected("Only the bot's owners can attach a lorebook everywhere.")
        case "guild" | "channel":
            if not actor.may(MANAGE) and not actor.trusted:
                raise Rejected("You need the Manage Messages permission to say which lorebooks are looked at here.")
        case "person":
            if command.target != str(actor.user_id) and not actor.trusted:
                raise Rejected("You can attach a lorebook to yourself only.")
        case "character":
            if not state.about.there or not (state.about.editable_by(actor.user_id) or actor.trusted):
                raise Rejected(character.UNKNOWN)


def reverse(before: State, after: State, event: Event) -> LorebookCommand:
    """The command that takes an event's command back. Raises Rejected for one that cannot be."""
    assert after.id is not None
    match event:
        case LorebookCreated() | LorebookRestored():
            return Delete(after.id)
        case LorebookDeleted():
            return Restore(after.id)
        case LorebookEdited():
            assert before.sheet is not None
            assert after.sheet is not None
            was, now = values(before.sheet), values(after.sheet)
            return Edit(after.id, {name: was[name] for name in now if was[name] != now[name]})
        case LoreEntriesSet() | LoreEntriesRemoved():
            back = [entry for uid, entry in before.entries.items() if after.entries.get(uid) != entry]
            return SetEntries(after.id, back, [uid for uid in after.entries if uid not in before.entries])
        case LorebookAttached():
            return Detach(after.id, event.scope, event.target)
        case LorebookDetached():
            return Attach(after.id, event.scope, event.target)
        case _:
            raise Rejected("This cannot be taken back.")


RULES = Rules("lorebook", LorebookCommand, State(), evolve, reads, decide, reverse)
