"""The pages for whoever runs it: read models, the past, dead letters, models, settings, conversations."""

import re
from collections.abc import AsyncIterator

import pytest
from pydantic import SecretStr

from bot.console.menu import MORE, PAGES
from engine.bus import deadletters
from engine.config import Settings
from tests.support.site import Site, site


@pytest.fixture
async def here(settings: Settings) -> AsyncIterator[Site]:
    async with site(settings.model_copy(update={"provider_api_key": SecretStr("sk-never-shown-0123456789")})) as opened:
        yield opened


async def test_whoever_runs_it_finds_everything_in_the_browser(here: Site) -> None:
    """Every page of the navigation answers; the past is the past; a rebuild is a job; a dead letter can be settled; no secret is shown."""
    first = await here.say("Long ago", character="wren")
    await here.complete(first.turns[0], "Indeed.")
    await here.lines(first.channel, 2)
    then = await here.console.log.head()
    await here.say("Just now", channel=first.channel)
    await here.settled()
    for entry in (*PAGES, *MORE):
        answer = await here.http.get(entry.path, follow_redirects=True)
        assert answer.status_code == 200, entry.path
        assert "sk-never" not in answer.text
        assert str(here.console.settings.database_url) not in answer.text

    past = (await here.http.get(f"/past?name=turns&position={then}", headers={"hx-request": "true"})).text
    now = (await here.http.get("/past?name=turns", headers={"hx-request": "true"})).text
    assert (past.count("<tr>"), now.count("<tr>")) == (11, 12)  # one turn, its eight sums, two headings; then another that has no end
    assert "There is no such read model" in (await here.http.get("/past?name=nonsense")).text
    assert "Just now" in (await here.http.get("/conversations")).text

    assert (await here.form("/projections/rebuild", {"name": "turns"})).headers["location"] == "/jobs"
    assert (await here.form("/projections/rebuild", {"name": "pg_catalog"})).status_code == 404
    assert "rebuild" in (await here.http.get("/jobs")).text
    letter = await deadletters.record(
        here.console.log, consumer="worker", subject="s", reference=None, error=ValueError("x"), deliveries=5, sequence=1, at="t"
    )
    assert str(letter) in (await here.http.get("/dead-letters")).text
    assert (await here.form(f"/dead-letters/{letter}/retry", {})).status_code == 409
    assert (await here.form(f"/dead-letters/{letter}/discard", {})).status_code == 303
    assert re.search("None</h2>", (await here.http.get("/dead-letters")).text)


async def test_the_prompt_that_held_is_shown_at_every_position(here: Site) -> None:
    """F3: nothing before the first, then each until the next one, of one conversation or all; an unknown id narrows to nothing."""
    async with here.http.stream("GET", "/past?name=prompts&position=1") as answer:
        await answer.aread()
        assert "No model had been asked" in answer.text
    assert "No model had been asked" in (await here.http.get("/past?name=prompts&channel=5")).text
    assert (await here.http.get("/past?name=prompts&position=999999999999&channel=x&character=%00")).status_code == 200
