"""The page Jobs: what it shows, and that its buttons do what they say."""

from uuid import UUID

from engine import clock, ids
from engine.actor import Actor
from engine.config import Settings
from engine.decide.job import Advance, Ask, Fail, JobCommand, Start, job_id
from engine.execute import execute
from projections.models import jobs
from tests.support.site import Site, site

SYSTEM = Actor("system", 0)


async def tell(here: Site, *commands: JobCommand) -> None:
    for command in commands:
        await execute(here.console.log, SYSTEM, command, ids.random_id())
    await here.settled()


async def status(here: Site, job: UUID) -> str:
    async with here.console.log.pool.connection() as connection:
        found = await jobs.get(connection, job)
    assert found is not None
    return found.status


async def test_jobs_are_shown_with_progress_and_can_be_called_off_and_tried_again(settings: Settings) -> None:
    """Running, given up and called off apart; what cannot be done is said."""
    running, dead = job_id("verify", "one"), job_id("catalogue", "two")
    async with site(settings) as here:
        assert "No job yet" in (await here.http.get("/jobs")).text
        await tell(here, Ask(running, "verify", "one"), Start(running), Advance(running, 1, 25, 100, {}))
        await tell(here, Ask(dead, "catalogue", "<two>"), Start(dead), Fail(dead, 1, "No <b>", clock.now(), for_good=True))
        page = (await here.http.get("/jobs")).text
        assert 'value="250"' in page
        assert "25 of 100" in page
        assert "No &lt;b&gt;" in page
        assert "&lt;two&gt;" in page
        only = (await here.http.get("/jobs?status=dead", headers={"hx-request": "true"})).text
        assert ("catalogue" in only, "verify" in only) == (True, False)
        assert (await here.form(f"/jobs/{running}/cancel", {})).status_code == 303
        assert (await here.form(f"/jobs/{dead}/retry", {})).status_code == 303
        await here.settled()
        assert (await status(here, running), await status(here, dead)) == ("cancelled", "waiting")
        assert (await here.form(f"/jobs/{running}/cancel", {})).status_code == 303  # a second click: it is called off
        assert (await here.form(f"/jobs/{dead}/cancel", {})).status_code == 303
        await tell(here)
        over = await here.form(f"/jobs/{dead}/retry", {})
        assert over.status_code == 303
        assert (await here.form(f"/jobs/{ids.random_id()}/retry", {})).status_code == 404
        metrics = (await here.http.get("/metrics")).text
        assert 'tzurot_jobs{status="cancelled"} 1.0' in metrics
