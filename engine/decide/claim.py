"""Names that only one may hold. Pure."""

from uuid import UUID

from engine.decide.command import Holders
from engine.events.base import Event
from engine.events.claim import Claimed, Released


def held(holders: Holders, event: Event) -> Holders:
    """Who holds what after an event."""
    match event:
        case Claimed():
            return {**holders, event.name: event.holder}
        case Released():
            return {name: holder for name, holder in holders.items() if name != event.name or holder != event.holder}
        case _:
            return holders


def free_for(holders: Holders, name: str, holder: UUID) -> bool:
    """Whether `holder` may take the name, or has it already."""
    return holders.get(name, holder) == holder


def moved(holders: Holders, holder: UUID, old: str | None, new: str | None) -> list[Event]:
    """The events by which `holder` gives up one name and takes another; nothing for a name that was never theirs to give up."""
    events: list[Event] = []
    if new is not None and holders.get(new) != holder:
        events.append(Claimed(name=new, holder=holder))
    if old is not None and old != new and holders.get(old) == holder:
        events.append(Released(name=old, holder=holder))
    return events
