"""What of a channel is yet to be fetched or settled, and how such debts add up. Pure."""

from dataclasses import dataclass, field

from engine.errors import TzurotError

MOST_IDS = 20_000
"""Ids noted per channel and kind. What comes after that is found by looking at the channel's recent messages."""


class NotYet(TzurotError):
    """Discord does not let us read the channel now; `after` seconds it may. Nothing counts as read."""

    def __init__(self, channel: int, why: str, after: float = 0.0) -> None:
        self.channel, self.after = channel, after
        super().__init__(f"channel {channel} cannot be read yet: {why}")


@dataclass(slots=True)
class Gap:
    """A channel that is behind.

    `away`: nobody listened for a while; messages, edits and deletions of that time are unknown. `dropped`: the first message for
    which there was no room. `gone` and `touched`: messages that were deleted or edited when there was no room for more than their ids.
    """

    away: bool = False
    dropped: int | None = None
    gone: set[int] = field(default_factory=set)
    touched: set[int] = field(default_factory=set)

    def delete(self, message_id: int) -> None:
        """Note a deletion."""
        self._note(self.gone, message_id)

    def edit(self, message_id: int) -> None:
        """Note an edit."""
        self._note(self.touched, message_id)

    def drop(self, message_id: int) -> None:
        """Note a message; the earliest one is enough."""
        self.dropped = message_id if self.dropped is None else min(self.dropped, message_id)

    def add(self, other: "Gap") -> None:
        """Owe what the other one owes, too."""
        self.away |= other.away
        if other.dropped is not None:
            self.drop(other.dropped)
        for message_id in other.gone:
            self.delete(message_id)
        for message_id in other.touched:
            self.edit(message_id)

    def _note(self, ids: set[int], message_id: int) -> None:
        if len(ids) < MOST_IDS or message_id in ids:
            ids.add(message_id)
        else:
            self.away = True


class Recent:
    """A set of message ids that forgets the oldest beyond `most`."""

    def __init__(self, most: int = MOST_IDS) -> None:
        self._ids: dict[int, None] = {}
        self._most = most

    def __contains__(self, message_id: object) -> bool:
        return message_id in self._ids

    def add(self, message_id: int) -> None:
        """Remember one."""
        self._ids[message_id] = None
        if len(self._ids) > self._most:
            del self._ids[next(iter(self._ids))]
