"""R39: the master key is rotated and killed midway again and again: every text opens; a wrong binding or a stolen dump opens nothing."""

import asyncio
import os
import random
import tempfile
from itertools import pairwise
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from engine import sealing
from engine.errors import WrongKey
from engine.store import Log, open_log
from engine.vault import MasterKey, create_master_key, read_master_key
from tests.chaos.store import lab
from tests.support import forks

BATCH = 50
_ROTATE = f"""
import asyncio, sys
from pathlib import Path
from engine import rotation
from engine.store import open_log
from engine.vault import read_master_key

async def main() -> None:
    path = Path(sys.argv[2])
    rotation.BATCH = {BATCH}
    async with open_log(sys.argv[1], read_master_key(path)) as log:
        await rotation.rotate_file(log, path, keep_old=False)

asyncio.run(main())
"""


async def run(trials: int = 50, events: int = 10_000) -> dict[str, object]:
    """`events` texts of as many people; each trial starts (or goes on with) a rotation and kills it at some step."""
    killed = rotations = unreadable = 0
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "master.key"
        first = create_master_key(path)
        async with lab.database() as server:
            async with open_log(server.dsn, first) as log:
                await _write(log, events)
            points, met = _points(events), True
            while killed < trials and rotations < 3 * trials:
                rotations += 1
                # One that goes on near its end gets past the point of its death; the next one dies at the step that each reaches.
                met = await _rotate(server.dsn, path, random.choice(points) if met else _LAST) != 0
                killed += met
                if rotations % 10 == 9:
                    unreadable += await _unreadable(server.dsn, path, events)
            last = await _rotate(server.dsn, path, "")
            unreadable += await _unreadable(server.dsn, path, events)
            async with open_log(server.dsn, read_master_key(path)) as log:
                opened = await _wrongly_opened(log, first)
                masters = await _masters(log)
            faults = await lab.faults(server.dsn, {})
    passed = killed == trials and not unreadable and not opened and last == 0 and masters == 1 and not any(faults.values())
    return {
        "trials": trials,
        "killed": killed,
        "rotations": rotations,
        "undecryptable": unreadable,
        "wrongly_opened": opened,
        "master_keys_in_use": masters,
        **faults,
        "passed": passed,
    }


_LAST = "rotation.before_replace:kill"


def _points(events: int) -> tuple[str, ...]:
    """Where to die: steps that a rotation of so many keys reaches."""
    return (*(f"rotation.after_batch:kill:{n}" for n in (1, 2, 5, 20, 60) if n * BATCH <= events), _LAST)


async def _write(log: Log, events: int) -> None:
    for first in range(0, events, 500):
        await asyncio.gather(*(log.append(lab.message(n, channel=n % 50, user=n)) for n in range(first, min(first + 500, events))))


async def _rotate(dsn: str, path: Path, failpoint: str) -> int:
    environment = os.environ | {"UNSAFE_FAILPOINTS": "true", "CHAOS_FAIL": failpoint}
    return (await forks.script(_ROTATE, dsn, str(path), environment=environment)).code


async def _unreadable(dsn: str, path: Path, events: int) -> int:
    async with open_log(dsn, read_master_key(path)) as log:
        found = 0
        async for page in log.replay():
            found += sum(not replayed.erased for replayed in page if replayed.type == "message.received")
    return events - found


async def _masters(log: Log) -> int:
    async with log.pool.connection() as connection:
        row = await (await connection.execute("SELECT count(DISTINCT master_key_id) FROM data_keys")).fetchone()
    return int(row[0]) if row else 0


async def _wrongly_opened(log: Log, first: MasterKey) -> int:
    """What must not open: a data key bound to somebody else, one under a retired master key, a seal moved to another event."""
    async with log.pool.connection() as connection:
        rows = await (await connection.execute("SELECT subject, wrapped FROM data_keys LIMIT 100")).fetchall()
    events = [row async for row in log.rows()][:100]
    opened = 0
    for (subject, wrapped), (other, _) in pairwise(rows):
        opened += _opens(first, subject, wrapped) + _opens(MasterKey.of(bytes(32)), subject, wrapped) + _opens(first, other, wrapped)
    for one, two in pairwise(events):
        try:
            await log.open([one._replace(sealed=two.sealed)])
        except WrongKey:
            continue
        opened += 1
    return opened


def _opens(master: MasterKey, subject: str, wrapped: bytes) -> bool:
    try:
        sealing.unseal(AESGCM(master.secret), wrapped, b"data key of " + subject.encode())
    except WrongKey:
        return False
    return True
