"""Who pays: guests, the free day, keys of people's own; whole turns against a provider that keeps a journal."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import datetime

import pytest
from psycopg import AsyncConnection, OperationalError

from engine import actor, clock
from engine.config import Settings
from engine.events.preset import DefaultChosen as PresetDefault
from engine.events.preset import OverrideChosen
from engine.events.quota import LimitsChanged
from engine.events.turn import GenerationStarted, TurnCompleted, TurnFailed
from engine.store import Query
from projections.follow import runner
from projections.models import keys, quota
from tests.chaos.calls.rig import rig
from tests.support.provider.room import Person
from tests.support.provider.server import FaultServer, Reply, Status
from tests.support.provider.talking import CHARACTER, SYSTEM_KEY, one, talking
from worker.money import _accepted


async def test_a_guest_is_answered_by_the_free_preset_and_hinted_once_a_day(settings: Settings) -> None:
    async with FaultServer.running() as provider, talking(settings, provider) as person:
        provider.decide = lambda asked: Reply(f"A reply that differs every time: {len(provider.journal)} of {asked.model}.")
        await person.preset("paid/model", "paid/other")
        await person.preset("kind/model:free", free=True)
        guest = Person(person.log, user=99, channel=99, venue="discord")
        first, second = await one(guest), await one(guest, "And what about tomorrow then?")
        assert isinstance(first, TurnCompleted)
        assert isinstance(second, TurnCompleted)
        assert (first.guest, first.upgrade_hint, second.upgrade_hint) == (True, True, False)
        assert first.fallback_from == "paid/model"
        assert {asked.model for asked in provider.journal} == {"kind/model:free"}


async def test_the_preset_of_the_nearest_place_answers_and_the_turn_says_who_chose_it(settings: Settings) -> None:
    """C4: with the character, in a thread by its parent's channel, in the server, else the default; a choice taken back says nothing."""
    async with FaultServer.running() as provider, talking(settings, provider) as alice:
        provider.decide = lambda asked: Reply(f"A reply that differs every time: {len(provider.journal)} of {asked.model}.")
        base, house, room, own = [await alice.preset(f"paid/{name}") for name in ("base", "house", "room", "own")]
        await alice.tell(PresetDefault(user_id=None, preset_id=base, chosen_by=1), "default:preset:everybody")
        for choice in (
            OverrideChosen(guild_id=6, preset_id=house, chosen_by=1),
            OverrideChosen(guild_id=6, channel_id=5, preset_id=room, chosen_by=1),
            OverrideChosen(user_id=7, character_id=CHARACTER, preset_id=own, chosen_by=7),
        ):
            await alice.tell(choice, choice.stream_name)
        met = []
        for user, guild, channel, parent in ((7, 6, 5, None), (8, 6, 5, None), (8, 6, 50, 5), (8, 6, 51, 4), (8, None, 52, None)):
            person = Person(alice.log, user=user, guild=guild, channel=channel, parent=parent)
            [turn] = await person.say("Tell me something, please", CHARACTER)
            assert isinstance(await person.end(turn), TurnCompleted)
            starts = [one.event for one in await person.events(turn) if isinstance(one.event, GenerationStarted)]
            assert len({(one.preset_id, one.preset_tier, one.model) for one in starts}) == 1, "another try is of the same preset"
            met.append((starts[0].preset_id, starts[0].preset_tier, starts[0].model))
        assert met == [
            (own, "user+character", "paid/own"),
            (room, "channel", "paid/room"),
            (room, "channel", "paid/room"),
            (house, "server", "paid/house"),
            (base, "admin", "paid/base"),
        ]


async def test_a_guest_without_a_free_preset_is_refused_without_a_call(settings: Settings) -> None:
    async with FaultServer.running() as provider, talking(settings, provider) as person:
        await person.preset("paid/model")
        end = await one(Person(person.log, user=99, channel=99, venue="discord"))
        assert isinstance(end, TurnFailed)
        assert end.category == "not_allowed"
        assert provider.journal == []


@pytest.mark.parametrize("listed", [("good/free-model:free",), ()])
async def test_a_guest_gets_a_model_that_is_known_to_be_free(settings: Settings, listed: tuple[str, ...]) -> None:
    """As the README says, with nothing but a key: whether the operator listed the model or only the catalogue prices it at nothing.

    Without a preset for guests, which nobody is told to make.
    """
    async with FaultServer.running(Reply("An answer for nothing at all.")) as provider:
        zero, paid = {"prompt": "0", "completion": "0"}, {"prompt": "0.1", "completion": "0.1"}
        provider.models = [{"id": "paid/big", "pricing": paid}, {"id": "good/free-model:free", "pricing": zero}]
        async with talking(settings, provider, default_model="paid/big", owner_ids=(1,)) as person:
            if listed:
                await person.tell(LimitsChanged(free_models=listed), "limits")
            await _catalogue(person)
            end = await one(Person(person.log, user=99, channel=99, venue="discord"))
            assert isinstance(end, TurnCompleted), end
            assert (end.guest, end.fallback_from) == (True, "paid/big")
            assert {asked.model for asked in provider.journal if asked.model} == {"good/free-model:free"}


async def test_a_listed_model_that_turns_out_to_cost_is_not_given_to_guests(settings: Settings) -> None:
    """A price beats a list: the refusal stands, and no call is made."""
    async with FaultServer.running() as provider:
        provider.models = [{"id": "paid/big", "pricing": {"prompt": "0.1", "completion": "0.1"}}]
        async with talking(settings, provider, default_model="paid/other") as person:
            await person.tell(LimitsChanged(free_models=("paid/big",)), "limits")
            await _catalogue(person)
            end = await one(Person(person.log, user=99, channel=99, venue="discord"))
            assert isinstance(end, TurnFailed)
            assert end.category == "not_allowed"
            assert [asked for asked in provider.journal if asked.model] == []


async def _catalogue(person: Person) -> None:
    """Wait until the worker has fetched the catalogue and the read model knows it."""
    deadline = clock.monotonic() + 60
    while not [row async for row in person.log.rows(Query(types=frozenset({"model.catalogue_fetched"})))]:
        assert clock.monotonic() < deadline
        await asyncio.sleep(0.01)
    assert await runner.wait_for(person.log.pool, ("models",), await person.log.head(), seconds=60)


async def test_the_free_day_is_shared_fairly_and_never_overdrawn(settings: Settings) -> None:
    async with FaultServer.running() as provider, talking(settings, provider) as person:
        provider.decide = lambda asked: Reply(f"Free answer {len(provider.journal)}: {asked.call} says something new again.")
        await person.preset("kind/model:free", free=False)
        await person.tell(LimitsChanged(free_daily=6, free_minimum=2, user_per_minute=100), "limits")
        guests = [Person(person.log, user=60 + n, channel=60 + n, venue="discord") for n in range(4)]
        turns = [turn for _ in range(4) for guest in guests for turn in await guest.say("Give me another one, will you", CHARACTER)]
        ends = await asyncio.gather(*(person.end(turn, seconds=60) for turn in turns))
        answered = Counter(end.user_id for end in ends if isinstance(end, TurnCompleted))
        assert sum(answered.values()) == len(provider.journal) == 6
        assert {end.category for end in ends if isinstance(end, TurnFailed)} == {"free_limit"}


async def test_an_own_key_pays_and_is_seen_by_nobody(settings: Settings, capfd: pytest.CaptureFixture[str]) -> None:
    secret = "sk-own-canary-1234567890abcd"
    async with FaultServer.running(Reply("Paid for by its owner, thank you.")) as provider, talking(settings, provider) as person:
        await person.preset("paid/model")
        user = Person(person.log, user=99, channel=99, venue="discord")
        key = await keys.add(person.log, 99, "local", secret)
        end = await one(user)
        assert isinstance(end, TurnCompleted)
        assert not end.guest
        assert end.calls[0].key_id == key
        assert {asked.key for asked in provider.journal} == {secret}
        stored = [row async for row in person.log.rows()]
        assert not any(secret.encode() in row.data + (row.sealed or b"") for row in stored)
        async with person.log.pool.connection() as connection:
            [shown] = await keys.browse(connection, 99)
        assert (shown.last4, shown.calls, shown.last_used_at is not None) == ("abcd", 1, True)
    out, err = capfd.readouterr()
    assert secret not in out + err
    assert SYSTEM_KEY not in out + err


async def test_a_key_the_provider_refuses_is_not_used_again(settings: Settings) -> None:
    async with FaultServer.running() as provider, talking(settings, provider) as person:
        provider.decide = lambda asked: Status(401, "User not found") if "own" in asked.key else Reply("Free words for everybody.")
        await person.preset("paid/model")
        await person.preset("kind/model:free", free=True)
        await keys.add(person.log, 99, "local", "sk-own-key-1234567890")
        user = Person(person.log, user=99, channel=99, venue="discord")
        first = await one(user)
        assert isinstance(first, TurnFailed)
        assert first.category == "authentication"
        second = await one(user, "Once more with feeling, please")
        assert isinstance(second, TurnCompleted)
        assert second.guest


async def test_a_refused_key_is_shown_as_refused(settings: Settings) -> None:
    """To whoever browses keys, after a reply that failed for it."""
    async with FaultServer.running(Status(401, "User not found.")) as provider, talking(settings, provider) as person:
        await person.preset("paid/model")
        await keys.add(person.log, 99, "local", "sk-own-key-1234567890")
        end = await one(Person(person.log, user=99, channel=99, venue="discord"))
        assert isinstance(end, TurnFailed)
        assert await runner.wait_for(person.log.pool, ("keys",), await person.log.head(), seconds=60)
        async with person.log.pool.connection() as connection:
            [key] = await keys.browse(connection, 99)
        assert (key.accepted, key.category, _accepted(key)) == (False, "authentication", "no: authentication")


async def test_a_removed_key_is_deleted_and_cannot_be_revealed(settings: Settings) -> None:
    async with FaultServer.running() as provider, talking(settings, provider) as person:
        key_id = await keys.add(person.log, 99, "local", "sk-own-key-1234567890")
        head = await person.log.head()
        assert await runner.wait_for(person.log.pool, ("keys",), head, seconds=60)
        async with person.log.pool.connection() as connection:
            assert await keys.reveal(connection, person.log.vault, key_id) == "sk-own-key-1234567890"
            [key] = await keys.browse(connection, 99)
        await keys.remove(person.log, key, actor.person(99))
        async with person.log.pool.connection() as connection:
            with pytest.raises(keys.NoSuchKey):
                await keys.reveal(connection, person.log.vault, key_id)


async def test_an_outage_at_the_hint_costs_no_second_answer(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the answer in hand Postgres goes away: the reply goes out without the hint, and the next one brings it."""
    today, away = quota.today, [True]

    async def gone(connection: AsyncConnection, now: datetime, user: int, guild: int | None, scopes: Sequence[str]) -> quota.Today:
        if not scopes and away.pop():
            away.append(False)
            raise OperationalError("the server closed the connection")
        return await today(connection, now, user, guild, scopes)

    monkeypatch.setattr(quota, "today", gone)
    async with FaultServer.running() as provider, rig(settings) as made:
        provider.script = [Reply("The harbour was full of birds this morning."), Reply("Nobody remembers who wrote that song.")]
        await Person(made.log).preset("kind/model:free")
        person, work = Person(made.log, user=99, channel=99, venue="discord"), made.work(provider.address, SYSTEM_KEY)
        first = await made.answered(work, await made.say(person, "Hello there", CHARACTER))
        second = await made.answered(work, await made.say(person, "And again, will you", CHARACTER))
        assert isinstance(first, TurnCompleted)
        assert isinstance(second, TurnCompleted)
        assert (first.upgrade_hint, second.upgrade_hint) == (False, True)
        assert len(provider.journal) == 2
