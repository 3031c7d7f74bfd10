"""R45: somebody with a copy of the disk, an older backup and every master key there ever was tries to read an erased person."""

import asyncio
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from engine import backup, embedded, erasure, rotation
from engine.events.base import Tags
from engine.events.message import MessageReceived
from engine.store import Query, open_log
from engine.vault import MasterKey, create_master_key, read_master_key
from tests.chaos.store import lab
from tests.support import carver

WAYS = ("files", "dead rows", "kept database", "older backup", "older master key")
OTHER = 5


async def run(trials: int = 50) -> dict[str, object]:
    """Each trial lets somebody speak, leaves copies of their key in one of five ways, erases them and tries to recover them from all.

    What is tried: every file of the server at every offset with every master key, and reading what a restored backup holds.
    """
    with tempfile.TemporaryDirectory() as home:
        async with lab.database() as server:
            attack = Attack(server, server.dsn, Path(home))
            for trial in range(trials):
                await attack.one(trial)
    figures = {"keys_opened": attack.opened, "texts_read": attack.read, "others_lost": attack.lost, "still_in": attack.still_in}
    return {"trials": trials, "ways": dict(attack.ways), **figures, "passed": not any(figures.values())}


@dataclass(slots=True)
class Attack:
    """The server, where its data folder would be, every master key so far, and what must stay 0."""

    server: embedded.Postgres
    dsn: str
    home: Path
    masters: list[MasterKey] = field(default_factory=list)
    ways: Counter[str] = field(default_factory=Counter)
    opened: int = 0
    read: int = 0
    lost: int = 0
    still_in: int = 0

    @property
    def path(self) -> Path:
        return self.home / "master.key"

    @property
    def master(self) -> MasterKey:
        return self.masters[-1]

    async def one(self, trial: int) -> None:
        """One person, from their first word to the last attempt to read it."""
        if not self.masters:
            self.masters.append(create_master_key(self.path))
        way, user, file = WAYS[trial % len(WAYS)], 20_000 + trial, self.home / f"elsewhere-{trial}" / "before.dump"
        self.ways[way] += 1
        async with open_log(self.dsn, self.master) as log:
            await log.append(lab.message(2 * trial, channel=7, user=user))
            await log.append(lab.message(2 * trial + 1, channel=7, user=OTHER))
        await self._leave_copies(way, file)
        async with open_log(self.dsn, self.master) as log:
            self.still_in += bool((await erasure.erase(log, user, user, self.home)).still_in)
        if way == "older backup":
            await self._restored(file)
        names = [f"user:{user}"]
        self.opened += len(await asyncio.to_thread(carver.recover, self.server.folder, self.masters, names))
        await self._look(user)
        await asyncio.to_thread(file.unlink, missing_ok=True)

    async def _leave_copies(self, way: str, file: Path) -> None:
        if way in {"kept database", "older backup"}:
            await backup.backup(self.dsn, file, self.master)
        if way == "kept database":
            await self._restored(file)
        async with open_log(self.dsn, self.master) as log:
            if way == "older master key":
                await rotation.rotate_file(log, self.path, keep_old=False)
                self.masters.append(read_master_key(self.path))
            async with log.pool.connection() as connection:
                if way == "dead rows":
                    await connection.execute("UPDATE data_keys SET created_at = created_at")
                    await connection.execute("ANALYZE")
                await connection.execute("CHECKPOINT")

    async def _restored(self, file: Path) -> None:
        await backup.restore(self.dsn, file, self.master, replace=True, folder=self.home)

    async def _look(self, user: int) -> None:
        """Read them in the database and in those that restores kept, which are dropped then."""
        name = urlsplit(self.dsn).path[1:]
        async with open_log(self.dsn, self.master) as log, log.pool.connection() as connection:
            rows = await connection.execute("SELECT datname FROM pg_database WHERE datname LIKE %s", (f"{name}_before_%",))
            kept = [str(row[0]) for row in await rows.fetchall()]
        for one in (self.dsn, *(embedded.with_database(self.dsn, other) for other in kept)):
            self.read += await _readable(one, self.master, user)
            self.lost += not await _readable(one, self.master, OTHER)
        for other in kept:
            await embedded.drop_database(self.server.admin_dsn, other)


async def _readable(dsn: str, master: MasterKey, user: int) -> int:
    async with open_log(dsn, master) as log:
        mine = Query(tags=Tags(user=user), types=frozenset({MessageReceived.TYPE}))
        found = [recorded.event async for recorded in log.read(mine)]
    return sum(isinstance(event, MessageReceived) and event.text != "[erased]" for event in found)
