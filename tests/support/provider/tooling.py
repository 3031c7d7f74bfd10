"""What tests of tools within a turn share: giving them, a model that asks for them, and a worker that dies."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

from engine import ids, seed
from engine.actor import operator
from engine.config import Settings
from engine.decide import character
from engine.events.craft.tool import ToolAnswered, ToolBegun, ToolsCalled
from engine.events.turn import GenerationStarted
from engine.execute import execute
from engine.store import Log, open_log
from engine.vault import load_master_key
from projections.follow import runner
from projections.prompt.rebuild import rebuild
from projections.registry import ALL
from tests.support.provider.asking import asking, results
from tests.support.provider.room import Person
from tests.support.provider.server import Behaviour, ProviderRequest, Reply
from worker.mcp.servers import McpServers
from worker.providers.http import Http
from worker.work import Work, endpoint

ADA = seed.samples()[0].character_id


async def give(log: Log, *names: str) -> None:
    """Let ADA use these tools."""
    await edited(log, ADA, tools=names)


async def edited(log: Log, which: UUID, **changes: object) -> None:
    """Change fields of a character, and wait until everybody knows."""
    await execute(log, operator(1), character.Edit(which, changes), ids.random_id())
    await runner.wait_for(log.pool, [model.name for model in ALL], await log.head(), seconds=60)


def script(*steps_: tuple[tuple[str, dict[str, Any]], ...]) -> Any:
    """A model that takes these steps, one after the other, and answers then with what it was told last."""

    def decide(asked: ProviderRequest) -> Behaviour:
        done = sum(message["role"] == "assistant" and "tool_calls" in message for message in asked.body["messages"])
        if done < len(steps_):
            return asking(asked, *steps_[done], text="Let me see.")
        return Reply(f"So it is: {' | '.join(results(asked))}")

    return decide


async def of_tools(person: Person, turn: UUID) -> list[Any]:
    return [one.event for one in await person.events(turn) if isinstance(one.event, ToolsCalled | ToolBegun | ToolAnswered)]


async def proved(log: Log, turn: UUID) -> list[GenerationStarted]:
    """The calls of a turn, each prompt built again from the log and equal."""
    started = [one.event for one in await log.stream(f"turn:{turn}") if isinstance(one.event, GenerationStarted)]
    for one in started:
        assert (await rebuild(log, one)).equal, f"attempt {one.attempt}, step {one.step}"
    return started


class Killed(BaseException):
    """The worker dies here."""


@asynccontextmanager
async def worker(settings: Settings) -> AsyncIterator[Work]:
    assert settings.database_url is not None
    async with open_log(settings.database_url, load_master_key(settings)) as log, Http() as http, McpServers.of(settings) as servers:
        yield Work(settings, log, http, endpoint(settings), None, mcp=servers)
