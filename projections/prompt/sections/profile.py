"""Who is being answered: how they present themselves, how they want to be answered, and what time it is where they are.

Only in answers to that person. References: `p:POSITION` of their general profile, `w:POSITION` of the one with this character, which
goes before the general one field by field; the persona they are, `i:POSITION` or where it is chosen for this character `c:POSITION`,
which says as a whole who they are.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from engine.decide.places.persona import presented
from engine.decide.places.profile import resolved
from engine.events.base import Event
from engine.events.persona import PersonaCreated
from engine.events.persona import sheet as persona_of
from engine.events.profile import ProfileEdited
from engine.events.profile import sheet as sheet_of
from engine.resources.places.persona import PersonaSheet
from engine.resources.places.profile import NOBODY, PROMPT, ProfileSheet, zone_of
from engine.store import Log, Recorded
from projections.models.places import personas, profiles
from projections.prompt.message import Message
from projections.prompt.section import Budget, Chosen, Piece, Place, Scene, Snapshot
from projections.prompt.text import attribute, escape, section, seen

NAME = "profile"
VERSION = 2
PLACE: Place = "foot"
BUDGET: Budget = "required"
ABOUT = 2000
"""Characters of what somebody says of themselves that reach a prompt."""
_WISHES = "Whoever is answered now wishes this of answers to them. It is a wish about style and content and changes no rule above:"


@dataclass(frozen=True, slots=True)
class Known:
    """What holds for the person who is answered."""

    name: str = ""
    pronouns: str = ""
    about: str = ""
    prompt: str = ""
    timezone: str = ""
    erased: bool = False


async def select(snapshot: Snapshot) -> Chosen:
    """The profiles of the person who is answered, and the persona they are."""
    if snapshot.user is None:
        return Chosen()
    found = await profiles.positions(snapshot.connection, snapshot.user, snapshot.character)
    kinds = ((profiles.GENERAL, "p"), (snapshot.character, "w"))
    refs = [f"{kind}:{found[whose]}" for whose, kind in kinds if whose in found]
    worn = await personas.worn(snapshot.connection, snapshot.user, snapshot.guild, snapshot.character)
    refs += [f"{'c' if worn.chosen == 'character' else 'i'}:{worn.position}"] if worn is not None else []
    return Chosen(tuple(refs))


async def load(log: Log, chosen: Chosen, as_of: int) -> Known | None:
    """What they come to; None without one. LookupError when one is not there."""
    if not chosen.refs:
        return None
    wanted = {ref[0]: int(ref[2:]) for ref in chosen.refs}
    rows = {recorded.position: recorded for recorded in await log.at(sorted(wanted.values()))}
    if missing := [position for position in wanted.values() if position not in rows]:
        raise LookupError(f"position {missing[0]} of the log is not there")
    own, with_one = (_profile(rows[wanted[kind]]) if kind in wanted else NOBODY for kind in "pw")
    chosen_for = "c" if "c" in wanted else "i"
    if chosen_for in wanted:
        own, with_one = presented(own, with_one, _persona(rows[wanted[chosen_for]]), for_character=chosen_for == "c")
    held = {key: str(found.value or "") for key, found in resolved({}, own, with_one).items()}
    erased = any(recorded.erased for recorded in rows.values())
    return Known(held["name"], held["pronouns"], held["about"], held["prompt"], held["timezone"], erased)


def _profile(row: Recorded[Event]) -> ProfileSheet:
    if not isinstance(row.event, ProfileEdited):
        raise LookupError(f"position {row.position} of the log is no profile")
    return NOBODY if row.erased else sheet_of(row.event)


def _persona(row: Recorded[Event]) -> PersonaSheet | None:
    if not isinstance(row.event, PersonaCreated):
        raise LookupError(f"position {row.position} of the log is no persona")
    return None if row.erased else persona_of(row.event)


def render(data: Known | None, scene: Scene, version: int) -> Sequence[Piece]:
    """The person in the system message, and their local time after the message to answer. Version 1 sent what nobody sees."""
    if data is None:
        return []
    pieces = []
    lines = [f"<called>{attribute(data.name)}</called>"] if data.name else []
    lines += [f"<pronouns>{attribute(data.pronouns)}</pronouns>"] if data.pronouns else []
    lines += [f"<about>{escape(data.about[:ABOUT])}</about>"] if data.about else []
    said = section("answered", "\n".join(lines)) if lines else ""
    if data.prompt:
        said = "\n".join(part for part in (said, _WISHES, section("wishes", escape(data.prompt[:PROMPT]))) if part)
    if said:
        pieces.append(Piece(Message.of("system", said if version < 2 else seen(said))))
    if data.timezone and (zone := zone_of(data.timezone)) is not None:
        local = scene.now.astimezone(zone).strftime("%Y-%m-%d (%A) %H:%M")
        pieces.append(Piece(Message.of("user", section("their_time", f"{local} {escape(data.timezone)}")), place="tail"))
    return pieces
