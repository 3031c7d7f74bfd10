"""Timeline, turns and health as pages: what they show, and that they show it with anything broken."""

import asyncio
import itertools
import re
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import replace
from datetime import timedelta

import psutil
import pytest

from bot import turn_lines
from bot.console.pages.health import look
from engine import clock, embedded, ids, seed
from engine.config import Settings
from engine.decide.rejected import Rejected
from projections import measures, status, turn_sums
from projections.measures import Only
from tests.support import clusters
from tests.support.site import Site, site


@pytest.fixture
async def here(settings: Settings) -> AsyncIterator[Site]:
    async with site(settings) as opened:
        yield opened


async def test_the_timeline_shows_and_filters_what_happened(here: Site) -> None:
    """By type, character, person, channel, turn, category, model; alone and together."""
    said = await here.say("Both, @Ottoline?", character="wren")
    await here.complete(said.turns[0], "Yes.")
    await here.fail(said.turns[1], "timeout", "Too slow.")
    await here.lines(said.channel, 3)
    await here.settled()
    page = (await here.http.get("/timeline")).text
    for label in ("Message received", "Turn requested", "Turn completed", "Turn failed", "Reply delivered", "Character created"):
        assert label in page
    expected = {
        "type=turn.failed": 1,
        "type=turn": 4,
        "category=timeout": 1,
        "model=test%2Fmodel": 2,
        f"turn={said.turns[0]}": 5,
        "character=ottoline&type=turn.requested": 1,
        f"channel={said.channel}&type=message.received&user=1": 1,
        "user=999": 0,
        "since=2999-01-01T00:00": 0,
        "before=2000-01-01T00:00": 0,
    }
    assert page.count('class="event turn-group') == 2
    assert page.count("Both, @Ottoline?") == 2
    for query, count in expected.items():
        rows = (await here.http.get(f"/timeline?{query}&view=events", headers={"hx-request": "true"})).text
        assert rows.count('class="event ') == count, query
    newest, oldest = said.turns[1], said.turns[0]
    for turn, query, beside in (
        (newest, "", [f"/turns/{oldest}"]),
        (oldest, "?user=1", [f"/turns/{newest}?user=1"]),
        (newest, "?status=failed", []),
        (newest, "?character=ottoline", []),
    ):
        page = (await here.http.get(f"/turns/{turn}{query}")).text
        assert re.findall('data-key="[jk]" href="([^"]*)"', page) == beside, query
        assert "waiting for a worker" in page
    record = (await here.http.get(f"/api/turns/{newest}")).json()["inspection"]
    assert [link["type"] for link in record["links"]][:2] == ["message.received", "turn.requested"]


async def test_the_turns_say_what_differs_between_them_and_are_listed_by_what_became_of_them(here: Site) -> None:
    """First words, person, wait, duration, tokens and cost; people by name; an outcome nobody knows is said, not passed over.

    Running ones too, as long as nothing is asked that only an end can tell.
    """
    said = await here.say("What a long night, and what a very long sentence for the list of turns it is", character="wren")
    await here.complete(said.turns[0], "Yes.")
    await here.lines(said.channel, 2)
    await here.settled()
    page = (await here.http.get("/turns")).text
    assert "What a long night, and what a very long sentence for the lis…" in page
    for heading in ("Waited", "In all", "Tokens", "Cost", "Friend (you)"):
        assert heading in page
    for query, count in {"user=friend": 1, "user=you": 1, "outcome=completed": 1, "outcome=failed": 0, "status=pending": 0}.items():
        assert (await here.http.get(f"/turns?{query}")).text.count('<tr class="turn">') == count, query
    assert await turn_lines.person_named(here.console.log, "FRIEND") == await turn_lines.person_named(here.console.log, "1") == 1
    with pytest.raises(Rejected, match="no person of that name"):
        await turn_lines.person_named(here.console.log, "Nobody Here")
    assert "There is no such outcome" in (await here.http.get("/turns?outcome=lost")).text
    assert "There is no such person" in (await here.http.get("/turns?user=Nobody+Here")).text
    said = await here.say("Both, @Ottoline?", character="wren")
    await here.complete(said.turns[0], "Yes.")
    await here.settled()
    expected = {
        "": 3,
        "?status=completed": 2,
        "?status=failed": 0,
        "?model=test/model": 2,
        "?category=timeout": 0,
        "?character=ottoline": 1,
    }
    for query, count in expected.items():
        page = (await here.http.get(f"/turns{query}")).text
        assert page.count('<tr class="turn">') == count, query
    down, up = [(await here.http.get(f"/turns?sort={sort}")).text for sort in ("-words", "words")]
    assert down.find("What a long") < down.find("Both, @")
    assert up.find("What a long") > up.find("Both, @")
    assert '<th aria-sort="descending"><a href="/turns?" ' in down
    assert "user=you&amp;sort=words" in (await here.http.get("/turns?user=you")).text
    assert (await here.http.get("/turns?sort=nonsense%00")).is_success


HOSTILE = ("%", "_", "'", "' OR 1=1;--", "\\", "x" * 10_000, "-1", "99999999999999999999", "<b>", "\x00", "%00")
FILTERS = ("type", "character", "user", "channel", "guild", "turn", "category", "model", "since", "before", "before_position")


async def test_hostile_filters_find_nothing_and_break_nothing(here: Site) -> None:
    """R40: no filter's value is ever part of a statement or a pattern."""
    await here.settled()
    everything = await here.console.log.head()
    for value, name, page in itertools.product(HOSTILE, FILTERS, ("/timeline", "/turns")):
        response = await here.http.get(page, params={name: value, "view": "events"})
        assert response.status_code == 200, (page, name, value)
        wanted = everything if (page, name) == ("/timeline", "before_position") else 0
        assert response.text.count('class="event ') == wanted, (page, name, value)


async def test_the_timeline_is_live(here: Site) -> None:
    """What is recorded appears on open pages, if it matches their filter."""
    await here.settled()
    after = await here.console.log.head()
    async with here.http.stream("GET", f"/timeline/stream?after={after}&type=turn.requested") as response:
        lines = response.aiter_lines()
        await here.say("Hello.", character="wren")
        async with asyncio.timeout(15), aclosing(lines):  # type: ignore[type-var]
            text = ""
            async for line in lines:
                text += line
                if "Turn requested" in text:
                    break
    assert "Turn requested" in text
    assert "Message received" not in text


async def test_pages_of_the_timeline_follow_each_other(here: Site) -> None:
    """By position, so that new events do not shift them."""
    for number in range(20):
        await here.say(f"Line {number}", character="wren")
    await here.settled()
    first = (await here.http.get("/timeline?type=message.received&type=&view=events")).text
    assert first.count('class="event ') == 50
    older = first.split("before_position=")[1].split('"')[0]
    rest = (await here.http.get(f"/timeline?before_position={older.split(chr(38))[0]}&view=events", headers={"hx-request": "true"})).text
    assert rest.count('class="event ') == await here.console.log.head() - 50


async def test_an_event_is_opened_for_the_owner(here: Site) -> None:
    """Clear fields, tags, what caused it, and the sealed text; after an erasure that is gone."""
    said = await here.say("A secret between us.", character="wren")
    await here.settled()
    position = await here.console.log.head()
    requested = (await here.http.get(f"/events/{position}")).text
    assert "Turn requested" in requested
    assert str(said.turns[0]) in requested
    received = (await here.http.get(f"/events/{position - 1}")).text
    assert "A secret between us." in received
    assert (await here.http.get("/events/999999")).status_code == 404
    assert (await here.http.get("/events/not-an-id")).status_code == 404
    await here.console.log.vault.destroy("user:1")
    erased = (await here.http.get(f"/events/{position - 1}")).text
    assert "A secret between us." not in erased
    assert "erased" in erased
    assert (await here.http.get(f"/chats/{said.channel}")).status_code == 200
    assert "A secret" not in (await here.http.get(f"/turns/{said.turns[0]}")).text


async def test_a_turn_is_found_by_id_reference_and_message(here: Site) -> None:
    """And the search box leads there."""
    said = await here.say("Hello.", character="wren")
    reference = await here.fail(said.turns[0], "server_error", "The provider has a problem.", "502 Bad Gateway <html>")
    await here.lines(said.channel, 2)
    await here.settled()
    for key in (str(said.turns[0]), reference, reference.upper(), str(said.message_id)):
        page = await here.http.get(f"/turns/{key}")
        assert page.status_code == 200, key
        assert "Provider in trouble" in page.text
        assert "502 Bad Gateway &lt;html&gt;" in page.text
        assert "test/model" in page.text
    assert (await here.http.get("/turns", params={"find": reference})).headers["location"] == f"/turns/{said.turns[0]}"
    assert "There is no turn" in (await here.http.get("/turns?find=nonsense")).text
    assert (await here.http.get("/turns/nonsense")).status_code == 404


async def test_usage_is_told_by_day_model_character_and_payer(here: Site) -> None:
    """Nothing at first; then what the calls of a turn came to, and the limits that hold."""
    empty = (await here.http.get("/usage")).text
    assert "Nothing was used" in empty
    assert "turns a minute" in empty
    said = await here.say("Hello.", character="wren")
    await here.complete(said.turns[0], "Yes.")
    await here.settled()
    for query in ("", "?days=1", "?days=7", "?days=90&all=1", "?days=nonsense"):
        page = (await here.http.get(f"/usage{query}")).text
        for text in ("test/model", "Wren Halloway", "you", "$0.0010", "1 calls", "120 tokens", "half within", "p95"):
            assert text in page, (query, text)
        assert ("system" in page) == (query != "?days=1"), "who pays is known by the day"
    for query in ("model=test/model", "user=1", f"character={seed.character_id('wren')}"):
        for days in ("1", "30"):
            assert "Only <a" in (page := (await here.http.get(f"/usage?days={days}&{query}")).text), query
            assert "120 tokens" in page, query
    for query in ("model=other", "user=77", f"character={ids.derived('nobody')}"):
        assert "Nothing was used" in (await here.http.get(f"/usage?days=1&{query}")).text, query
        assert "Nothing was used" in (await here.http.get(f"/usage?days=30&{query}")).text, query
    for query in ("character=x", "user=x", "user=99999999999999999999", "model=%00"):
        assert "120 tokens" in (await here.http.get(f"/usage?{query}")).text, query


async def test_times_to_an_answer_are_percentiles_of_answered_turns(here: Site) -> None:
    """From the request to the answer, for every axis alike; a failed turn counts as used, and has no such time."""
    said = await here.say("One.", character="wren")
    await here.complete(said.turns[0], "Yes.")
    await here.settled()
    async with here.console.log.pool.connection() as connection:
        copy = """
        INSERT INTO turns.turns SELECT (t.json).* FROM turns.turns o, generate_series(2, 21) AS n, LATERAL (SELECT jsonb_populate_record(o,
            jsonb_build_object('turn', gen_random_uuid(), 'requested_at', o.ended_at - n * interval '1 s', 'position', o.position + n,
                               'attempts', 2, 'status', CASE n WHEN 21 THEN 'failed' ELSE 'completed' END)) AS json) AS t
        """
        await connection.execute("UPDATE turns.turns SET requested_at = ended_at - interval '1 s', attempts = 1")
        await connection.execute(copy)
        await connection.execute("TRUNCATE turns.sums")
        await turn_sums.add_between(connection, "turns", 0, 2**62)
        since = clock.now() - timedelta(days=2)
        summed = await measures.measures(connection, since, "hour")
        waited = await measures.times_of(connection, since, [1])
        found = await measures.measures(connection, since, "hour", Only(model="test/model"))
        assert await measures.measures(connection, clock.now() + timedelta(days=1), "day") == {axis: {} for axis in measures.AXES}
    assert set(found) == {"slot", "model", "character", "user"}
    for axis, values in found.items():
        [one] = values.values()
        assert (one.axis, one.calls, one.failed) == (axis, 41, 21)
        assert (one.p50_ms, one.p95_ms) == (10_500, 19_050)
        assert (one.prompt_tokens, one.completion_tokens) == (2_100, 420)
        assert one.cost == pytest.approx(0.021)
        [near] = summed[axis].values()
        assert replace(near, p50_ms=one.p50_ms, p95_ms=one.p95_ms) == one
        times = waited["1"] if axis == "user" else (near.p50_ms, near.p95_ms)
        assert times == pytest.approx((one.p50_ms, one.p95_ms), rel=turn_sums.STEP - 1)


async def test_health_tells_what_is_behind_and_what_is_missing(here: Site) -> None:
    """For people, for programs and for Prometheus. Here no worker and no projections process runs."""
    await here.settled()
    report = (await here.http.get("/healthz")).json()
    probes = {probe["name"]: probe["ok"] for probe in report["probes"]}
    assert probes["Postgres"]
    assert not probes["Worker"]
    assert report["status"] == "degraded"
    assert set(report["projection_lag"].values()) == {0}
    assert 'data-again="10"' in (await here.http.get("/health")).text, "the script asks for it again"
    assert report["memory_bytes"] > 1_000_000
    assert (await here.http.get("/readyz")).status_code == 200
    page = (await here.http.get("/health")).text
    assert "Nobody answers." in page
    assert "timeline" in page
    metrics = (await here.http.get("/metrics")).text
    assert 'tzurot_projection_lag_events{projection="timeline"} 0.0' in metrics
    assert 'tzurot_up{part="postgres"} 1.0' in metrics


async def test_health_answers_while_postgres_is_frozen(settings: Settings) -> None:
    """F7: a server that neither answers nor hangs up holds a probe, but not the report (30 s allow for a busy machine)."""
    async with clusters.temporary(durable=False) as postgres, site(settings.model_copy(update={"database_url": postgres.dsn})) as here:
        postmaster = psutil.Process(postgres.pid)
        frozen = [postmaster, *postmaster.children()]
        for process in frozen:
            process.suspend()
        try:
            async with asyncio.timeout(30):
                report = (await here.http.get("/healthz")).json()
            async with asyncio.timeout(30):
                assert (await here.http.get("/readyz")).status_code == 503
        finally:
            for process in frozen:
                process.resume()
        assert not next(probe["ok"] for probe in report["probes"] if probe["name"] == "Postgres")


async def test_health_answers_while_everything_is_away(settings: Settings, nats_server: embedded.Nats) -> None:
    """F7: a dead Postgres and a dead NATS are told, not waited for; pages say so; both are found again."""
    async with clusters.temporary(durable=False) as postgres, site(settings.model_copy(update={"database_url": postgres.dsn})) as here:
        nats_server.kill()
        postgres.kill()
        await nats_server.wait()
        await postgres.wait()
        async with asyncio.timeout(60):
            report = (await here.http.get("/healthz")).json()
            ready = await here.http.get("/readyz")
        assert {probe["name"]: probe["ok"] for probe in report["probes"]} == {"Postgres": False, "NATS": False}
        assert ready.status_code == 503
        assert (await here.http.get("/health")).status_code == 200
        assert (await here.http.get("/timeline")).status_code == 503
        await postgres.start()
        await nats_server.start()
        async with asyncio.timeout(30):
            while not all(probe.ok for probe in (await look(here.console)).probes if probe.name in {"Postgres", "NATS"}):
                await asyncio.sleep(0.1)
        assert (await here.http.get("/timeline")).status_code == 200


async def test_readiness_follows_the_log_and_not_only_the_connection(here: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """R09: while what is appended has to wait, the console is not ready, and says how much waits."""
    assert (await here.http.get("/readyz")).status_code == 200
    monkeypatch.setattr(type(here.console.log), "available", False)
    answer = await here.http.get("/readyz")
    assert (answer.status_code, answer.json()["sentence"]) == (503, "Away: 0 events wait to be stored.")


async def test_health_tells_for_how_long_a_read_model_has_stood_still(here: Site) -> None:
    """By the oldest event it has not digested, in the page's words, in JSON and for Prometheus."""
    await here.say("Hello", character="wren")
    await here.settled()
    async with here.console.log.pool.connection() as connection:
        assert [one for one in (await status.look(connection)).behind if one.name != status.RELAY] == []
        await connection.execute("UPDATE projections SET position = position - 2 WHERE name = 'usage' AND role = 'live'")
        [behind] = [one for one in (await status.look(connection)).behind if one.name == "usage"]
    assert behind.events == 2
    assert 0 < behind.seconds < 60
    report = (await here.http.get("/healthz")).json()
    assert report["behind_s"]["usage"] >= round(behind.seconds, 1)
    assert 'tzurot_behind_seconds{reader="usage"}' in (await here.http.get("/metrics")).text
