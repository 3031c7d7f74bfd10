"""One queue per channel, in the order of the log, for wake-ups, sweeps and retries; across processes, by a lease.

An answer that cannot be delivered now holds up those after it in its channel, and nobody else: nothing overtakes, and no right is
held while a pause is sat out.
"""

import asyncio
from collections.abc import Callable
from uuid import UUID

from bot.delivery import looking
from bot.delivery.deliverer import Deliverer
from bot.delivery.errors import Busy, Later, Unsure
from bot.delivery.looking import Facts
from bot.delivery.order import first_ready
from bot.delivery.records import Job
from bot.delivery.venue import Place, Venue
from engine import clock, ids, log
from engine.bus import Reference
from engine.bus.consumer import TRANSIENT
from engine.events.base import Event
from engine.store import Log, Recorded
from engine.store.together import together
from engine.watching import tracing
from projections import due
from projections.due import Standing
from projections.follow import runner
from projections.live import leases
from projections.live.leases import Lease
from projections.models import deliveries, turns
from projections.models.deliveries import Delivery

AT_ONCE = 16
"""Channels in which something is sent at the same time."""
HELD_S = 0.25
"""When to look again at a channel that another process delivers in."""
BEHIND_S = 0.5
"""How long read models that are late are waited for with the right in hand, and then without it."""
ODD_TRIES, UNSURE_TRIES = 5, 30
"""After so many failures of a kind we do not know, or requests without an answer, the end is written: it was not delivered."""
LONGEST_PAUSE_S = 30.0
_log = log.get("delivery")


class Queues:
    """Delivers the answers of one venue."""

    def __init__(self, log: Log, venue: Venue, on_start: Callable[[UUID], None] = lambda _: None) -> None:
        self._log, self._venue = log, venue
        self._deliverer = Deliverer(log, venue, on_start)
        self._room = asyncio.Semaphore(AT_ONCE)
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._woken: dict[int, int] = {}
        self._tries: dict[int, int] = {}

    async def handle(self, reference: Reference) -> None:
        """The consumer's handler. It only wakes: what is due stands in the read model, and a sweep finds it after a crash."""
        if reference.channel is not None:
            self.wake(reference.channel, reference.position)

    def wake(self, channel: int, position: int = 0) -> None:
        """Something became due in a channel, by the event at this position."""
        self._woken[channel] = max(self._woken.get(channel, 0), position)
        if channel not in self._tasks:
            self._tasks[channel] = asyncio.create_task(self._run(channel), name=f"delivery {channel}")

    async def sweep(self, older_than_s: float = 0.0) -> int:
        """Wake every channel in which something has been due for so long; answers how many."""
        async with self._log.pool.connection() as connection:
            channels = await deliveries.channels_due(connection, self._venue.name, older_than_s=older_than_s)
        for channel in channels:
            self.wake(channel)
        return len(channels)

    async def close(self) -> None:
        """Stop; what was begun is found by the next process."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def idle(self) -> None:
        """Until nothing is being delivered."""
        while self._tasks:
            await asyncio.wait(self._tasks.values(), return_when=asyncio.FIRST_COMPLETED)

    async def _run(self, channel: int) -> None:
        try:
            while channel in self._woken:
                pause = await self._turn(channel, self._woken.pop(channel))
                if pause is not None:
                    self._woken.setdefault(channel, 0)
                    await asyncio.sleep(pause)
        finally:
            del self._tasks[channel]

    async def _turn(self, channel: int, position: int) -> float | None:
        """Work through a channel; seconds after which to go on, None when nothing is left."""
        cause = asyncio.create_task(looking.cause_at(self._log, position)) if position else None
        try:
            right = leases.held(self._log.pool, lease_of(self._venue.name, channel), ids.random_id(), leases.POSTING_SECONDS)
            async with self._room, right as lease:
                if lease is None:
                    self.wake(channel, position)
                    return HELD_S
                known, found, here = await self._known(channel, position, await cause) if cause else (True, None, None)
                if not known:
                    self.wake(channel, position)
                    return BEHIND_S
                pause = await self._work(channel, lease, found, here)
                if here is not None and pause is not None:
                    self.wake(channel, position)  # what waits is perhaps known to nobody else yet
                return pause
        except TRANSIENT as error:
            _log.warning("will deliver later", channel=channel, error=type(error).__name__)
        except Exception as error:  # the queue of one channel must neither end nor spin
            _log.error("a channel's answers could not be delivered", channel=channel, exc_info=error)
        finally:
            if cause is not None:
                cause.cancel()
                await asyncio.gather(cause, return_exceptions=True)
        self.wake(channel, position)
        return 1.0

    async def _known(self, channel: int, position: int, cause: Recorded[Event] | None) -> tuple[bool, Facts | None, Standing | None]:
        """Whether it is known in time what became due by the event at this position, what the log says about it, and what else waits.

        The read models are waited for only where they may lack something of the channel that came before it.
        """
        found: Facts | None = None
        came = looking.became_due(cause) if cause is not None else None
        if cause is not None and came is not None and (came.venue, came.channel) == (self._venue.name, channel):
            async with self._log.pool.connection() as connection:
                log = self._log.upon(connection)
                found, here = await together(connection, looking.ahead(log, cause), due.standing_with(connection, came))
            if here is not None:
                return True, found, here
        return await runner.wait_for(self._log.pool, ("turns", "deliveries"), position, seconds=BEHIND_S), found, None

    async def _with(self, came: Delivery) -> Standing | None:
        async with self._log.pool.connection() as connection:
            return await due.standing_with(connection, came)

    async def _work(self, channel: int, lease: Lease, found: Facts | None, first: Standing | None) -> float | None:
        """Show what waits, one after the other; `first` is what waits now, where that is known already."""
        finished: set[UUID] = set()
        came = first.came if first is not None else None
        while not lease.lost.is_set():
            here, first = first or await self._here(channel, came), None
            waiting, ended = [row for row in here.due if row.turn not in finished], finished | here.ended
            ready = first_ready(waiting, here.asked, ended, clock.now())
            if ready is None:
                return await self._withdraw(channel, lease)
            if (pause := await self._one(ready, lease, here.newest_message, found)) is not None:
                return pause
            self._tries.pop(ready.position, None)
            finished.add(ready.turn)
            came = came if came is not None and came.turn != ready.turn else None
        return HELD_S

    async def _here(self, channel: int, came: Delivery | None) -> Standing:
        """What waits in a channel; `came` among it, as long as that was not shown."""
        if came is not None and (here := await self._with(came)) is not None:
            return here
        async with self._log.pool.connection() as connection:
            return await due.standing(connection, self._venue.name, channel)

    async def _one(self, row: Delivery, lease: Lease, newest: int | None, found: Facts | None) -> float | None:
        """Deliver one answer; seconds after which to try it again, None when it has its end."""
        try:
            with tracing.delivery(row.message_id, row.turn, venue=self._venue.name, kind=row.kind):
                await self._deliverer.deliver(row, lease.is_ours, newest, found)
        except (Busy, Later) as error:
            return error.after
        except TRANSIENT:
            raise
        except Unsure as error:
            _log.warning("will deliver later", turn=str(row.turn), why=str(error))
            return await self._again(row, UNSURE_TRIES, "no answer")
        except Exception as error:  # one answer that cannot be digested must not stop the others for ever
            _log.error("an answer could not be delivered", turn=str(row.turn), exc_info=error)
            return await self._again(row, ODD_TRIES, "internal")
        return None

    async def _again(self, row: Delivery, most: int, why: str) -> float | None:
        tries = self._tries[row.position] = self._tries.get(row.position, 0) + 1
        if tries < most:
            return float(min(0.5 * 2 ** (tries - 1), LONGEST_PAUSE_S))
        await self._deliverer.give_up(row, why)
        return None

    async def _withdraw(self, channel: int, lease: Lease) -> float | None:
        """Take away the beginnings of answers that were cancelled."""
        async with self._log.pool.connection() as connection:
            found = await deliveries.abandoned(connection, self._venue.name, channel)
            cancelled = [turn for each in found if (turn := await turns.get(connection, each)) is not None]
        for turn in cancelled:
            place = Place(turn.channel, turn.guild, None, dm=turn.guild is None)
            job = Job(turn.turn, turn.turn, turn.message_id, turn.user_id, turn.character, self._venue.name, "reply", place)
            try:
                await self._deliverer.withdraw(job, lease.is_ours)
            except (Busy, Later) as error:
                return error.after
            except Unsure:
                return LONGEST_PAUSE_S / 10
        return None


def lease_of(venue: str, channel: int) -> str:
    """Name of the right to post in a channel."""
    return f"delivery:{venue}:{channel}"
