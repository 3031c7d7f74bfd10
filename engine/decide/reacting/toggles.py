"""The reactions on one message: what is news of what Discord tells, which may be told twice. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from uuid import UUID

from engine import ids
from engine.events.base import Event
from engine.events.reaction import ReactionAdded, ReactionRemoved, ReactionsCleared
from engine.resources.reacting.emoji import normal

Reaction = ReactionAdded | ReactionRemoved | ReactionsCleared


@dataclass(slots=True)
class Toggles:
    """Who has which emoji on, and how often each of them was added; `cleared` counts the times a moderator took away many."""

    on: set[tuple[int, str]] = field(default_factory=set)
    added: dict[tuple[int, str], int] = field(default_factory=dict)
    cleared: int = 0

    @classmethod
    def of(cls, events: Iterable[Event]) -> "Toggles":
        """Those of a message's stream."""
        found = cls()
        for event in events:
            found.take(event)
        return found

    def take(self, event: Event) -> None:
        """One event more."""
        match event:
            case ReactionAdded():
                key = (event.user_id, normal(event.emoji))
                self.on.add(key)
                self.added[key] = self.added.get(key, 0) + 1
            case ReactionRemoved():
                self.on.discard((event.user_id, normal(event.emoji)))
            case ReactionsCleared():
                self.on = {key for key in self.on if event.emoji is not None and key[1] != normal(event.emoji)}
                self.cleared += 1
            case _:
                pass

    def news(self, event: Reaction) -> UUID | None:
        """The id of the event to append; None for what is so already. Two who are told the same make one id of it."""
        if isinstance(event, ReactionsCleared):
            on = any(event.emoji is None or emoji == normal(event.emoji) for _, emoji in self.on)
            return ids.derived("reactions cleared", event.message_id, self.cleared) if on else None
        key = (event.user_id, normal(event.emoji))
        added = isinstance(event, ReactionAdded)
        if (key in self.on) == added:
            return None
        return ids.derived("reaction", event.message_id, *key, "added" if added else "removed", self.added.get(key, 0))
