"""Rules for who is activated in a channel. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from engine.decide.refusal import Refusal
from engine.events.channel import CharacterActivated, CharacterDeactivated
from engine.events.message import Venue

CHARACTERS = 5
"""How many may be activated in one channel (A4)."""


@dataclass(frozen=True, slots=True)
class Where:
    """A channel."""

    channel_id: int
    guild_id: int | None
    venue: Venue


def activate(active: Sequence[UUID], where: Where, character: UUID, by_user: int, *, usable: bool) -> CharacterActivated:
    """The character answers everything said there from now on. `usable`: this person may call it. Raises Refusal."""
    if not usable:
        raise Refusal("There is no such character, or it is not yours to use.")
    if character in active:
        raise Refusal("It is activated here already.")
    if len(active) >= CHARACTERS:
        raise Refusal(f"{CHARACTERS} characters are activated here already. Deactivate one first.")
    return CharacterActivated(
        channel_id=where.channel_id, guild_id=where.guild_id, venue=where.venue, character_id=character, by_user_id=by_user
    )


def deactivate(active: Sequence[UUID], where: Where, character: UUID | None, by_user: int) -> list[CharacterDeactivated]:
    """One of them stops, or with None all of them. Raises Refusal when there is nothing to stop."""
    leaving = [c for c in active if character is None or c == character]
    if not leaving:
        raise Refusal("Nobody is activated here." if character is None else "It is not activated here.")
    return [
        CharacterDeactivated(channel_id=where.channel_id, guild_id=where.guild_id, venue=where.venue, character_id=c, by_user_id=by_user)
        for c in leaving
    ]
