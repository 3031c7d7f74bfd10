"""Quota, fallback, budgets and limits: whole turns against a provider that says no."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from psycopg import AsyncConnection, OperationalError

from engine import clock, ids
from engine.actor import operator
from engine.config import Settings
from engine.decide.rejected import Rejected
from engine.decide.spending.lift import Lift
from engine.decide.spending.quota import PROBE_AFTER, counts
from engine.decide.spending.spend import KEYLESS, SYSTEM, Refusal
from engine.decide.spending.turn_model import resolve
from engine.events.model import ModelOverridden
from engine.events.quota import BudgetSet, LimitsChanged, QuotaHit, SpendAuthorized, SpendSettled
from engine.events.turn import GenerationStarted, TurnCancelled, TurnCompleted, TurnFailed
from engine.execute import execute
from engine.fault import Category
from engine.store import Query
from projections.follow import runner
from projections.models import keys, quota, usage
from projections.models.quota import QUOTA
from projections.models.turns import Turn
from projections.prompt.section import KeptPicture
from tests.chaos.calls.rig import rig
from tests.support.provider.room import Person
from tests.support.provider.server import FaultServer, Reply, Status
from tests.support.provider.talking import CHARACTER, SYSTEM_KEY, one, talking
from worker import spend
from worker.spend import Allowed, Contended, Payer, authorize, spend_state
from worker.turn import context
from worker.work import Work


async def hits(person: Person) -> list[QuotaHit]:
    found = [e.event async for e in person.log.read(Query(types=frozenset({"quota.hit"})))]
    return [event for event in found if isinstance(event, QuotaHit)]


async def test_a_quota_hit_moves_the_turn_to_the_fallback_and_the_next_turn_skips_the_model(settings: Settings) -> None:
    async with FaultServer.running() as provider, talking(settings, provider) as person:
        provider.per_model["a/first"] = Status(429, "slow down", retry_after="600")
        await person.preset("a/first", "b/second")
        first = await one(person)
        assert isinstance(first, TurnCompleted)
        assert (first.fallback_from, first.fallback_why) == ("a/first", "rate_limit")
        assert [(call.model, call.category) for call in first.calls] == [("a/first", "rate_limit"), ("b/second", None)]
        provider.per_model["b/second"] = Reply("And now for something completely different from all before.")
        second = await one(person, "And another thing, if I may")
        assert isinstance(second, TurnCompleted)
        assert second.fallback_from == "a/first"
        assert Counter(asked.model for asked in provider.journal) == {"a/first": 1, "b/second": 2}
        [hit] = await hits(person)
        assert (hit.model, hit.scope, hit.category, hit.told_by_provider) == ("a/first", "system", "rate_limit", True)
        assert second.timing.request_sent < 5000
        started = [one.event async for one in person.log.read(Query(types=frozenset({GenerationStarted.TYPE})))]
        windows = [(one.model, one.begins is None) for one in started if isinstance(one, GenerationStarted)]
        assert windows == [("a/first", False), ("b/second", True), ("b/second", True)], "a makeshift's window is not kept"


async def test_at_most_two_hops(settings: Settings) -> None:
    async with FaultServer.running(Status(404, "no such model")) as provider, talking(settings, provider) as person:
        await person.preset("a/1", "b/2", "c/3")
        end = await one(person)
        assert isinstance(end, TurnFailed)
        assert end.category == "model_not_found"
        assert [call.model for call in end.calls] == ["a/1", "b/2", "c/3"]


async def test_without_a_fallback_a_person_is_told_once_per_window(settings: Settings) -> None:
    async with FaultServer.running(Status(429, "slow", retry_after="900")) as provider, talking(settings, provider) as person:
        await person.preset("a/only")
        ends = [await one(person, f"Message number {n}") for n in range(4)]
        assert [type(end) for end in ends] == [TurnFailed, TurnCancelled, TurnCancelled, TurnCancelled]
        assert len(provider.journal) == 1
        assert len(await hits(person)) == 1


async def test_one_person_cannot_make_more_calls_than_the_bucket_holds(settings: Settings) -> None:
    async with FaultServer.running() as provider, talking(settings, provider) as person:
        provider.decide = lambda asked: Reply(f"Number {len(provider.journal)} for {asked.call}, unlike the others before it.")
        await person.preset("kind/model:free")
        await person.tell(LimitsChanged(user_per_minute=1), "limits")
        channels = [Person(person.log, user=7, channel=70 + n, venue="discord") for n in range(6)]
        turns = [turn for speaker in channels for turn in await speaker.say("Flooding the place with words", CHARACTER)]
        started = clock.monotonic()
        ends = await asyncio.gather(*(person.end(turn, seconds=60) for turn in turns))
        assert clock.monotonic() - started < 55
        assert len(provider.journal) == 1
        assert sum(isinstance(end, TurnFailed) for end in ends) == 1
        assert sum(isinstance(end, TurnCancelled) for end in ends) == 4


async def test_a_budget_is_never_overdrawn_however_many_ask_at_once(settings: Settings) -> None:
    async with FaultServer.running() as provider, talking(settings, provider) as person:
        provider.decide = lambda asked: Reply(
            f"Costly answer {len(provider.journal)} {asked.call}", usage={"prompt_tokens": 10, "completion_tokens": 10, "cost": 0.3}
        )
        await person.preset("a/costly", max_tokens=1000)
        await person.tell(ModelOverridden(model="a/costly", price_in=0.0, price_out=0.0003, set_by=1), "model")
        await person.tell(BudgetSet(scope="system", daily=1.0, set_by=1), "budget")
        people = [Person(person.log, user=500 + n, channel=500 + n) for n in range(6)]
        turns = [turn for speaker in people for turn in await speaker.say("Spend it all, now or never", CHARACTER)]
        ends = await asyncio.gather(*(person.end(turn, seconds=60) for turn in turns))
        assert len(provider.journal) == 3
        assert {end.category for end in ends if isinstance(end, TurnFailed)} == {"budget"}


async def test_a_lifted_block_lets_everybody_ask_at_once(settings: Settings) -> None:
    """An operator who topped the account up need not wait for an hour, nor start anything again."""
    async with FaultServer.running() as provider, talking(settings, provider) as person:
        provider.per_model["a/only"] = Status(402, "insufficient credits")
        await person.preset("a/only")
        assert isinstance(await one(person), TurnFailed)
        provider.per_model["a/only"] = Reply("Back in business, with all of this to say.")
        await execute(person.log, operator(), Lift("system", "a/only"), ids.random_id(), see=("quota",))
        with clock.frozen(clock.now()):  # what the worker itself learned a moment ago would hold for ever
            async with asyncio.timeout(60):
                while not isinstance(await one(person, "And now, is there anything?"), TurnCompleted):
                    await asyncio.sleep(0.05)
        with pytest.raises(Rejected, match="Nothing is blocked"):
            await execute(person.log, operator(), Lift("system", "b/other"), ids.random_id())


async def test_an_empty_account_is_tried_again_by_single_calls_and_opens_for_all_by_itself(settings: Settings) -> None:
    """Topping up helps without a command: within minutes one call tries, and its answer ends the block. Others are told once."""
    async with FaultServer.running() as provider, talking(settings, provider) as person:
        provider.per_model["a/only"] = Status(402, "insufficient credits")
        await person.preset("a/only")
        assert isinstance(await one(person), TurnFailed)
        start = clock.now()
        with clock.frozen(start + PROBE_AFTER - timedelta(seconds=5)):
            assert isinstance(await one(person, "Still nothing, I suppose?"), TurnCancelled)
        assert len(provider.journal) == 1
        with clock.frozen(start + PROBE_AFTER + timedelta(seconds=5)):
            people = [Person(person.log, user=300 + n, channel=300 + n) for n in range(4)]
            ends = await asyncio.gather(*(one(speaker, "Try again now, would you?") for speaker in people))
            assert {type(end) for end in ends} == {TurnFailed}
        assert len(provider.journal) == 2
        provider.per_model["a/only"] = Reply("Here again, and with quite something to say.")
        with clock.frozen(start + 2 * PROBE_AFTER + timedelta(seconds=30)):
            assert isinstance(await one(person, "And what about now, please?"), TurnCompleted)
            assert await runner.wait_for(person.log.pool, ("quota",), await person.log.head(), seconds=60)
            provider.per_model["a/only"] = Reply("This is yet another answer, unlike the one before.")
            ends = await asyncio.gather(*(one(speaker, "Is it open for us as well?") for speaker in people))
            assert {type(end) for end in ends} == {TurnCompleted}


async def test_whoever_is_too_fast_is_told_that_it_is_their_own_limit(settings: Settings) -> None:
    """Not that the model is asked too often."""
    async with FaultServer.running() as provider, talking(settings, provider) as person:
        provider.decide = lambda asked: Reply(f"Answer {len(provider.journal)} to {asked.call}, different from all others.")
        await person.preset("kind/model:free")
        await person.tell(LimitsChanged(user_per_minute=1), "limits")
        fast = Person(person.log, user=99, channel=99, venue="discord")
        assert isinstance(await one(fast), TurnCompleted)
        end = await one(fast, "And another one at once, please")
        assert isinstance(end, TurnFailed)
        assert "Your own limit of 1 answers a minute" in end.user_message


async def test_an_empty_answer_is_asked_again_and_never_delivered(settings: Settings) -> None:
    behaviours = [Reply(""), Reply("<think>only thoughts</think>"), Reply("Words at last, after two tries.")]
    async with FaultServer.running(*behaviours) as provider, talking(settings, provider, key=None) as person:
        end = await one(person)
        assert isinstance(end, TurnCompleted)
        assert end.text == "Words at last, after two tries."
        assert [asked.body.get("frequency_penalty") for asked in provider.journal] == [None, 0.5, 0.5]
        assert len([e async for e in person.log.read(Query(types=frozenset({"quota.spend_authorized"})))]) == 3


async def test_a_repetition_is_asked_again_with_changed_sampling(settings: Settings) -> None:
    same = Reply("I have nothing new to say about the weather in this town today.")
    behaviours = [same, same, same, Reply("But the harbour was full of birds this morning.")]
    async with FaultServer.running(*behaviours) as provider, talking(settings, provider, key=None) as person:
        await one(person)
        end = await one(person, "Tell me more about the town, will you?")
        assert isinstance(end, TurnCompleted)
        assert end.text == "But the harbour was full of birds this morning."
        assert not end.repeated
        assert [call.why for call in end.calls] == ["first", "repetition", "repetition"]


async def test_the_quota_read_model_equals_a_recount_and_a_rebuild(settings: Settings) -> None:
    async with FaultServer.running(Status(429, "slow", retry_after="900")) as provider, talking(settings, provider) as person:
        await person.preset("a/1", "b/2")
        for _ in range(3):
            await one(person)
        head = await person.log.head()
        assert await runner.wait_for(person.log.pool, ("quota", "usage"), head, seconds=60)
        since = clock.now() - timedelta(days=7)
        async with person.log.pool.connection() as connection:
            live = counts(await quota.hits(connection, since=since), clock.now())
            recounted = Counter(hit.model for hit in await hits(person))
            assert {model: windows["1h"] for model, windows in live.items()} == recounted
            async with connection.transaction(force_rollback=True):
                await runner.create_tables(connection, QUOTA, "quota_again")
                rows = [row async for row in person.log.rows(Query(types=QUOTA.types))]
                await QUOTA.apply(connection, "quota_again", rows)
                for table in ("hits", "days", "buckets", "notices", "guests"):
                    served, again = f"TABLE quota.{table}", f"TABLE quota_again.{table}"
                    statement = f"({served} EXCEPT {again}) UNION ALL ({again} EXCEPT {served})"
                    difference = await connection.execute(statement.encode())
                    assert await difference.fetchall() == [], table
            lines = await usage.summary(connection, "model")
        authorized = [e.event async for e in person.log.read(Query(types=frozenset({"quota.spend_authorized"})))]
        assert sum(line.calls for line in lines) == len(authorized) == len(provider.journal)
        assert all(isinstance(event, SpendAuthorized) for event in authorized)


async def test_a_server_cannot_make_more_calls_than_its_bucket_holds_however_many_workers_there_are(settings: Settings) -> None:
    """Two workers that know nothing of each other, twelve people with keys of their own at once: the sixth call is refused."""
    async with FaultServer.running() as provider, rig(settings) as made:
        provider.decide = lambda asked: Reply(f"Number {len(provider.journal)} for {asked.call}, unlike the others before it.")
        await Person(made.log).preset("a/costly")
        await Person(made.log).tell(LimitsChanged(guild_per_minute=5), "limits")
        for user in range(7000, 7012):
            await keys.add(made.log, user, "local", f"sk-own-{user:012d}")
        people = [Person(made.log, user=7000 + n, channel=7000 + n, guild=71, venue="discord") for n in range(12)]
        turns = [await made.say(speaker, "All of us at the same moment", CHARACTER) for speaker in people]
        await made.settled()
        with clock.frozen(clock.now()):
            workers = [made.work(provider.address, SYSTEM_KEY) for _ in range(2)]
            ends = await asyncio.gather(*(made.answered(workers[n % 2], turn) for n, turn in enumerate(turns)))
        assert len(provider.journal) == 5
        assert sum(isinstance(end, TurnCompleted) for end in ends) == 5
        assert {end.category for end in ends if isinstance(end, TurnFailed)} == {"rate_limit"}
        await made.settled()
        async with made.log.pool.connection() as connection:
            [line] = [day for day in await quota.days(connection, day=clock.now().strftime("%Y-%m-%d")) if day.subject == "guild:71"]
        assert line.calls == 5


async def test_whoever_was_too_fast_is_turned_away_without_a_look_at_the_conversation(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A flood costs neither prompts nor history reads, and is told of once."""
    looked: list[UUID] = []
    read = context.read

    async def counted(work: Work, turn: Turn, pictures: Sequence[KeptPicture] = ()) -> context.Context:
        looked.append(turn.turn)
        return await read(work, turn, pictures)

    monkeypatch.setattr(context, "read", counted)
    async with FaultServer.running() as provider, rig(settings) as made:
        await Person(made.log).preset("kind/model:free")
        await Person(made.log).tell(LimitsChanged(user_per_minute=1), "limits")
        person = Person(made.log, user=7, channel=7, guild=71, venue="discord")
        work = made.work(provider.address, SYSTEM_KEY)
        ends = [await made.answered(work, await made.say(person, f"Flood {n}", CHARACTER)) for n in range(5)]
        assert [type(end) for end in ends] == [TurnCompleted, TurnFailed, *[TurnCancelled] * 3]
        assert len(looked) == 2
        channels = [Person(made.log, user=7, channel=70 + n, guild=71, venue="discord") for n in range(6)]
        turns = [await made.say(speaker, "And everywhere at once", CHARACTER) for speaker in channels]
        with clock.frozen(clock.now() + timedelta(seconds=61)):
            again = await asyncio.gather(*(made.answered(work, turn) for turn in turns))
        assert sum(isinstance(end, TurnCompleted) for end in again) == 1
        assert len(looked) <= 4  # one that was answered, one that was refused; the others came after it was clear
        trusted = Person(made.log, user=7, channel=8)
        assert isinstance(await made.answered(work, await made.say(trusted, "From the console", CHARACTER)), TurnCompleted)


async def test_limits_that_were_read_a_while_ago_are_read_anew(settings: Settings) -> None:
    """What a turn read with all else is good for a second of the same day, and for one call: it lets nobody pass a limit."""
    noon, model = datetime(2026, 11, 28, 12, tzinfo=UTC), resolve("kind/model:free")
    async with rig(settings) as made:
        work, other = (made.work("http://127.0.0.1:1", SYSTEM_KEY) for _ in range(2))

        async def read(at: datetime) -> Payer:
            await made.settled()
            async with made.log.pool.connection() as connection:
                return Payer(7, 71, trusted=False, own_key=None, seen=await quota.today(connection, at, 7, 71, [SYSTEM, KEYLESS]))

        for at, later, good in (
            (noon, timedelta(seconds=0.9), True),
            (noon, timedelta(seconds=1), False),
            (noon.replace(hour=23, minute=59, second=59, microsecond=900_000), timedelta(seconds=0.2), False),
        ):
            who = await read(at)
            assert ((await spend_state(work, who, at + later, who.seen))[1] is who.seen) == good
        with clock.frozen(noon):
            who, call = await read(noon), ids.random_id()
            assert isinstance(await authorize(work, who, model, call, estimate=None), Allowed)
            with pytest.raises(Contended):  # two workers that believe to have the same turn: one pays
                await authorize(other, await read(noon), model, call, estimate=None)
            await Person(made.log).tell(LimitsChanged(user_per_minute=1), "limits")
            who = await read(noon)
            found = [await authorize(at, who, model, ids.random_id(), estimate=None) for at in (work, other)]
            await asyncio.gather(*spend.unsettled())
    assert isinstance(found[0], Allowed)
    assert isinstance(found[1], Refusal)
    assert found[1].category is Category.RATE_LIMIT
    costly = replace(found[0], permit=replace(found[0].permit, free=False), estimate=0.5)
    costs = [spend.settled(who, allowed, cost).event for allowed, cost in ((costly, None), (costly, 0.2), (found[0], None))]
    # What nobody knows is not nothing: the estimate stays counted.
    assert [(one.cost, one.estimate) for one in costs if isinstance(one, SpendSettled)] == [(None, 0.5), (0.2, 0.5), (0.0, 0.0)]


async def test_an_outage_between_two_calls_of_a_turn_is_sat_out(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first answer was empty and is paid for; while Postgres is away the second waits instead of giving the turn back."""
    today, away = quota.today, [0]

    async def gone(connection: AsyncConnection, now: datetime, user: int, guild: int | None, scopes: Sequence[str]) -> quota.Today:
        if provider.journal and away[0] < 2:
            away[0] += 1
            raise OperationalError("the server closed the connection")
        return await today(connection, now, user, guild, scopes)

    monkeypatch.setattr(quota, "today", gone)
    async with FaultServer.running(Reply(""), Reply("Words at last.")) as provider, rig(settings) as made:
        end = await made.answered(made.work(provider.address), await made.say(Person(made.log), "Hello there", CHARACTER))
        assert isinstance(end, TurnCompleted)
        assert (away, len(provider.journal)) == ([2], 2)
