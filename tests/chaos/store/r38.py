"""R38: a person is erased while everybody talks: no copy of their words can be found or opened, others keep theirs, nothing comes back."""

import asyncio
import secrets
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from engine import backup, erasure, subjects
from engine.errors import KeyDestroyed
from engine.events import build
from engine.events.base import Tags, user_subject
from engine.events.message import MessageReceived
from engine.store import Log, Query
from projections.follow import group_runner, rebuild, verify
from projections.registry import ALL
from tests.chaos.store import lab
from tests.support import carver

LIMIT_SECONDS = 60.0
AT_ONCE = 5


async def run(trials: int = 10, *, rate: float = 50.0, timely: bool = True) -> dict[str, object]:
    """Every trial writes a canary as somebody, erases them under load, and looks for it in dumps, read models and rebuilt ones.

    At the end somebody who has the disk and the master key tries to recover the keys (R45).

    Without `timely` it is only measured how long that takes. Others say `rate` things a second. Several are erased at once: what
    takes time is that other processes remember a key for a while.
    """
    seen = Seen()
    async with lab.database() as server, lab.opened(server.dsn) as log, lab.opened(server.dsn) as other:
        following = asyncio.create_task(group_runner.run(server.dsn, ALL))
        load = lab.Load(log, rate, first=5_000_000).start()
        for first in range(0, trials, AT_ONCE):
            await asyncio.gather(*(_trial(log, other, trial, seen) for trial in range(first, min(first + AT_ONCE, trials))))
        await load.stop()
        concerned = await lab.concerned(log)
        await rebuild.rebuild(server.dsn, concerned)
        resurrected = sum([await _readable(log, 10_000 + trial) for trial in range(trials)])
        unequal = [verdict.name for verdict in await verify.verify(server.dsn, concerned) if not verdict.equal]
        names = [f"user:{10_000 + trial}" for trial in range(trials)]
        recovered = len(await asyncio.to_thread(carver.recover, server.folder, [lab.MASTER], names))
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
        faults = await lab.faults(server.dsn, load.acked)
    figures = {
        "hits": seen.hits,
        "readable_after_rebuild": resurrected,
        "others_changed": seen.others_changed,
        "sealed_afterwards": seen.accepted,
        "keys_recovered": recovered,
    }
    in_time = max(seen.seconds) <= LIMIT_SECONDS or not timely
    passed = not any(figures.values()) and not unequal and in_time and not any(faults.values()) and not load.errors
    slowest = {"unreadable_after_p95_s": lab.percentile(seen.seconds, 95), "unreadable_after_max_s": round(max(seen.seconds), 2)}
    return {"trials": trials, **figures, "folds_differ": unequal, **slowest, **faults, "passed": passed}


@dataclass(slots=True)
class Seen:
    """What must stay 0, and how long each person's words could still be read."""

    hits: int = 0
    accepted: int = 0
    others_changed: int = 0
    seconds: list[float] = field(default_factory=list)


async def _trial(log: Log, other: Log, trial: int, seen: Seen) -> None:
    canary, user = f"canary-{secrets.token_hex(8)}", 10_000 + trial
    for n in range(5):
        await log.append(lab.message(trial * 100 + n, channel=7, user=user, text=f"my secret is {canary}"))
    assert await _readable(other, user) == 5
    before = await _texts_of_others(log)
    began = time.monotonic()
    await erasure.erase(log, user, user)
    while await _readable(other, user) or await _readable(log, user):
        await asyncio.sleep(0.25)
    seen.seconds.append(time.monotonic() - began)
    seen.accepted += await _accepted(log, trial * 100 + 50, user)
    seen.others_changed += not (await _texts_of_others(log)).items() >= before.items()
    seen.hits += await _found(log.dsn, canary)


async def _readable(log: Log, user: int) -> int:
    mine = Query(tags=Tags(user=user), types=frozenset({MessageReceived.TYPE}))
    found = [r async for r in log.read(mine) if isinstance(r.event, MessageReceived)]
    return sum(recorded.event.text != "[erased]" for recorded in found if isinstance(recorded.event, MessageReceived))


async def _texts_of_others(log: Log) -> dict[int, str]:
    found = [r async for r in log.read(Query(tags=Tags(user=5)))]
    return {r.position: r.event.text for r in found if isinstance(r.event, MessageReceived)}


async def _accepted(log: Log, number: int, user: int) -> bool:
    """Whether anything more can be sealed with the key of before; the other writer may still have it in memory, this one has not."""
    try:
        await log.append(build.sealed_for(lab.message(number, channel=7, user=user), subjects.pinned(user_subject(user))))
    except KeyDestroyed:
        return False
    return True


async def _found(dsn: str, canary: str) -> int:
    """Occurrences in a dump of every table as plain SQL, with bytes in hex, and in a backup file."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "later.dump"
        await backup.backup(dsn, file, lab.MASTER)
        plain = await asyncio.to_thread(
            subprocess.run, [backup.program("pg_restore"), "--file=-", str(file)], capture_output=True, check=True
        )
        haystack = plain.stdout + await asyncio.to_thread(file.read_bytes)
    return haystack.count(canary.encode()) + haystack.count(canary.encode().hex().encode())
