"""A log, its read models and any number of workers in one process: whole turns against a provider, without starting processes.

    async with rig() as made:
        work = made.work(provider.address, "sk-system")
        end = await made.answered(work, await made.say(person, "Hello", character))

Two `work`s know no more of each other than two processes do.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from uuid import UUID

import psycopg
from pydantic import SecretStr

from engine import ids, seed
from engine.config import Settings
from engine.events.quota import LimitsChanged
from engine.events.turn import TurnCancelled, TurnCompleted, TurnDeclined, TurnFailed
from engine.store import Log, open_log
from engine.vault import load_master_key
from projections.follow import group_runner, runner
from projections.models import turns
from projections.models.turns import Turn
from projections.registry import ALL
from tests.chaos.run import Run
from tests.support import clusters, folds, oracle
from tests.support.provider.room import End, Person, with_provider
from tests.support.system import until
from worker import spend
from worker.providers.http import Http
from worker.spend import Contended
from worker.turn.generate import Behind, generate
from worker.work import Work, endpoint

GENEROUS = LimitsChanged(user_per_minute=10_000, guild_per_minute=100_000, free_daily=1_000_000)
READ_MODELS = tuple(projection.name for projection in ALL)


@dataclass(frozen=True, slots=True)
class Rig:
    """See the module's docstring."""

    settings: Settings
    log: Log
    http: Http

    def work(self, url: str, key: str | None = None, **settings: object) -> Work:
        """A worker that calls this provider with this key."""
        found = with_provider(self.settings, url, provider_api_key=SecretStr(key) if key else None, **settings)
        return Work(found, self.log, self.http, endpoint(found), None)

    async def settled(self) -> None:
        """Until every read model has digested what is in the log."""
        if not await runner.wait_for(self.log.pool, READ_MODELS, await self.log.head(), seconds=60.0):
            raise TimeoutError("the read models do not catch up with the log")

    async def say(self, person: Person, text: str, character: UUID) -> UUID:
        """Ask a character for a reply; the turn's id."""
        return (await person.say(text, character))[0]

    async def answered(self, work: Work, turn: UUID) -> End:
        """Bring a turn to its end, as a worker does that holds its conversation; again while the limits or read models are late."""
        requested = await until(lambda: self._requested(turn), 60.0, f"turn {turn} in the read model")
        while True:
            try:
                await generate(work, requested, asyncio.Event())
                break
            except (Behind, Contended):
                await asyncio.sleep(0.05)
        found = await self.log.find(ids.terminal(turn))
        assert found is not None
        assert isinstance(found.event, TurnCompleted | TurnDeclined | TurnFailed | TurnCancelled)
        return found.event

    async def _requested(self, turn: UUID) -> Turn | None:
        async with self.log.pool.connection() as connection:
            return await turns.get(connection, turn)

    async def judge(self, run: Run, within: float = 150.0) -> None:
        """Ask the oracle what a log alone can be asked: I2, I3 and I6."""
        await self.settled()
        rows = await oracle.events(self.log.dsn)
        found = {
            "I2": oracle.contiguous(rows),
            "I3": oracle.one_end(rows, within if run.timely else 10 * within),
            "I6": await folds.differences(self.log.dsn),
        }
        run.verdict = oracle.Verdict(found)


@asynccontextmanager
async def rig(settings: Settings | None = None) -> AsyncIterator[Rig]:
    """On the database these settings name, else on a server of its own."""
    async with AsyncExitStack() as stack:
        settings = settings or await _own(stack)
        assert settings.database_url is not None
        log = await stack.enter_async_context(open_log(settings.database_url, load_master_key(settings), pool_size=16))
        await seed.plant(log, settings.default_model)
        following = asyncio.create_task(group_runner.run(log.dsn, ALL), name="read models")
        stack.push_async_callback(_cancelled, following)
        made = Rig(settings, log, await stack.enter_async_context(Http(connections=512)))
        await until(lambda: _installed(log), 60.0, "the read models")
        yield made
        await asyncio.gather(*spend.unsettled())


async def _own(stack: AsyncExitStack) -> Settings:
    server = await stack.enter_async_context(clusters.temporary(durable=False))
    return Settings(_env_file=None, database_url=server.dsn, master_key=SecretStr("00" * 32))


async def _installed(log: Log) -> bool:
    try:
        return await runner.wait_for(log.pool, READ_MODELS, 1, seconds=1.0)
    except psycopg.errors.UndefinedTable:
        return False


async def _cancelled(task: "asyncio.Task[None]") -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
