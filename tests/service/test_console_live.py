"""Pages that are open: on the page Live a turn goes from stage to stage while one looks, and the page is quiet afterwards."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Any

import pytest
from psycopg import AsyncConnection

from bot.console import stream
from bot.console.pages import conversation
from bot.console.state import Console
from engine.config import Settings
from projections.live import in_flight, leases
from tests.support.site import Site, seen, site, ticks


async def _stages(here: Site) -> list[tuple[str, int, int]]:
    async with here.console.log.pool.connection() as connection:
        return [(one.stage, one.size > 0, one.among) for one in await in_flight.now(connection)]


async def _looks(here: Site) -> AsyncGenerator[str, None]:
    """What the page becomes, look by look."""
    async with here.http.stream("GET", "/live/stream") as response:
        data: list[str] = []
        async for line in response.aiter_lines():
            if line.startswith("data:"):
                data.append(line)
            elif not line and data:
                yield "\n".join(data)
                data = []


async def test_a_turn_is_seen_from_stage_to_stage(settings: Settings) -> None:
    """Waiting, preparing, writing, delivering, and then nothing; names instead of ids, and no word of what is said."""
    async with site(settings) as here:
        assert "Nothing is under way" in (await here.http.get("/live")).text
        said = await here.say("a secret question", character="wren")
        await here.settled()
        page = (await here.http.get("/live")).text
        assert "Wren Halloway" in page
        assert "secret" not in page
        assert await _stages(here) == [("waiting", False, 1)]
        turn = said.turns[0]
        character = next(one for one, name in (await here.console.characters.names()).items() if name == "Wren Halloway")
        async with leases.held(here.console.log.pool, leases.conversation(said.channel, character), turn):
            assert await _stages(here) == [("preparing", False, 1)]
            await here.write(turn, said.channel, "a secret answer")
            assert await _stages(here) == [("writing", True, 1)]
            assert "Writing" in (await here.http.get("/live")).text
        async with aclosing(_looks(here)) as looks:
            assert "Wren Halloway" in await seen(looks, "a model was asked")
            await here.complete(turn, "a secret answer")
            assert "secret" not in await seen(looks, "Nothing is under way")


async def test_an_open_chat_that_hears_of_nothing_asks_the_same_few_questions(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three a look, whatever was said and however many lines there are; and it still sees what no hint told of."""
    asked, looks = 0, 0
    monkeypatch.setattr(stream, "POLL_SECONDS", 0.05)
    execute, settled = AsyncConnection.execute, conversation.settled

    async def counted(self: AsyncConnection, *args: Any, **options: Any) -> object:
        nonlocal asked
        asked += getattr(self, "_pool", None) is here.console.log.pool
        return await execute(self, *args, **options)

    async def look(console: Console) -> int:
        nonlocal looks
        looks += 1
        return await settled(console)

    async with site(settings) as here:
        said = await here.say("One.", character="wren")
        await here.complete(said.turns[0], "A first answer.")
        for number in range(20):
            await here.say(f"Line {number}.", channel=said.channel)
        async with aclosing(ticks(here, said.channel)) as streamed:
            await seen(streamed, "Line 19.")
            here.console.feed.touch = lambda channels: None  # type: ignore[method-assign] # no hint reaches the page
            await here.settled()
            async with asyncio.timeout(20):
                monkeypatch.setattr(AsyncConnection, "execute", counted)
                monkeypatch.setattr(conversation, "settled", look)
                await _passes(lambda: looks >= 12)
                before, begun = asked, looks
                await _passes(lambda: looks >= begun + 10)
                assert asked - before <= 3 * (looks - begun) + 3
            await here.say("Nobody tells.", channel=said.channel)
            await seen(streamed, "Nobody tells.")


async def _passes(holds: Callable[[], bool]) -> None:
    while not holds():
        await asyncio.sleep(0.01)
