"""A provider is connected from the console and by command, without a restart, and its key is nowhere in the clear."""

from collections.abc import AsyncIterator

import pytest

from engine import process, seed
from engine.config import Settings
from engine.events.provider import ProviderConnected
from engine.events.turn import GenerationStarted
from projections import provider
from tests.support.provider.room import local_standin, with_provider
from tests.support.site import Site, site
from worker.__main__ import working
from worker.standin import MODEL

KEY = "sk-connect-0123456789abcdef"


@pytest.fixture
async def here(settings: Settings) -> AsyncIterator[Site]:
    async with local_standin() as first:
        wired = with_provider(settings, first)
        async with site(wired) as opened, working(wired):
            opened.console.models.standin = process.NO_MODEL
            yield opened


async def _try(here: Site, **fields: str) -> str:
    sent = await here.form("/connect", fields)
    assert sent.status_code == 303, sent.text
    return (await here.http.get(sent.headers["location"])).text


async def test_a_model_is_connected_while_everything_runs(here: Site) -> None:
    """What is wrong is said and changes nothing; what is right is used by the next turn; the strip goes, and comes back."""
    assert "No model is connected" in (await here.http.get("/characters")).text
    assert "nobody answers there" in await _try(here, address="http://127.0.0.1:9/v1", key=KEY)
    assert (await here.form("/connect", {"address": "https://a:b@host/v1"})).status_code == 422
    assert await here.events(["provider.connected"]) == []

    async with local_standin() as second:
        said = await _try(here, address=second, key=KEY, model="nobody/knows")
        assert "does not offer nobody/knows" in said
        assert MODEL in said
        assert KEY not in said
        assert f"{MODEL} at {second} answers from now on" in await _try(here, address=second, key=KEY)
        assert "No model is connected" not in (await here.http.get("/characters")).text
        [connected] = await here.events(["provider.connected"])
        assert isinstance(connected, ProviderConnected)
        assert (connected.base_url, connected.last4, connected.name) == (second, "cdef", "local")
        assert connected.key_id is not None
        assert await provider.reveal(here.console.log, connected.key_id) == KEY

        spoken = await here.say("Hello", character="wren")
        await here.lines(spoken.channel, 2)
        [started] = await here.events(["turn.generation_started"])
        assert isinstance(started, GenerationStarted)
        assert started.model == MODEL
    await here.form("/connect/off", {})
    assert "No model is connected" in (await here.http.get("/characters")).text

    here.console.models.standin = "SmolLM2"
    page = (await here.http.get("/?new=1")).text
    assert "A toy model on this machine" in page
    assert "Connect a real one" in page
    assert page.index(f'value="{seed.LOUDEST}"') < page.index('value="wren"')
    assert "Now SmolLM2 answers: a toy model" in (await here.http.get("/connect")).text
    await _nowhere_in_the_clear(here)


async def _nowhere_in_the_clear(here: Site) -> None:
    async with here.console.log.pool.connection() as connection:
        for table in ("events", "provider_keys"):
            cursor = await connection.execute(f"SELECT count(*) FROM {table} t WHERE position(%s IN t::text) > 0".encode(), (KEY[:12],))
            row = await cursor.fetchone()
            assert row == (0,), table
        cursor = await connection.execute(b"SELECT count(*) FROM provider_keys")
        assert await cursor.fetchone() == (0,)
