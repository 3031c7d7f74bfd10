"""The exact prompt of a past turn on a page: byte for byte, with what was left out, for those who may see it."""

import asyncio
import html
from collections.abc import AsyncIterator
from uuid import UUID

import pytest
from pydantic import SecretStr

from bot.console.words import folded, left_out
from engine import ids
from engine.config import Settings
from engine.events.message import MessageReceived
from engine.events.turn import DroppedPart, TurnRequested
from projections.models import turns
from tests.support.provider.room import Person, with_provider
from tests.support.provider.server import FaultServer, Reply
from tests.support.site import Site, site
from tests.support.system import until
from worker.providers.http import Http
from worker.turn.generate import generate
from worker.work import Work, endpoint


@pytest.fixture
async def here(settings: Settings) -> AsyncIterator[Site]:
    async with site(settings) as opened:
        yield opened


async def answered(here: Site, settings: Settings, provider: FaultServer, turn: UUID) -> None:
    """What a worker does with it."""

    async def known() -> turns.Turn | None:
        async with here.console.log.pool.connection() as connection:
            return await turns.get(connection, turn)

    requested = await until(known, 60.0, "the turn in the read model")
    found = with_provider(settings, provider.address)
    async with Http() as http:
        await generate(Work(found, here.console.log, http, endpoint(found), None), requested, asyncio.Event())
    await here.settled()


async def test_the_page_shows_what_the_provider_was_sent(here: Site, settings: Settings) -> None:
    """Every message, tags and all; a repeated call under its own number."""
    async with FaultServer.running(Reply(""), Reply("Good evening to you, stranger.")) as provider:
        said = await here.say("Is it <b>late</b> & dark?", character="wren")
        await answered(here, settings, provider, said.turns[0])
    turn = f"/turns/{said.turns[0]}"
    inspected = (await here.http.get(turn)).text
    assert f"{turn}/prompt?attempt=2" in inspected
    assert inspected.count("<dt>Chosen by</dt><dd>the bot&#39;s owners</dd>") == 2
    for attempt, asked in enumerate(provider.journal, 1):
        page = (await here.http.get(f"{turn}/prompt?attempt={attempt}")).text
        assert "byte for byte as sent" in page
        assert page.index("<h2>System") < page.index("<h2>Left out")
        assert all(str(html.escape(message["content"], quote=False)) in _quotes(page) for message in asked.body["messages"])
    [said_at] = [r.position async for r in here.console.log.read() if isinstance(r.event, MessageReceived)]
    begun = await here.form(f"{turn}/experiments", {"event": str(said_at), "words": "Is it early, then?"})
    await here.settled()
    experiment = (await here.http.get(begun.headers["location"])).text
    assert f"With other words in event {said_at}; all else as it was." in experiment
    assert "early, then?" in experiment[experiment.index("Where the prompt first differs") :]
    assert (await here.form(f"{turn}/experiments", {"event": "x", "words": "Else"})).status_code == 409
    assert (await here.http.get(f"{turn}/prompt?attempt=3")).status_code == 404
    assert (await here.http.get("/turns/nothing/prompt")).status_code == 404


def _quotes(page: str) -> str:
    return page.replace("&#34;", '"').replace("&#39;", "'")


async def test_what_was_left_out_is_named(here: Site, settings: Settings) -> None:
    """A text that is too long for anybody's single message, and where it can be read in full."""
    async with FaultServer.running(Reply("That was a lot to read at once.")) as provider:
        first = await here.say("Hello.", character="wren")
        character = await here.console.log.find(ids.derived("turn-requested", first.turns[0]))
        assert character is not None
        assert isinstance(character.event, TurnRequested)
        visitor = Person(here.console.log, user=5, channel=55)
        [turn] = await visitor.say("word " * 6_000, character.event.character_id)
        await answered(here, settings, provider, turn)
    page = (await here.http.get(f"/turns/{turn}/prompt")).text
    assert "The end of the message in event" in page
    assert "the rest of a very long text" in page
    assert "1 part left out" in (await here.http.get(f"/turns/{turn}")).text


async def test_what_was_erased_is_gone_from_the_prompt_as_well(here: Site, settings: Settings) -> None:
    """And the page says that it is not what was sent."""
    async with FaultServer.running(Reply("I will keep that to myself.")) as provider:
        said = await here.say("A secret between us.", character="wren")
        await answered(here, settings, provider, said.turns[0])
    await here.console.log.vault.destroy("user:1")
    page = (await here.http.get(f"/turns/{said.turns[0]}/prompt")).text
    assert "not as sent" in page
    assert "erased" in page
    assert "A secret between us." not in page


async def test_nobody_sees_a_prompt_without_the_password(settings: Settings) -> None:
    """As with every page of the owner's."""
    async with site(settings.model_copy(update={"console_password": SecretStr("open sesame")})) as here:
        answer = await here.http.get(f"/turns/{UUID(int=1)}/prompt")
        assert (answer.status_code, answer.headers.get("location", "").startswith("/login")) == (303, True)


@pytest.mark.parametrize(
    ("what", "why", "words", "position"),
    [
        ("history:12", "limit", "What was said in event", 12),
        ("history:before:9", "limit", "Everything before event", 9),
        ("history:13", "room", "What was said in event", 13),
        ("history:14", "thin", "What was said in event", 14),
        ("attachment:3:15", "length", "The end of an attachment of event", 15),
        ("forward:0:16", "length", "The end of a forwarded text of event", 16),
        ("lore", "somebody's reason", "lore", None),
    ],
)
def test_each_reason_has_words(what: str, why: str, words: str, position: int | None) -> None:
    """No code word of ours reaches the page; what is not known is shown as it is."""
    gone = left_out(DroppedPart(what=what, why=why, tokens=3))
    assert (gone.what, gone.position) == (words, position)
    assert gone.why != why or why == "somebody's reason"


def test_a_run_of_parts_left_out_for_one_reason_is_one_line() -> None:
    """Sixty-four lines about messages out of sight would stand before everything else."""
    parts = [
        DroppedPart(what="history:before:9", why="limit"),
        *(DroppedPart(what=f"history:{n}", why="limit", tokens=10) for n in range(9, 73)),
    ]
    parts += [DroppedPart(what="history:80", why="room", tokens=7), DroppedPart(what="text:90", why="length")]
    gone = folded(map(left_out, parts))
    assert [(part.what, part.position, part.until, part.tokens) for part in gone] == [
        ("Everything before event", 9, None, 0),
        ("64 times: What was said in events", 9, 72, 640),
        ("What was said in event", 80, None, 7),
        ("The end of the message in event", 90, None, 0),
    ]


@pytest.mark.parametrize("count", [2, 1_200])
def test_runs_of_any_length_fold(count: int) -> None:
    [one] = folded(left_out(DroppedPart(what=f"history:{n}", why="limit", tokens=1)) for n in range(1, count + 1))
    assert (one.what, one.position, one.until, one.tokens) == (f"{count:,} times: What was said in events", 1, count, count)
