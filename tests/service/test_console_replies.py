"""What is done with a reply in the playground, on a page that is open and on one that is loaded anew."""

from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest

from bot import editing
from bot.console.state import OPERATOR
from engine import ids, seed
from engine.actor import operator
from engine.config import Settings
from engine.decide.reply import ChooseVersion, EditReply
from engine.events.reply import ReplyRated
from engine.events.turn import TurnRequested
from engine.execute import execute, undo
from engine.resources.kinds import CHARACTER
from tests.support.site import Said, Site, seen, site, ticks, until


@pytest.fixture
async def here(settings: Settings) -> AsyncIterator[Site]:
    async with site(settings) as opened:
        yield opened


async def test_a_page_loaded_anew_shows_one_version_of_a_reply_in_its_place(here: Site) -> None:
    """E6: edited, stepped back, and the step undone: never two versions, and never below what was said later."""
    said = await here.say("One.", character="wren")
    await here.complete(said.turns[0], "First answer.")
    await here.lines(said.channel, 2)
    again = await here.say("Two.", channel=said.channel)
    await here.complete(again.turns[0], "Second answer.")
    later = ["Two.", "Second answer."]
    await until(here, said.channel, ["One.", "First answer.", *later])
    (requested, _) = [event for event in await here.events(["turn.requested"]) if isinstance(event, TurnRequested)]
    log, me, reply_of = here.console.log, operator(OPERATOR), (requested.message_id, requested.character_id)
    await execute(log, me, EditReply(*reply_of, text="My own words."), ids.random_id())
    await until(here, said.channel, ["One.", "My own words.", *later])
    step = ids.random_id()
    await execute(log, me, ChooseVersion(*reply_of, version=requested.turn_id), step)
    await until(here, said.channel, ["One.", "First answer.", *later])
    await undo(log, me, step, ids.random_id())
    await until(here, said.channel, ["One.", "My own words.", *later])


async def answered(here: Site, text: str = "First answer.") -> tuple[Said, str]:
    """A chat with one reply; where what is done with that is sent."""
    said = await here.say("One.", character="wren")
    await here.complete(said.turns[0], text)
    await until(here, said.channel, ["One.", text])
    return said, f"/chats/{said.channel}/replies/{said.message_id}/{seed.character_id('wren')}"


async def another_version_is_shown_in_its_place_and_what_is_deleted_goes(here: Site) -> None:
    """E3, E6: what changed is sent again under the id it has, with what can be done with it now; what is gone is named."""
    said, base = await answered(here)
    [line] = (await here.lines(said.channel, 2))[1:]
    async with aclosing(ticks(here, said.channel)) as stream:
        await seen(stream, "First answer.")
        assert (await here.form(f"{base}/regenerate", {"wish": "shorter"}, **{"hx-request": "true"})).status_code == 200
        await here.complete(ids.turn(said.message_id, seed.character_id("wren"), 1), "Short.")
        html = await seen(stream, "2 of 2")
        assert f'id="m{line["message_id"]}"' in html
        assert "Short." in html
        await here.form(f"{base}/choose", {"version": str(said.turns[0])})
        assert "First answer." in await seen(stream, "1 of 2")
        deleted = await here.form(f"{base}/delete", {}, **{"hx-request": "true"})
        await seen(stream, f'data-gone="m{line["message_id"]}"')
        key = deleted.text.partition('name="key" value="')[2].partition('"')[0]
        await here.form(f"{base}/undo", {"key": key})
        await seen(stream, "First answer.")
    await until(here, said.channel, ["One.", "First answer."])


async def a_reply_is_gone_on_with_below_it_and_the_part_can_go_alone(here: Site) -> None:
    """E6: its own segment, live and after a reload."""
    said, base = await answered(here)
    async with aclosing(ticks(here, said.channel)) as stream:
        await here.form(f"{base}/continue", {})
        await here.complete(ids.turn(said.message_id, seed.character_id("wren"), 1), "And on.")
        await seen(stream, "And on.")
        await until(here, said.channel, ["One.", "First answer.", "And on."])
        part = (await here.lines(said.channel, 3))[2]
        await here.form(f"{base}/delete", {"version": part["turn"]})
        await seen(stream, f'data-gone="m{part["message_id"]}"')
    await until(here, said.channel, ["One.", "First answer."])


async def a_notice_goes_when_another_version_is_shown(here: Site) -> None:
    """Also from a page that is loaded anew."""
    said, base = await answered(here)
    await here.form(f"{base}/regenerate", {})
    await here.fail(ids.turn(said.message_id, seed.character_id("wren"), 1), "timeout", "Too slow.")
    notice = (await here.lines(said.channel, 3))[2]
    assert notice["kind"] == "error"
    async with aclosing(ticks(here, said.channel)) as stream:
        await seen(stream, "Too slow.")
        await here.form(f"{base}/regenerate", {})
        await here.complete(ids.turn(said.message_id, seed.character_id("wren"), 2), "Second answer.")
        await seen(stream, f'data-gone="m{notice["message_id"]}"')
    await until(here, said.channel, ["One.", "Second answer."])


async def test_an_open_page_shows_what_is_done_with_a_reply(here: Site) -> None:
    """Each act in a chat of its own."""
    await another_version_is_shown_in_its_place_and_what_is_deleted_goes(here)
    await a_reply_is_gone_on_with_below_it_and_the_part_can_go_alone(here)
    await a_notice_goes_when_another_version_is_shown(here)


WRONG: tuple[tuple[str, dict[str, str], str], ...] = (
    ("edit", {"text": " "}, "Write something"),
    ("choose", {"version": str(ids.derived("nothing"))}, "no such version"),
    ("choose", {"version": "x"}, "nothing like that"),
    ("undo", {"key": "x"}, "nothing to take back"),
    ("explode", {}, "nothing like that"),
)


async def test_what_cannot_be_done_with_a_reply_is_said(here: Site) -> None:
    """A sentence above the composer for a script, a page for a plain form; a reply of another chat is not found."""
    said, base = await answered(here)
    for action, fields, sentence in WRONG:
        quick = await here.form(f"{base}/{action}", fields, **{"hx-request": "true"})
        plain = await here.form(f"{base}/{action}", fields)
        assert (quick.status_code, plain.status_code) == (422, 422), (action, fields)
        assert sentence in quick.text, (action, fields)
        assert sentence in plain.text, (action, fields)
    other = await here.say("Elsewhere.", character="wren")
    assert (await here.form(base.replace(str(said.channel), str(other.channel)) + "/regenerate", {})).status_code == 404


async def test_why_is_told_on_a_page(here: Site) -> None:
    """F15: of a reply's message, that somebody put other words in its place; without a word of what was said."""
    said, base = await answered(here)
    [line] = (await here.lines(said.channel, 2))[1:]
    await here.form(f"{base}/edit", {"text": "My own."})
    await until(here, said.channel, ["One.", "My own."])
    page = (await here.http.get("/why", params={"message": f"https://discord.com/channels/@me/{said.channel}/{line['message_id']}"})).text
    for words in ("Wren Halloway", "Model: test/model", "Version 1 of 2, not the one that is shown"):
        assert words in page
    assert "keep nothing of this message" in (await here.http.get("/why?message=1234567890123456789")).text
    assert (await here.http.get("/why?message=nonsense")).status_code == 422
    assert "First answer" not in page
    wren = await editing.find(here.console.log, CHARACTER, operator(), "wren")
    assert "last used <time" in (await here.http.get(f"/characters/{wren.id}")).text  # C9


async def test_reactions_below_a_reply_do_what_they_do_on_discord(here: Site) -> None:
    """E1, E4: pressed again one is taken back; another version, a rating, deletion with its way back; what is no emoji is refused."""
    said, base = await answered(here)
    [_, line] = await here.lines(said.channel, 2)
    script = {"hx-request": "true"}

    async def press(emoji: str, on: object = line["message_id"]) -> tuple[int, str]:
        response = await here.form(f"{base}/reactions", {"emoji": emoji, "on": str(on)}, **script)
        return response.status_code, response.text

    assert "is on the reply" in (await press("❤️"))[1]
    assert "is taken back" in (await press("❤️"))[1]
    assert [event.rating for event in await here.events(["reply.rated"]) if isinstance(event, ReplyRated)] == ["good", None]
    for emoji, on in (("hello", line["message_id"]), ("👎", 1), ("👎", said.message_id), ("🦄", line["message_id"])):
        assert (await press(emoji, on))[0] == 422, emoji
    assert (await press("👎"))[0] == 200
    assert "being written" in (await press("👎🏽"))[1] or await here.events(["reply.regenerated"])
    await here.complete(ids.turn(said.message_id, seed.character_id("wren"), 1), "Another.")
    await until(here, said.channel, ["One.", "Another."])
    assert "Bring it back" in (await press("❌"))[1]
    await until(here, said.channel, ["One."])
