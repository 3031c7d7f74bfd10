"""A room with somebody who talks in it, beside a provider that a test directs."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from pydantic import SecretStr

from engine import seed
from engine.config import Settings
from tests.support.provider.room import End, Person, room, with_provider
from tests.support.provider.server import FaultServer

CHARACTER = seed.samples()[0].character_id
SYSTEM_KEY = "sk-system-canary-000000000000"


@asynccontextmanager
async def talking(settings: Settings, provider: FaultServer, *, key: str | None = SYSTEM_KEY, **more: object) -> AsyncIterator[Person]:
    found = with_provider(settings, provider.address, provider_api_key=SecretStr(key) if key else None, **more)
    async with room(found) as person:
        yield person


async def one(person: Person, text: str = "Tell me something, please", seconds: float = 30) -> End:
    [turn] = await person.say(text, CHARACTER)
    return await person.end(turn, seconds=seconds)
