"""The page Live: a turn goes from stage to stage while one looks, and the page is quiet afterwards."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from engine.config import Settings
from projections.live import in_flight, leases
from tests.support.site import Site, seen, site


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
