"""A room with somebody who talks in it, beside a provider that a test directs."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from pydantic import SecretStr

from engine import seed
from engine.config import Settings
from projections.follow import runner
from projections.registry import ALL
from tests.support.provider.room import End, Person, room, with_provider
from tests.support.provider.server import FaultServer

CHARACTER = seed.samples()[0].character_id
SYSTEM_KEY = "sk-system-canary-000000000000"


@asynccontextmanager
async def talking(settings: Settings, provider: FaultServer, *, key: str | None = SYSTEM_KEY, **more: object) -> AsyncIterator[Person]:
    found = with_provider(settings, provider.address, provider_api_key=SecretStr(key) if key else None, **more)
    async with room(found) as person:
        yield person


async def one(person: Person, text: str = "Tell me something, please", seconds: float = 90) -> End:
    """The end of a turn, once all read models know it."""
    [turn] = await person.say(text, CHARACTER)
    end = await person.end(turn, seconds=seconds)
    assert await runner.wait_for(person.log.pool, [model.name for model in ALL], await person.log.head(), seconds=60)
    return end
