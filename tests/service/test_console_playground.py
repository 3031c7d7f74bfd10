"""The playground against a real database: what is typed runs the pipeline, and what comes back is seen."""

import json
from collections.abc import AsyncIterator
from contextlib import aclosing

import httpx
import pytest

from bot.console import deliver
from bot.console.state import OPERATOR
from bot.delivery.queue import Queues
from engine import seed
from engine.config import Settings
from engine.events.character import CharacterCreated
from engine.events.message import MessageReceived
from engine.events.reply import ChunkDelivered, ReplyDelivered
from engine.events.turn import TurnRequested
from tests.support.pictures import picture
from tests.support.site import Site, seen, site, ticks


@pytest.fixture
async def here(settings: Settings) -> AsyncIterator[Site]:
    async with site(settings) as opened:
        yield opened


async def three_characters_are_there_at_the_first_start_and_not_twice(here: Site) -> None:
    """The first chat needs no form; starting again adds nothing."""
    created = await here.events(["character.created"])
    assert sorted(event.slug for event in created if isinstance(event, CharacterCreated)) == ["brine", "ottoline", "wren"]
    assert await seed.plant(here.console.log, "another/model") is False
    page = (await here.http.get("/")).text
    assert "Wren Halloway" in page
    assert "Ottoline" in page


async def another_deliverer(here: Site) -> None:
    """What a second console does: it looks for what is due in every conversation, until there is nothing left to do."""
    queues = Queues(here.console.log, deliver.Page(here.console.snowflakes))
    for chat in {event.channel_id for event in await here.events(["message.received"]) if isinstance(event, MessageReceived)}:
        queues.wake(chat, await here.console.log.head())
    await queues.idle()


async def a_line_runs_the_same_pipeline_as_on_discord(here: Site) -> None:
    """One append: the message and a turn for whoever is to answer; then delivery by events."""
    said = await here.say("Good evening.", character="wren")
    await here.complete(said.turns[0], "Evening. Wind's from the west.")
    lines = await here.lines(said.channel, 2)
    assert [line["kind"] for line in lines] == ["message", "reply"]
    assert lines[1]["text"] == "Evening. Wind's from the west."
    assert lines[1]["who"] == "Wren Halloway"
    await here.settled()
    events = [event["type"] for event in (await here.http.get(f"/api/turns/{said.turns[0]}")).json()["events"]]
    assert events == ["turn.requested", "turn.completed", "reply.intended", "reply.chunk_delivered", "reply.delivered"]
    (message,) = [event for event in await here.events(["message.received"]) if isinstance(event, MessageReceived)]
    assert (message.venue, message.author_id, message.text) == ("playground", OPERATOR, "Good evening.")


async def text_is_seen_as_it_comes_and_then_as_it_is_delivered(here: Site) -> None:
    """Typing, growing text, and the reply: each on the stream of the page."""
    said = await here.say("Tell me a story.", character="ottoline")
    async with aclosing(ticks(here, said.channel)) as stream:
        await seen(stream, "is writing")
        await here.write(said.turns[0], said.channel, "Once upon a tide")
        await here.console.feed.on_draft(said.channel, said.turns[0])
        await seen(stream, "Once upon a tide")
        await here.complete(said.turns[0], "Once upon a tide there was a jar.")
        final = await seen(stream, "there was a jar.")
    assert final.index("beforeend:#lines") < final.index("there was a jar.")


async def everything_that_is_being_written_is_stopped_at_once(here: Site) -> None:
    """Also with many waiting behind it; a second time there is nothing to stop, and the page says what became of them."""
    said = await here.say("Tell me a story.", character="ottoline")
    more = [await here.say(f"And {number}.", channel=said.channel) for number in range(2)]
    page = (await here.http.get(f"/chats/{said.channel}")).text
    assert f'action="/chats/{said.channel}/stop"' in page
    asked = [turn for one in (said, *more) for turn in one.turns]
    stopped = await here.form(f"/chats/{said.channel}/stop", {}, **{"hx-request": "true"})
    assert stopped.text == f"Stopped: {len(asked)} answer{'s' if len(asked) > 1 else ''} will not come."
    assert (await here.form(f"/chats/{said.channel}/stop", {}, **{"hx-request": "true"})).text == "Nothing was being written."
    await here.settled()
    assert 'class="typing"' not in (await here.http.get(f"/chats/{said.channel}")).text
    assert "Somebody stopped it" in (await here.http.get(f"/why?message={said.message_id}")).text
    assert (await here.form("/chats/17/stop", {})).status_code == 404


async def a_stream_goes_on_where_it_stopped(here: Site) -> None:
    """What the browser has is not sent again after a lost connection."""
    said = await here.say("One.", character="wren")
    await here.complete(said.turns[0], "First answer.")
    await here.lines(said.channel, 2)
    after = (await here.http.get(f"/api/chats/{said.channel}/messages")).json()["after"]
    again = await here.say("Two.", channel=said.channel)
    await here.complete(again.turns[0], "Second answer.")
    async with aclosing(ticks(here, said.channel, after)) as stream:
        html = await seen(stream, "Two.")
        html += "" if "Second answer." in html else await seen(stream, "Second answer.")
    assert "First answer." not in html


async def test_answers_appear_in_the_order_of_their_triggers(here: Site) -> None:
    """Whoever finishes first waits for whoever was called first."""
    said = await here.say("You both, @Ottoline, what is it?", character="wren")
    assert len(said.turns) == 2
    await here.complete(said.turns[1], "From the second.")
    await here.settled()
    await another_deliverer(here)
    assert await here.events(["reply.intended"]) == []
    await here.complete(said.turns[0], "From the first.")
    lines = await here.lines(said.channel, 3)
    assert [line["text"] for line in lines[1:]] == ["From the first.", "From the second."]


async def a_failed_sibling_does_not_hold_the_others_up(here: Site) -> None:
    """Its notice takes its place in the order."""
    said = await here.say("Both, @Ottoline?", character="wren")
    await here.complete(said.turns[1], "I am here.")
    await here.fail(said.turns[0], "timeout", "The model took too long.")
    lines = await here.lines(said.channel, 3)
    assert [line["kind"] for line in lines] == ["message", "error", "reply"]


async def test_delivering_again_changes_nothing(here: Site) -> None:
    """A redelivery, a sweep and a second console are all the same delivery."""
    said = await here.say("Hello.", character="wren")
    await here.complete(said.turns[0], "Hello yourself.")
    await here.lines(said.channel, 2)
    await here.settled()
    for _ in range(3):
        await another_deliverer(here)
    delivered = await here.events(["reply.chunk_delivered", "reply.delivered"])
    assert [type(event) for event in delivered] == [ChunkDelivered, ReplyDelivered]


async def test_what_no_broker_told_of_is_delivered_at_the_next_start(settings: Settings) -> None:
    """A turn that ended while the console was away is shown when it is back, and the conversation is still there."""
    async with site(settings) as first:
        said = await first.say("Are you there?", character="wren")
    async with site(settings.model_copy(update={"nats_url": None})) as second:
        await second.complete(said.turns[0], "I never left.")
        lines = await second.lines(said.channel, 2)
        assert lines[1]["text"] == "I never left."
        assert "Are you there?" in (await second.http.get("/?new=1")).text
        assert (await second.http.get("/")).headers["location"] == f"/chats/{said.channel}"


async def an_error_shows_its_category_its_sentence_and_a_way_to_the_turn(here: Site) -> None:
    """And nothing of what the provider said."""
    said = await here.say("Hm?", character="wren")
    reference = await here.fail(said.turns[0], "rate_limit", "The model is asked too often right now.", "secret detail of the provider")
    lines = await here.lines(said.channel, 2)
    assert (lines[1]["kind"], lines[1]["reference"]) == ("error", reference)
    page = (await here.http.get(f"/chats/{said.channel}")).text
    assert "Too many requests" in page
    assert "asked too often" in page
    assert f'href="/turns/{reference}"' in page
    assert "secret detail" not in page
    await here.settled()
    turn = (await here.http.get(f"/turns/{reference}")).text
    assert "secret detail of the provider" in turn
    assert "502" in turn


async def a_reply_reaches_the_character_that_is_replied_to(here: Site) -> None:
    """Not the one the chat was begun with."""
    said = await here.say("Both, @Ottoline?", character="wren")
    for turn in said.turns:
        await here.complete(turn, "Yes.")
    lines = await here.lines(said.channel, 3)
    await here.settled()
    to_ottoline = int(next(line["message_id"] for line in lines if line["who"] == "Ottoline"))
    again = await here.say("You I mean.", channel=said.channel, reply_to=to_ottoline)
    (asked,) = [e for e in await here.events(["turn.requested"]) if isinstance(e, TurnRequested) and e.message_id == again.message_id]
    assert (asked.character_id, asked.trigger) == (seed.character_id("ottoline"), "reply")
    await here.settled()
    assert "Ottoline: Yes." in (await here.http.get(f"/chats/{said.channel}")).text


async def test_a_new_character_can_be_talked_to_at_once(here: Site) -> None:
    """The form makes it, private and the operator's, and leads on to a chat with it."""
    greeting = "Mind the sparks, {{user}}: {{char}} works."
    answer = await here.form("/characters", {"name": "Ada the Smith", "info": "A smith.", "greeting": greeting})
    assert answer.headers["location"] == "/?character=ada-the-smith"
    page = (await here.http.get(answer.headers["location"])).text
    assert "Mind the sparks, you: Ada the Smith works." in page
    said = await here.form("/chats", {"character": "ada-the-smith", "text": "Hello Ada", "author": "Bo"})
    assert said.status_code == 303
    assert "Mind the sparks, you: Ada the Smith works." in (await here.http.get(said.headers["location"])).text
    await here.form("/characters", {"name": "Bare", "info": "Somebody who says {{char}} of herself."})
    assert "Somebody who says Bare of herself." in (await here.http.get("/?character=bare")).text
    (requested,) = [event for event in await here.events(["turn.requested"]) if isinstance(event, TurnRequested)]
    created, _ = [event for event in await here.events(["character.created"]) if isinstance(event, CharacterCreated) and event.owner_id]
    assert requested.character_id == created.character_id
    assert (created.owner_id, created.visibility) == (OPERATOR, "private")


async def a_bad_form_keeps_what_was_typed_and_says_what_is_wrong(here: Site) -> None:
    """Also when the short name is taken."""
    answer = await here.form("/characters", {"name": "Wren", "slug": "wren", "info": "Another one."})
    assert answer.status_code == 422
    assert "already" in answer.text
    assert "Another one." in answer.text
    assert len(await here.events(["character.created"])) == len(seed.samples())


UNSENT = (({"text": "  "}, "Write something"), ({"text": "x" * 4001}, "4,000"), ({"text": "x", "character": "nobody"}, "Choose"))


async def a_line_that_cannot_be_sent_is_refused_with_a_sentence(here: Site) -> None:
    for fields, sentence in UNSENT:
        answer = await here.form("/chats", {"character": "wren", **fields})
        assert answer.status_code == 422, fields
        assert sentence in answer.text, fields


async def a_conversation_that_does_not_exist_is_a_404(here: Site) -> None:
    """For pages, streams and posts alike."""
    assert (await here.http.get("/chats/123")).status_code == 404
    assert (await here.http.get("/chats/123/stream")).status_code == 404
    assert (await here.form("/chats/123/messages", {"text": "x"})).status_code == 422
    assert (await here.http.post("/api/chats/123/messages", json={"text": "x"})).status_code == 422


async def test_names_and_texts_are_only_ever_text(here: Site) -> None:
    """R40: a script in a name, a message, a model's answer or an error reaches the page escaped, everywhere."""
    nasty = "<script>document.title='owned'</script><img src=x onerror=alert(1)>"
    await here.form("/characters", {"name": nasty[:90], "slug": "nasty", "info": nasty, "greeting": nasty, "tone": nasty})
    said = await here.say(nasty, character="nasty")
    await here.complete(said.turns[0], nasty)
    await here.lines(said.channel, 2)
    again = await here.say(nasty, channel=said.channel)
    await here.fail(again.turns[0], nasty, nasty, nasty)
    await here.lines(said.channel, 4)
    await here.settled()
    position = await here.console.log.head()
    paths = [
        "/",
        "/?new=1",
        "/characters",
        f"/chats/{said.channel}",
        "/timeline",
        "/turns",
        f"/turns/{said.turns[0]}",
        f"/turns/{again.turns[0]}",
        "/usage",
        "/health",
    ]
    paths += [f"/events/{p}" for p in range(1, position + 1)]
    paths += [
        "/timeline?character=%3Cscript%3E",
        "/turns?find=%3Cscript%3Ealert(1)%3C/script%3E",
        "/events/%3Cscript%3E",
        "/turns/%3Cscript%3E",
    ]
    for path in paths:
        response = await here.http.get(path)
        assert "<script>document" not in response.text, path
        assert "<script>alert" not in response.text, path
        assert "<img src=x" not in response.text, path
        assert "script-src 'self'" in response.headers["content-security-policy"]


async def the_json_interface_names_what_is_wrong(here: Site) -> None:
    """With a status and a sentence, never with a stack."""
    for body in ("", "[]", "{", json.dumps({"text": 1}), json.dumps({"text": "x", "nonsense": 1})):
        answer = await here.http.post("/api/chats", content=body, headers={"content-type": "application/json"})
        assert answer.status_code == 422
        assert answer.json()["error"]


async def pages_work_without_script(here: Site) -> None:
    """A plain form posts, and the browser is sent back to the conversation, where the line stands."""
    said = await here.form("/chats", {"character": "wren", "text": "No script here", "author": "Ann"})
    path = said.headers["location"]
    again = await here.form(f"{path}/messages", {"text": "And again", "author": "Ann"})
    assert (again.status_code, again.headers["location"]) == (303, path)
    page = (await here.http.get(path)).text
    assert page.index("No script here") < page.index("And again")


async def too_many_open_streams_are_refused(here: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """A forgotten script must not eat the process."""
    monkeypatch.setattr("bot.console.stream.LIMIT", 0)
    said = await here.say("x", character="wren")
    await here.settled()
    answer: httpx.Response = await here.http.get(f"/chats/{said.channel}/stream")
    assert answer.status_code == 503


async def test_several_characters_take_part_in_one_chat(here: Site) -> None:
    """One more comes in and is called by name, the first goes; the last one cannot; nobody comes into a chat that is not there."""
    said = await here.say("Good evening.", character="wren")
    await here.settled()
    path = f"/chats/{said.channel}"
    assert "Alone with Wren Halloway" in (await here.http.get(path)).text
    assert (await here.form(f"{path}/cast", {"what": "remove", "character": "wren"})).status_code == 422
    assert (await here.form(f"{path}/cast", {"what": "add", "character": "ottoline"})).headers["location"] == path
    page = (await here.http.get(path)).text
    assert "With Wren Halloway, Ottoline" in page
    assert "Let Ottoline" in page
    called = await here.say("@ottoline and you?", channel=said.channel)
    requested = [event for event in await here.events(["turn.requested"]) if isinstance(event, TurnRequested)]
    [ottoline] = {event.character_id for event in requested if event.turn_id in called.turns}
    assert ottoline != requested[0].character_id
    assert (await here.form(f"{path}/cast", {"what": "remove", "character": "wren"})).status_code == 303
    assert "Alone with Ottoline" in (await here.http.get(path)).text
    for wrong in ({"what": "add", "character": "nobody"}, {"what": "add"}, {}):
        assert (await here.form(f"{path}/cast", wrong)).status_code == 422
    assert (await here.form("/chats/5/cast", {"what": "add", "character": "wren"})).status_code == 404


async def test_pictures_are_sent_and_shown_and_no_other_file_is(here: Site) -> None:
    """Made harmless, kept sealed, on the message for whoever sees; a wrong or fifth file is refused with a sentence and nothing is said."""
    said = await here.say("Good evening.", character="wren")
    path, headers = f"/chats/{said.channel}", {"origin": here.address, "hx-request": "true"}

    async def send(*files: bytes) -> httpx.Response:
        parts = [("pictures", (f"{number}.png", content, "image/png")) for number, content in enumerate(files)]
        return await here.http.post(f"{path}/messages", data={"text": "Look!", "author": "Zoe"}, files=parts, headers=headers)

    for wrong in ((b"<svg onload=alert(1)>",), (picture(),) * 5, (picture(), b"\x89PNG\r\n\x1a\nbroken")):
        answer = await send(*wrong)
        assert answer.status_code == 422
        assert answer.text
    assert (await send(picture(), picture(colour="red"))).status_code == 200
    assert (await send(b"")).status_code == 200
    await here.settled()
    messages = [event for event in await here.events(["message.received"]) if isinstance(event, MessageReceived)]
    assert [len(event.attachments) for event in messages] == [0, 2, 0]
    assert all(one.kind == "image" and one.url.startswith("blob:") for one in messages[1].attachments)
    page = (await here.http.get(path)).text
    for one in messages[1].attachments:
        address = one.url.removeprefix("blob:")
        assert f"/pictures/{address}/small" in page
        assert (await here.http.get(f"/pictures/{address}/small")).headers["content-type"] in ("image/png", "image/jpeg")


async def a_chat_is_found_renamed_deleted_and_brought_back(here: Site) -> None:
    """By a title and by words of it; deleted it is listed nowhere, and nothing can be said in it until it is there again."""
    said = await here.say("Where does the heron sleep?", character="wren")
    await here.complete(said.turns[0], "Under the <b>old</b> pier.")
    await here.lines(said.channel, 2)
    path = f"/chats/{said.channel}"
    assert (await here.form(f"{path}/title", {"title": " Birds \n of night "})).headers["location"] == path
    assert "Birds of night" in (await here.http.get("/?new=1")).text
    for words in ("birds OF", "HERON", "the <b>old"):
        assert path in (await here.http.get("/chats", params={"q": words})).text
    assert "Nothing was found" in (await here.http.get("/chats", params={"q": "albatross"})).text
    assert path in (await here.http.get("/chats")).text
    waiting = await here.say("And the owl?", channel=said.channel)
    assert (await here.form(f"{path}/delete", {})).status_code == 303
    await here.settled()
    assert "Somebody stopped it" in (await here.http.get(f"/why?message={waiting.message_id}")).text
    gone = await here.http.get(path)
    assert (gone.status_code, f'action="{path}/restore"' in gone.text) == (410, True)
    assert path not in (await here.http.get("/?new=1")).text
    assert path not in (await here.http.get("/chats", params={"q": "heron"})).text
    assert (await here.http.post(f"/api{path}/messages", json={"text": "Hello?"})).status_code == 422
    assert (await here.form(f"{path}/title", {"title": "x"})).status_code == 422
    assert (await here.form(f"{path}/restore", {})).status_code == 303
    assert "under the" in (await here.http.get(path)).text.lower()
    assert (await here.form(f"{path}/title", {"title": "x" * 101})).status_code == 422
    for what in ("title", "delete", "restore"):
        assert (await here.form(f"/chats/5/{what}", {})).status_code == 404


async def test_what_cannot_be_done_is_refused_and_leaves_no_trace(here: Site) -> None:
    """Forms, addresses and programs' requests, one after the other: nothing of them reaches the log."""
    await three_characters_are_there_at_the_first_start_and_not_twice(here)
    await a_bad_form_keeps_what_was_typed_and_says_what_is_wrong(here)
    await a_line_that_cannot_be_sent_is_refused_with_a_sentence(here)
    await a_conversation_that_does_not_exist_is_a_404(here)
    await the_json_interface_names_what_is_wrong(here)
    assert not await here.events(["message.received"])


async def test_chats_go_on_beside_each_other(here: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is said, written, shown and looked at again, each in a chat of its own."""
    await a_line_runs_the_same_pipeline_as_on_discord(here)
    await text_is_seen_as_it_comes_and_then_as_it_is_delivered(here)
    await everything_that_is_being_written_is_stopped_at_once(here)
    await a_stream_goes_on_where_it_stopped(here)
    await a_chat_is_found_renamed_deleted_and_brought_back(here)
    await a_failed_sibling_does_not_hold_the_others_up(here)
    await an_error_shows_its_category_its_sentence_and_a_way_to_the_turn(here)
    await a_reply_reaches_the_character_that_is_replied_to(here)
    await pages_work_without_script(here)
    await too_many_open_streams_are_refused(here, monkeypatch)
