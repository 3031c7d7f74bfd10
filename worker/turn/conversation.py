"""Turns of one character in one channel come one after the other, in the order of the log; nobody else waits for them.

A conversation costs one wake-up at a time, however many of its turns wait. A wake-up for a conversation somebody works on is
acknowledged at once, because whoever holds its lease takes up what waits and looks once more after releasing it.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from enum import Enum, auto
from uuid import UUID

from engine import log
from engine.bus import Poison, Reference, Retry
from engine.fault import Category, Fault
from engine.store import connect
from engine.store.connect import Connection
from engine.watching import tracing
from projections.follow import runner
from projections.live import leases
from projections.live.leases import Lease
from projections.models import turns
from projections.models.turns import Turn
from worker.turn import bursts, context, turn_events
from worker.turn.generate import CATCH_UP_SECONDS, Behind, generate
from worker.work import Work

LATE_SECONDS = 1.0
"""When to look again for a turn that the read model does not know yet."""
SHARE = 4
"""Turns of one conversation in a row while others may be waiting for a free place in this process."""
REST_SECONDS = 0.2
"""How long a conversation that had its share lets others go first."""
_log = log.get("conversation")


class Outcome(Enum):
    """How working through a conversation ended."""

    QUIET = auto()
    """Nothing waits any more."""
    ELSEWHERE = auto()
    """Another worker holds the lease, and takes up what waits."""
    SHARED = auto()
    """It had its share; more waits."""


async def handle(work: Work, reference: Reference) -> None:
    """Work through the conversation of a requested turn. Raises Retry, Poison, or store trouble."""
    if reference.channel is None or reference.character is None or reference.turn is None:
        raise Poison("a requested turn without channel, character or turn")
    if await work_through(work, reference.channel, reference.character, reference.turn, reference.position) is Outcome.SHARED:
        raise Retry(REST_SECONDS * 1.5)


async def work_through(work: Work, channel: int, character: UUID, turn: UUID, position: int) -> Outcome:
    """Bring every pending turn of a conversation to its end, oldest first, unless somebody else does.

    `position` is that of the request one was woken for, `turn` is only noted in the lease. Raises Retry when the read model of
    turns is late.
    """
    name = leases.conversation(channel, character)
    if not work.conversations.enter(name, position):
        return Outcome.ELSEWHERE  # in this very process: it goes on until the read model shows nothing up to `position`
    rest = 0.0
    looking = asyncio.create_task(context.ahead(work, position))
    try:
        with work.calm.hurry():
            while True:
                newest = work.conversations.newest(name)
                outcome = await _taken_up(work, channel, character, turn, newest)
                if outcome is Outcome.SHARED:
                    rest = REST_SECONDS
                    return outcome
                # Whoever found the lease taken while it was ours has left the rest to us: look once more now that it is free.
                if outcome is Outcome.QUIET and await _next(work, channel, character) is not None:
                    continue
                if work.conversations.newest(name) == newest:
                    return outcome
    finally:
        work.conversations.leave(name, rest=rest)
        looking.cancel()
        await asyncio.gather(looking, return_exceptions=True)


async def _taken_up(work: Work, channel: int, character: UUID, turn: UUID, newest: int) -> Outcome:
    """Take the lease while the read model of turns is on its way to `newest`. Raises Retry when it is late."""
    known = asyncio.create_task(_asked_from(work, channel, character, newest))
    try:
        outcome = await _under_lease(work, channel, character, turn, known)
        if outcome is Outcome.ELSEWHERE:
            # Whoever had the lease then may have had its last look before the turn was to be seen: only who has it now looks once more.
            outcome = await _under_lease(work, channel, character, turn, known)
        return outcome
    finally:
        known.cancel()
        await asyncio.gather(known, return_exceptions=True)


async def _under_lease(work: Work, channel: int, character: UUID, turn: UUID, known: "asyncio.Task[tuple[Turn | None] | None]") -> Outcome:
    """Work while the lease is ours. `known` is the first pending turn, once the read model has come so far; it may have been asked

    before the lease was taken, so that a turn of it may have its end by now: its own stream says so.
    """
    done, ended = 0, None
    async with leases.held(work.log.pool, leases.conversation(channel, character), turn) as lease, _told(work, turn, lease) as told:
        if (found := await known) is None:
            raise Retry(LATE_SECONDS)
        if lease is None:
            return Outcome.ELSEWHERE
        pending = found[0]
        while pending:
            if (done >= SHARE and work.crowded) or work.leaving.is_set():
                return Outcome.SHARED
            past = await told if told is not None and pending.turn == turn and not done else await turn_events.past(work, pending.turn)
            position = past.ended or await _to_its_end(work, pending, past, lease.lost)
            after = await _asked_from(work, channel, character, position)
            if after is None:
                raise Behind("the read model of turns is late")
            if lease.lost.is_set():
                return Outcome.ELSEWHERE
            done, ended, pending = done + 1, (pending, position), after[0]
        if ended is not None:  # not while turns wait: what was said after their messages would be taken up here and put away there
            context.learn(work, *ended)
        return Outcome.QUIET


@asynccontextmanager
async def _told(work: Work, turn: UUID, lease: Lease | None) -> "AsyncIterator[asyncio.Task[turn_events.Past] | None]":
    """What became of a turn so far, looked up while something else is waited for; None without the lease: it would be old."""
    if lease is None:
        yield None
        return
    looking = asyncio.create_task(turn_events.past(work, turn))
    try:
        yield looking
    finally:
        looking.cancel()
        await asyncio.gather(looking, return_exceptions=True)


async def _to_its_end(work: Work, turn: Turn, past: turn_events.Past, lost: asyncio.Event) -> int:
    chosen = await bursts.joined(work, turn)
    if chosen.turn != turn.turn:
        past, turn = await turn_events.past(work, chosen.turn), chosen
    try:
        with tracing.turn(turn.message_id, turn.turn, venue=turn.venue, trigger=turn.trigger):
            return await generate(work, turn, lost, past)
    except connect.TROUBLE:
        raise
    except Exception as error:
        # One turn that breaks us must neither block its conversation nor leave a person without a word.
        _log.error("turn broke", turn=str(turn.turn), exc_info=error)
        fault = Fault(Category.INTERNAL, technical_details=f"{type(error).__name__} in the worker")
        event = turn_events.failed(turn, fault, attempt=turn.attempts + 1)
        return (await turn_events.end(work, turn, event)).positions[0]


async def _asked_from(work: Work, channel: int, character: UUID, position: int) -> tuple[Turn | None] | None:
    """The oldest pending turn of a conversation once the read model of turns has come to a position; None when it is late."""

    def first(connection: Connection) -> Awaitable[Turn | None]:
        return turns.next_pending(connection, channel, character)

    return await runner.ask_from(work.log.pool, ("turns",), position, first, seconds=CATCH_UP_SECONDS)


async def _next(work: Work, channel: int, character: UUID) -> Turn | None:
    async with work.log.pool.connection() as connection:
        return await turns.next_pending(connection, channel, character)
