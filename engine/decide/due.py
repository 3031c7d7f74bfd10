"""What is due, from counts and a clock. Pure: the clock enters as data, so that a replay and a test see the same."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Every:
    """Once in each stretch of time, the stretches counted from the epoch plus `offset`. What was missed is not made up for."""

    period: timedelta
    offset: timedelta = timedelta()

    def __post_init__(self) -> None:
        if self.period <= timedelta():
            raise ValueError("a period must be longer than nothing")


@dataclass(frozen=True, slots=True)
class CountedGroups:
    """Once for every `size` things, in order, none left out; an incomplete last group waits."""

    size: int

    def __post_init__(self) -> None:
        if self.size < 1:
            raise ValueError("a group has at least one member")


Policy = Every | CountedGroups


@dataclass(frozen=True, slots=True)
class Counts:
    """How many things there are (`total`), and which windows were asked for: all up to, not including, number `next`."""

    total: int = 0
    next: int = 0


@dataclass(frozen=True, slots=True)
class DueWindow:
    """Something due. `number` names it for ever. [`first`, `end`): indices of things, or seconds since the epoch."""

    number: int
    first: int
    end: int


def due(counts: Counts, clock: datetime, policy: Policy) -> Sequence[DueWindow]:
    """The windows that are due and were not asked for, in order.

    With Every at most one: the one that `clock` lies in. With Groups each complete one.
    """
    if isinstance(policy, CountedGroups):
        return [DueWindow(n, n * policy.size, (n + 1) * policy.size) for n in range(counts.next, counts.total // policy.size)]
    number = (clock - EPOCH - policy.offset) // policy.period
    if number < counts.next:
        return []
    start = EPOCH + policy.offset + number * policy.period
    return [DueWindow(number, _seconds(start), _seconds(start + policy.period))]


def _seconds(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(seconds=1)
