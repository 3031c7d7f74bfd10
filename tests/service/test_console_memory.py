"""The console's page of memory: found, explained, corrected, locked, forgotten, dreams undone, and memory as it was (D9, D12, D15, F3)."""

import re
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest

from bot.console.state import OPERATOR
from engine import ids
from engine.actor import operator
from engine.config import Settings
from engine.decide.remembering.dreaming import Dream
from engine.decide.remembering.memory import LockMemory, MemoryPlace, Remember
from engine.events.job import JobRequested
from engine.execute import execute
from projections.models.memories import noted
from tests.support.site import Site, site


@pytest.fixture
async def here(settings: Settings) -> AsyncIterator[Site]:
    async with site(settings) as opened:
        yield opened


async def test_memories_are_in_ones_hands(here: Site) -> None:
    """One is noted by the form, found by its words, seen with its sources, corrected, locked and forgotten; the past still shows it."""
    first = await here.say("I keep <b>bees</b>.", character="wren")
    await here.complete(first.turns[0], "Indeed.")
    await here.lines(first.channel, 2)
    await here.settled()
    assert (await here.form("/memory", {"text": "I live in <i>Oslo</i>."})).headers["location"].startswith("/memory?changed=")
    message = first.message_id
    place = MemoryPlace("playground", first.channel)
    command = Remember(uuid4(), OPERATOR, place, "I keep bees.", message=message)
    await execute(here.console.log, operator(), command, ids.random_id(), see=("memory",))
    page = (await here.http.get("/memory")).text
    assert "2 memories" in page
    assert "I live in &lt;i&gt;Oslo&lt;/i&gt;." in page
    assert "answered" in re.search(r"<svg viewBox.*?</svg>", page, re.DOTALL)[0]  # type: ignore[index]  # it is there
    assert "Oslo" not in (await here.http.get("/memory?words=bees&origin=manual")).text
    assert "Nothing is noted" in (await here.http.get("/memory?person=42")).text
    then = await here.console.log.head()
    seen = (await here.http.get(f"/memory/{command.memory}")).text
    assert 'href="/events/' in seen[seen.index("Made from") :]
    assert (await here.form(f"/memory/{command.memory}/correct", {"text": "I keep wasps."})).status_code == 303
    assert "I keep wasps." in (await here.http.get(f"/memory/{command.memory}")).text
    page = (await here.http.get("/memory?words=wasps")).text
    assert "Lock all of them" in page
    done = (await here.form("/memory/lock", {"how": "lock"})).headers["location"]
    assert (await here.http.get(done)).text.count('<span class="chip">locked</span>') == 2
    assert "Undo" in (await here.http.get(done)).text
    back = {"of": done.rpartition("=")[2]}
    assert (await here.form("/memory/undo", back)).status_code == 303
    assert '<span class="chip">locked</span>' not in (await here.http.get("/memory")).text, "one act, taken back by one"
    assert [(await here.form("/memory/undo", wrong)).status_code for wrong in (back, {"of": "x"})] == [409, 409]
    assert (
        (await here.form("/memory/lock", {"words": "wasps", "how": "lock"})).headers["location"].startswith("/memory?words=wasps&changed=")
    )
    assert "locked" in (await here.http.get("/memory?words=wasps")).text.partition('<span class="chip">')[2]
    await here.form("/memory/lock", {"words": "Oslo", "how": "unlock"})
    assert (await here.form(f"/memory/{command.memory}/forget", {})).status_code == 409
    await here.form(f"/memory/{command.memory}/unlock", {})
    assert (await here.form(f"/memory/{command.memory}/forget", {})).headers["location"] == "/memory"
    assert (await here.http.get(f"/memory/{command.memory}")).status_code == 404
    assert (await here.form(f"/memory/{command.memory}/nonsense", {})).status_code == 404
    assert "wasps" not in (await here.http.get("/memory")).text
    past = (await here.http.get(f"/memory?position={then}")).text
    assert "As of event" in past
    assert "I keep bees." in past
    assert (await here.form("/memory/purge", {"person": str(OPERATOR), "last": "24h"})).status_code == 422
    assert (await here.form("/memory/purge", {"person": str(OPERATOR), "last": "24h", "sure": "yes"})).status_code == 303
    assert "Nothing is noted" in (await here.http.get("/memory")).text


async def test_a_dream_is_seen_and_taken_back(here: Site) -> None:
    """With what it hid and for what."""
    one, two = uuid4(), uuid4()
    for memory in (one, two):
        command = Remember(memory, OPERATOR, MemoryPlace("playground"), "I like tea.", "everywhere")
        await execute(here.console.log, operator(), command, ids.random_id(), see=("memory",))
    await execute(here.console.log, operator(), LockMemory(one), ids.random_id())
    dream = uuid4()
    await execute(here.console.log, operator(), Dream(dream, OPERATOR, ((one, two), (two, one)), 100), dream, see=("memory",))
    page = (await here.http.get("/memory")).text
    assert "hidden by a dream" in page
    assert page.count("<del>") == 1, "not the locked one"
    assert (await here.form(f"/memory/dreams/{dream}/undo", {})).status_code == 303
    assert "taken back" in (await here.http.get("/memory")).text
    async with here.console.log.pool.connection() as connection:
        assert not [note for note in await noted.of_person(connection, here.console.log.vault, OPERATOR) if note.hidden]
    assert (await here.form(f"/memory/dreams/{uuid4()}/undo", {})).status_code == 409


async def test_a_generation_is_previewed_and_begun(here: Site) -> None:
    """By jobs that say what they are to make; without a name, or of something else, nothing is begun."""
    for how in ("preview", "begin", "switch"):
        assert (await here.form("/memory/rebuild", {"what": "summary", "name": "a/b" * 60, "how": how})).headers["location"] == "/jobs"
    assert (await here.form("/memory/rebuild", {"what": "vectors", "name": "x"})).status_code == 303
    for wrong in ({"what": "summary", "name": " "}, {"what": "verify", "name": "x"}):
        assert (await here.form("/memory/rebuild", wrong)).status_code == 422
    read = [one.event async for one in here.console.log.read()]
    asked = [(one.name, one.parameters) for one in read if isinstance(one, JobRequested) and one.parameters]
    assert asked[-1] == ("embed_memories", {"vectors": "x", "switch": False, "preview": True})
    made = [(one["preview"], one["switch"]) for name, one in asked if name == "resummarize"]
    assert made == [(True, False), (False, False), (False, True)]
    assert "Made anew" in (await here.http.get("/memory")).text
