"""Who reaches which model on whose money: whole turns with random configurations, judged by what the provider saw."""

import asyncio
import random
from collections import Counter
from dataclasses import dataclass, field
from uuid import UUID

from engine.actor import person
from engine.config import Settings
from engine.events.key import KeyTested
from engine.events.message import Venue
from engine.events.quota import SpendAuthorized
from engine.events.turn import TurnCompleted, TurnFailed
from engine.store import Query
from projections.models import keys
from tests.chaos.calls import market
from tests.chaos.calls.market import KINDS, Kind, Market
from tests.chaos.calls.rig import GENEROUS, Rig, rig
from tests.chaos.run import Run
from tests.support.provider.room import Person
from tests.support.provider.server import Behaviour, FaultServer, ProviderRequest, Reply, Status
from worker.work import Work

SYSTEM_KEY = "sk-system-canary-000000000000"
AT_ONCE = 50
PEOPLE = 8
"""Of each kind."""


@dataclass
class Ledger:
    """Who asked for which turn in which market, and what the provider saw of it."""

    rig: Rig
    provider: FaultServer
    chance: random.Random
    turns: dict[UUID, tuple[Kind, int, Market]] = field(default_factory=dict)
    tempted: int = 0
    """Turns of guests whose character has a model that may cost."""
    ends: Counter[str] = field(default_factory=Counter)

    def mood(self, asked: ProviderRequest) -> Behaviour:
        """Mostly an answer; else one of the refusals that lead on to another model."""
        if asked.key.startswith("sk-own-losing"):
            return Status(401, "User not found")
        if self.chance.random() < 0.25:
            moods: list[Behaviour] = [
                Status(404, "no such model"),
                Status(429, "slow", retry_after="1"),
                Status(402, "Insufficient credits", retry_after="1"),
                Status(503, "overloaded", retry_after="0"),
                Reply(""),
            ]
            return self.chance.choice(moods)
        return Reply(f"Answer {len(self.provider.journal)} to {asked.call}, in words not used before.")


async def spend(run: Run, settings: Settings | None = None) -> None:
    """SPEND: random configurations as whole turns. No guest reaches a model that may cost, no key pays for another person's turn."""
    async with rig(settings) as made, FaultServer.running() as provider:
        book = Ledger(made, provider, random.Random(20_260_301))
        provider.decide = book.mood
        await _people(made)
        async for first in run.each(AT_ONCE):
            await _stretch(book, first // AT_ONCE, min(AT_ONCE, run.wanted - first))
        await made.judge(run)
        await _judge(run, book)


def own_key(user: int, kind: Kind) -> str:
    return f"sk-own-{kind}-{user:012d}"


def user_of(kind: Kind, number: int) -> int:
    """Every kind has its people; there is one owner and one operator."""
    if kind in {"owner", "operator"}:
        return market.OWNER if kind == "owner" else 2
    return 1000 * (1 + sorted(set(KINDS)).index(kind)) + number % PEOPLE


async def _people(made: Rig) -> None:
    """Keys that are good, that the provider did not take, that are gone again, and that it will not take."""
    for kind in ("keyed", "refused", "removed", "losing"):
        for number in range(PEOPLE):
            user = user_of(kind, number)
            key_id = await keys.add(made.log, user, "local", own_key(user, kind))
            if kind == "refused":
                event = KeyTested(key_id=key_id, user_id=user, provider="local", accepted=False, category="authentication")
                await Person(made.log).tell(event, f"keys:{user}")
            if kind == "removed":
                await made.settled()
                async with made.log.pool.connection() as connection:
                    [key] = await keys.browse(connection, user)
                await keys.remove(made.log, key, person(user))


async def _stretch(book: Ledger, number: int, count: int) -> None:
    """One market, `count` turns of which each has a configuration and a person of its own, all at once."""
    made, chance = book.rig, book.chance
    here = market.market(chance, number)
    await made.log.append(*market.opening(here, GENEROUS))
    work = made.work(book.provider.address, None if here.keyless else SYSTEM_KEY, owner_ids=(market.OWNER,))
    drawn = [market.configuration(chance, list(here.prices)) for _ in range(count)]
    await made.log.append(*(event for _, _, events in drawn for event in events))
    await made.settled()
    await asyncio.gather(*(_turn(book, work, here, AT_ONCE * number + n, drawn[n][0], drawn[n][1]) for n in range(count)))


async def _turn(book: Ledger, work: Work, here: Market, number: int, character: UUID, models: tuple[str, ...]) -> None:
    kind = book.chance.choice(KINDS)
    venue: Venue = "playground" if kind == "operator" else "discord"
    guild = book.chance.choice([None, 71, 72])
    user = user_of(kind, number)
    person = Person(book.rig.log, user=user, channel=90_000 + number, guild=guild, venue=venue)
    turn = await book.rig.say(person, "Say something, whatever it costs", character)
    book.turns[turn] = (kind, user, here)
    book.tempted += kind in _GUESTS and not all(map(here.surely_free, models))
    end = await book.rig.answered(work, turn)
    book.ends[end.category if isinstance(end, TurnFailed) else "answered" if isinstance(end, TurnCompleted) else end.why] += 1


_GUESTS: frozenset[Kind] = frozenset({"guest", "refused", "removed", "losing"})


def wrong(asked: ProviderRequest, kind: Kind, user: int, here: Market) -> str | None:
    """What this request should not have been, by a rule of its own; None when it is all right."""
    if asked.body.get("models") is not None:
        return f"{asked.model} was sent with other models beside it"
    if asked.key == SYSTEM_KEY:
        if kind == "keyed":
            return f"the operator paid {asked.model} for somebody with a key"
        if kind in _GUESTS and not here.guests_may_spend and not here.surely_free(asked.model):
            return f"a {kind} person reached {asked.model}, {here.prices.get(asked.model)}, on the operator's account"
        return None if not here.keyless else "a key was sent that is not configured"
    if asked.key:
        mine = kind in {"keyed", "losing"} and asked.key == own_key(user, kind)
        return None if mine else f"a {kind} person's call went with a key that is not theirs to use"
    return None if here.keyless else f"{asked.model} was asked without any key"


async def _judge(run: Run, book: Ledger) -> None:
    journal = [(asked, *book.turns[UUID(asked.call)]) for asked in book.provider.journal]
    run.broken += [found for entry in journal if (found := wrong(*entry)) is not None]
    authorized = Counter[tuple[str, str]]()
    async for recorded in book.rig.log.read(Query(types=frozenset({"quota.spend_authorized"}))):
        assert isinstance(recorded.event, SpendAuthorized)
        authorized[str(recorded.event.turn_id), recorded.event.model] += 1
    run.expect(authorized == Counter((asked.call, asked.model) for asked, *_ in journal), "calls and permits are not the same")
    guests = [asked for asked, kind, _, here in journal if kind in _GUESTS and asked.key == SYSTEM_KEY and not here.guests_may_spend]
    run.figures |= {
        "provider_calls": len(journal),
        "calls_of_guests_on_the_operator": len(guests),
        "guest_turns_with_a_model_that_may_cost": book.tempted,
        "calls_with_an_own_key": sum(asked.key.startswith("sk-own-") for asked, *_ in journal),
        "models_reached": len({asked.model for asked, *_ in journal}),
        "turns_by_person": dict(Counter(kind for kind, _, _ in book.turns.values())),
        "ends": dict(book.ends),
    }
    run.expect(len(guests) * 16 > run.trials and book.tempted * 8 > run.trials, "too few guests were tempted for this to mean anything")
