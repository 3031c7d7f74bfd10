"""R33: clocks an hour apart, stepping back, at daylight-saving and leap boundaries: order comes from the position alone."""

import random
from datetime import UTC, datetime, timedelta

from engine import clock
from engine.store import Query
from projections.follow import rebuild, verify
from tests.chaos.store import lab

_BOUNDARIES = (
    datetime(2026, 3, 29, 0, 59, 59, 999_999, UTC),
    datetime(2026, 10, 25, 0, 59, 59, 999_999, UTC),
    datetime(2028, 2, 29, 23, 59, 59, 999_999, UTC),
    datetime(2026, 12, 31, 23, 59, 59, 999_999, UTC),
)


async def run(trials: int = 20) -> dict[str, object]:
    """Two writers whose clocks disagree; afterwards reads by time find exactly what happened then, and every fold holds."""
    wrong, number = 0, 0
    acked: dict[int, int] = {}
    async with lab.database() as server, lab.opened(server.dsn) as one, lab.opened(server.dsn) as two:
        moments: dict[int, datetime] = {}
        for trial in range(trials):
            base = _BOUNDARIES[trial % len(_BOUNDARIES)]
            for log in (one, two) * 10:
                moment = base + timedelta(hours=random.choice((-1, 0, 1)), microseconds=random.randint(0, 10))
                with clock.frozen(moment):
                    acked[number] = (await log.append(lab.message(number, channel=number % 3))).positions[0]
                moments[acked[number]], number = moment, number + 1
        positions = list(acked.values())
        wrong += positions != sorted(positions)
        for moment in random.sample(list(moments.values()), 20):
            since = [row.position async for row in one.rows(Query(since=moment))]
            wrong += since != [position for position, at in sorted(moments.items()) if at >= moment]
            before = [row.position async for row in one.rows(Query(before=moment, backwards=True))]
            wrong += before != [position for position, at in sorted(moments.items(), reverse=True) if at < moment]
        faults = await lab.faults(server.dsn, acked)
        concerned = await lab.concerned(one)
        await rebuild.rebuild(server.dsn, concerned)
        unequal = [verdict.name for verdict in await verify.verify(server.dsn, concerned) if not verdict.equal]
    passed = not wrong and not unequal and not any(faults.values())
    return {"trials": trials, "out_of_order": wrong, "folds_differ": unequal, **faults, "passed": passed}
