"""Who waits to have something appended: in order, bounded, and what failed goes back to its old place."""

import asyncio
from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass

from engine.errors import StoreError, StoreUnavailable
from engine.store.rows import Appended, Unit

LIMIT_EVENTS = 1000
"""With more than this many events waiting, `append` waits itself: memory stays bounded while Postgres is away."""


@dataclass(slots=True, eq=False)
class Slot:
    """A unit, who waits for it, and its place in the queue."""

    unit: Unit
    done: "asyncio.Future[Appended]"
    number: int

    def resolve(self, outcome: Appended | StoreError) -> None:
        """Tell whoever waits, if anybody still does."""
        if self.done.done():
            return
        if isinstance(outcome, Appended):
            self.done.set_result(outcome)
        else:
            self.done.set_exception(outcome)


class Queue:
    """First come, first served. `taken` counts the events that were popped and are not yet `settled`."""

    def __init__(self) -> None:
        self.slots: deque[Slot] = deque()
        self.events = 0
        self.taken = 0
        self._line: deque[asyncio.Future[None]] = deque()
        self._coming = 0  # let in, but not here yet: nobody may overtake them
        self._number = 0
        self._closed = False
        self._loop = asyncio.get_running_loop()

    async def admission(self) -> None:
        """Wait until there is room."""
        turn: asyncio.Future[None] = self._loop.create_future()
        self._line.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.cancelled():
                with suppress(ValueError):
                    self._line.remove(turn)
            else:
                self._coming -= 1
            self.admit()
            raise
        self._coming -= 1

    @property
    def full(self) -> bool:
        return bool(self._line) or self._coming > 0 or self.events + self.taken >= LIMIT_EVENTS

    def admit(self) -> None:
        """Let in as many of those outside as there is room for."""
        free = LIMIT_EVENTS - self.events - self.taken - self._coming
        while self._line and (free > 0 or self._closed):
            turn = self._line.popleft()
            if not turn.done():
                turn.set_result(None)
                self._coming += 1
                free -= 1

    def add(self, unit: Unit) -> "asyncio.Future[Appended]":
        """Join the end. Raises StoreUnavailable after `close`."""
        if self._closed:
            raise StoreUnavailable("the log was closed")
        self._number += 1
        done: asyncio.Future[Appended] = self._loop.create_future()
        self.slots.append(Slot(unit, done, self._number))
        self.events += len(unit.events)
        return done

    def pop(self) -> Slot:
        slot = self.slots.popleft()
        count = len(slot.unit.events)
        self.events -= count
        self.taken += count
        return slot

    def settled(self, events: int) -> None:
        """So many popped events are dealt with: stored, refused or put back."""
        self.taken -= events
        if self._line:
            self.admit()

    def put_back(self, batch: Iterable[Slot], *, uncertain: bool) -> None:
        """Return to the old place in the order, to be written the careful way. `uncertain`: they may be in the log already."""
        if self._closed:
            for slot in batch:
                slot.resolve(StoreUnavailable("the log was closed"))
            return
        for slot in batch:
            slot.unit.slow = True
            slot.unit.uncertain |= uncertain
        self.slots = deque(sorted((*batch, *self.slots), key=lambda slot: slot.number))
        self.events = sum(len(slot.unit.events) for slot in self.slots)

    def close(self) -> None:
        """Refuse what waits and what comes."""
        self._closed = True
        while self.slots:
            self.pop().resolve(StoreUnavailable("the log was closed"))
        self.admit()
