"""Pages of a channel and of a server: who answers and why, settings with their tier, denials, refusals; changed by the same commands."""

from collections.abc import AsyncIterator
from uuid import uuid4

import pytest

from bot import editing, turn_lines
from engine import ids
from engine.actor import operator
from engine.config import Settings
from engine.decide.rejected import Rejected
from engine.events.build import Cause, new
from engine.events.message import Declined, MessageDeclined
from engine.events.server import PermissionMissed, PlaceNamed
from engine.events.turn import TurnCompleted, TurnDeclined, TurnRequested
from engine.resources.kinds import CHARACTER
from projections.models import access
from projections.models.places import servers
from tests.support.site import Site, site

CHANNEL, GUILD, PERSON = 1576286355615383000, 1576286355615382000, 1576286355615381000


@pytest.fixture
async def here(settings: Settings) -> AsyncIterator[Site]:
    async with site(settings) as opened:
        yield opened


async def _look(here: Site, path: str) -> str:
    await here.settled()
    answer = await here.http.get(path)
    assert answer.status_code == 200, answer.text
    return answer.text


async def test_servers_and_channels_go_by_name_once_it_was_noticed(here: Site) -> None:
    """On their pages, in lists and in filters, in place of numbers; a later name counts; one that two have is asked for by number."""
    log, other = here.console.log, CHANNEL + 1
    names = ((None, "Harbour <b>"), (CHANNEL, "old"), (CHANNEL, "quay"), (other, "twin"), (other + 1, "twin"))
    for channel, name in names:
        await log.append(new(PlaceNamed(guild_id=GUILD, channel_id=channel, name=name), uuid4()))
    event = MessageDeclined(
        message_id=other + 9, channel_id=CHANNEL, guild_id=GUILD, author_id=PERSON, venue="discord", declined=(Declined(gate="rate"),)
    )
    await log.append(new(event, uuid4(), cause=Cause(uuid4())))
    page = await _look(here, f"/channels/{CHANNEL}")
    assert "#quay" in page
    assert "Harbour &lt;b&gt;" not in page  # a server is told where a channel says that it belongs to one
    assert "Harbour &lt;b&gt;" in await _look(here, f"/servers/{GUILD}")
    for path in ("/timeline?channel=%23quay", "/timeline?channel=QUAY&view=events", "/timeline?guild=harbour+%3Cb%3E"):
        shown = await _look(here, path)
        assert "#quay</a>" in shown, path
        assert "There is no such" not in shown, path
    assert "There is no such channel, or several" in await _look(here, "/turns?channel=twin")
    assert "There is no such server, or several" in await _look(here, "/timeline?guild=nowhere")
    assert await turn_lines.channel_named(log, " #Quay") == await turn_lines.channel_named(log, str(CHANNEL)) == CHANNEL
    assert await turn_lines.channel_named(log, "") is None
    for wrong, sentence in {"twin": f"{other}, {other + 1}", "nowhere": "no channel of that name"}.items():
        with pytest.raises(Rejected, match=sentence):
            await turn_lines.channel_named(log, wrong)
    async with log.pool.connection() as connection:
        known = await servers.names(connection, log.vault, newest=9)
    assert (known.servers, known.channels[CHANNEL]) == ({GUILD: "Harbour <b>"}, "quay")
    for word in (b"Harbour", b"quay"):
        async with log.pool.connection() as connection:
            found = await connection.execute("SELECT count(*) FROM servers.names n WHERE position(%s in n.sealed) > 0", (word,))
            assert (await found.fetchone()) == (0,)


async def test_a_channel_is_shown_and_changed(here: Site) -> None:
    """Activation, settings with the tier that says them and a way back, denials, and what was not answered lately."""
    page = f"/channels/{CHANNEL}"
    first = await _look(here, page)
    assert "Nobody is activated here" in first
    assert "baseline: as it comes" in first
    assert (await here.form(f"{page}/activate", {"character": "wren"})).status_code == 303
    assert "Deactivate Wren" in await _look(here, page)
    saved = await here.form(f"{page}/edit", {"key": str(uuid4()), "speech": "called"})
    assert "changed=" in saved.headers["location"]
    told = await _look(here, saved.headers["location"])
    assert "channel: set here" in told
    assert "answer only who calls" in told
    assert (await here.form(f"{page}/undo", {"of": saved.headers["location"].partition("changed=")[2]})).status_code == 303
    assert "answer only who calls" not in await _look(here, page)
    event = MessageDeclined(
        message_id=CHANNEL + 1, channel_id=CHANNEL, guild_id=GUILD, author_id=PERSON, venue="discord", declined=(Declined(gate="rate"),)
    )
    await here.console.log.append(new(event, uuid4(), cause=Cause(uuid4())))
    assert "Wait a minute and say it again." in await _look(here, page)
    lacks = PermissionMissed(guild_id=GUILD, channel_id=CHANNEL, permission="manage_webhooks")
    await here.console.log.append(new(lacks, uuid4()))
    assert "I lack Manage Webhooks here" in await _look(here, page)
    assert "characters speak there under my name" in await _look(here, f"/servers/{GUILD}")
    assert "Wait a minute and say it again." in await _look(here, f"/servers/{GUILD}")
    assert (await here.form(f"{page}/deny", {"person": str(PERSON), "mode": "mute", "reason": "<b>loud"})).status_code == 303
    denied = await _look(here, page)
    assert "&lt;b&gt;loud" in denied
    assert (await here.form(f"{page}/allow", {"person": str(PERSON)})).status_code == 303
    assert "Everybody is answered." in await _look(here, page)
    assert (await here.form(f"{page}/deactivate", {"character": "wren"})).status_code == 303


async def test_a_channel_says_how_often_each_character_chose_silence(here: Site) -> None:
    """A17: of the messages that nobody addressed to it; not of those that call it."""
    page, wren = f"/channels/{CHANNEL}", await editing.find(here.console.log, CHARACTER, operator(), "wren")
    assert (await here.form(f"{page}/activate", {"character": "wren"})).status_code == 303
    for n, (trigger, silent) in enumerate((("activation", True), ("activation", False), ("activation", True), ("name", False))):
        turn = ids.turn(CHANNEL + n, wren.id)
        place = {"turn_id": turn, "message_id": CHANNEL + n, "channel_id": CHANNEL, "user_id": PERSON, "character_id": wren.id}
        place |= {"venue": "discord"}
        ended = place | {"attempt": 1, "model": "m", "provider": "p"}
        end = TurnDeclined.model_validate(ended) if silent else TurnCompleted.model_validate(ended | {"finish_reason": "stop", "text": "."})
        asked = TurnRequested.model_validate(place | {"trigger": trigger, "reason": "test"})
        await here.console.log.append(new(asked, uuid4()), new(end, ids.terminal(turn)))
    assert "chose silence 2 of 3 times" in await _look(here, page)


async def test_a_server_is_shown_and_changed(here: Site) -> None:
    """What is set, whether it is served, who is denied there; bad input gets a sentence."""
    page = f"/servers/{GUILD}"
    assert "baseline: as it comes" in await _look(here, page)
    assert (await here.form(f"{page}/edit", {"per_minute": "5"})).status_code == 303
    assert 'value="5"' in (told := await _look(here, page))
    assert "server: set here" in told
    wrong = await here.form(f"{page}/edit", {"per_minute": "many"})
    assert wrong.status_code == 422
    assert "What you typed is still here" in wrong.text
    assert (await here.form(f"{page}/refuse", {"reason": "spam"})).status_code == 303
    assert "No: the bot leaves it" in await _look(here, page)
    assert (await here.form(f"{page}/serve", {})).status_code == 303
    assert (await here.form(f"{page}/deny", {"person": str(PERSON)})).status_code == 303
    async with here.console.log.pool.connection() as connection:
        assert (await servers.server(connection, GUILD)).verdict == "allowed"
        assert [one.scope for one in await access.of_person(connection, PERSON)] == ["guild"]
    for path, fields in (
        (f"{page}/deny", {"person": "<x>"}),
        (f"{page}/deny", {"person": "9" * 5000}),
        (f"{page}/dance", {}),
        (f"{page}/undo", {}),
        (f"{page}/activate", {}),
    ):
        assert (await here.form(path, fields)).status_code == 422, path


@pytest.mark.parametrize("path", ["/channels/{}", "/servers/{}", "/chats/{}", "/channels/{}/edit", "/messages/{}"])
async def test_a_number_beyond_all_ids_is_no_place(here: Site, path: str) -> None:
    """More than a column or a number of Python's holds."""
    for number in ("9" * 19, "9" * 30, "9" * 5000):
        answer = await here.http.get(path.format(number))
        assert answer.status_code in (200, 404, 405), (number[:20], answer.text[:200])
