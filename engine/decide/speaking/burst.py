"""Join what somebody says in several quick messages into one turn (A16). Pure.

A run is messages of one author in a row that call nobody by name. It ends with another author's message, with one that calls somebody,
after MOST messages, or LONGEST_S after its first. Only its last message is answered; the turns of the others end as superseded.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from engine import ids

MOST = 5
LONGEST_S = 10.0


@dataclass(frozen=True, slots=True)
class Spoken:
    """A person's message in a channel. `turn`: that in which the character in question is still to answer it, None without one.

    `calls`: it names or replies to a character, whichever.
    """

    message_id: int
    author_id: int
    turn: UUID | None = None
    calls: bool = False

    @property
    def said_at(self) -> datetime:
        return ids.snowflake_time(self.message_id)


@dataclass(frozen=True, slots=True)
class Burst:
    """What becomes of a run: the turn that answers it, those that it stands for, and when it may begin."""

    turn: UUID
    superseded: tuple[UUID, ...] = ()
    due: datetime | None = None
    """None: at once."""


def join(lines: Sequence[Spoken], wait_s: float, typed: datetime | None = None) -> Burst:
    """What becomes of the first line's turn. `lines` begins with it and goes on as the channel does; `wait_s`: for one more message.

    `typed`: when its author was last seen typing there; from then on it is waited anew.
    """
    first = lines[0]
    assert first.turn is not None, "the first line is the one to be answered"
    if first.calls:
        return Burst(first.turn)
    run, closed = [first], False
    for line in lines[1:]:
        closed = _closes(line, run)
        if closed:
            break
        run.append(line)
    waiting = [line.turn for line in run if line.turn is not None]
    last = run[-1].said_at if typed is None else max(run[-1].said_at, typed)
    due = min(last + timedelta(seconds=wait_s), first.said_at + timedelta(seconds=LONGEST_S))
    at_once = closed or len(run) >= MOST or wait_s <= 0
    return Burst(waiting[-1], tuple(waiting[:-1]), None if at_once else due)


def _closes(line: Spoken, run: Sequence[Spoken]) -> bool:
    """Whether a line is no part of the run before it, and ends it."""
    late = line.said_at - run[0].said_at > timedelta(seconds=LONGEST_S)
    return line.author_id != run[0].author_id or line.calls or late or len(run) >= MOST
