"""People who try to make others pay: by asking too often, by writing too much, by being many."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from engine import seed
from engine.clock import monotonic
from engine.events.message import Attachment, MessageReceived
from engine.events.model import ModelOverridden
from engine.events.quota import BudgetSet, LimitsChanged, SpendAuthorized
from engine.store import Log, Query, open_log
from engine.vault import MasterKey
from projections.follow import runner
from projections.models import keys
from projections.registry import ALL
from tests.chaos.run import Run, percentile
from tests.support import folds, oracle
from tests.support.provider.room import Person
from tests.support.provider.server import Behaviour, FaultServer, ProviderRequest, Reply
from tests.support.system import MASTER_KEY, Shape, running, until

CHARACTER = seed.samples()[0].character_id
SYSTEM_KEY = "sk-system-canary-000000000000"
LIMITS = LimitsChanged(user_per_minute=20, guild_per_minute=100, free_daily=100_000)
PER_MINUTE = 500
LONGEST = 100_000
IMAGES = 50
OTHERS = 8
OTHERS_PAUSE_S = 4.0
CAP_CHARACTERS = 20_000
"""What one message may bring into a prompt: 16,000 characters and what surrounds them."""
COST, BUDGET = 0.01, 0.055
FLOODER, SPENDER, HOME, RAIDED = 31, 32, 71, 72
SLOWER = 1.2


class Flooder(Person):
    """Says far too much at once."""

    def message(self, text: str) -> MessageReceived:
        pictures = tuple(Attachment(kind="image", name=f"{n}.png", url=f"https://example.org/{n}.png") for n in range(IMAGES))
        said = Person.message(self, (text + " ").ljust(LONGEST, "x"))
        return said.model_copy(update={"attachments": pictures})


@dataclass
class Attack:
    """Who said what, and what the provider saw of it."""

    log: Log
    provider: FaultServer
    quiet: list[UUID] = field(default_factory=list)
    pressed: list[UUID] = field(default_factory=list)
    hostile: list[UUID] = field(default_factory=list)

    def answer(self, asked: ProviderRequest) -> Behaviour:
        """Half a second in all, and a price."""
        usage = {"prompt_tokens": 100, "completion_tokens": 10, "cost": COST}
        return Reply(f"Answer {len(self.provider.journal)} to {asked.call}, unlike any before.", before=0.3, usage=usage)


async def r36(run: Run) -> None:
    """R36: 500 messages a minute of 100,000 characters and 50 pictures by one person, a budget under fire, a raid. A trial is one wave.

    `--events` is how many seconds a wave lasts; before each the others talk for as long alone, which their times are held against.
    """
    wave = float(run.events or 15)
    async with FaultServer.running() as provider:
        shape = Shape(
            ("projections", "worker", "worker2"), discord=False, provider=provider.address, settings={"PROVIDER_API_KEY": SYSTEM_KEY}
        )
        async with running(shape) as tzurot, open_log(tzurot.dsn, MasterKey.of(bytes.fromhex(MASTER_KEY))) as log:
            attack = Attack(log, provider)
            provider.decide = attack.answer
            await _set_up(log)
            await _warm(attack)
            async for _ in run.each():
                await _others(attack, wave, attack.quiet)
                await asyncio.gather(_others(attack, wave, attack.pressed), _flood(attack, wave), _spend(attack, wave))
                await _ended(attack)
            await _raid(attack, wave)
            await _ended(attack)
            await _judge(run, attack)


async def _set_up(log: Log) -> None:
    """Everybody but the flooder has a key; the spender's has a budget of five and a half calls."""
    operator = Person(log)
    await operator.tell(LIMITS, "limits")
    await operator.preset("a/paid", max_tokens=100)
    await operator.preset("kind/model:free", free=True, max_tokens=100)
    await operator.tell(ModelOverridden(model="a/paid", price_in=0.0, price_out=COST / 100, set_by=1), "model:a/paid")
    for user in (*range(100, 100 + OTHERS), *range(200, 240)):
        await keys.add(log, user, "local", f"sk-own-{user:012d}")
    spender = await keys.add(log, SPENDER, "local", f"sk-own-{SPENDER:012d}")
    await operator.tell(BudgetSet(scope=f"key:{spender}", daily=BUDGET, set_by=1), "budgets")
    assert await runner.wait_for(log.pool, [projection.name for projection in ALL], await log.head(), seconds=60)


async def _warm(attack: Attack) -> None:
    for n in range(16):
        await Person(attack.log, user=3000 + n, channel=3000 + n).say("Good morning", CHARACTER)
    await until(lambda: _pending(attack.log), 60.0, "a warm start")


async def _others(attack: Attack, seconds: float, said: list[UUID]) -> None:
    """Each says something now and then, evenly spread."""
    end, number = monotonic() + seconds, 0
    while monotonic() < end:
        user = 100 + number % OTHERS
        person = Person(attack.log, user=user, channel=user, guild=HOME, venue="discord")
        said += await person.say(f"And number {number}?", CHARACTER)
        number += 1
        await asyncio.sleep(OTHERS_PAUSE_S / OTHERS)


async def _flood(attack: Attack, seconds: float) -> None:
    end, number = monotonic() + seconds, 0
    while monotonic() < end:
        person = Flooder(attack.log, user=FLOODER, channel=10_000 + number % 10, guild=HOME, venue="discord")
        attack.hostile += await person.say(f"Flood {number}", CHARACTER)
        number += 1
        await asyncio.sleep(60.0 / PER_MINUTE)


async def _spend(attack: Attack, seconds: float) -> None:
    end, number = monotonic() + seconds, 0
    while monotonic() < end:
        person = Person(attack.log, user=SPENDER, channel=11_000 + number % 10, guild=HOME, venue="discord")
        attack.hostile += await person.say(f"Spend {number}", CHARACTER)
        number += 1
        await asyncio.sleep(1.0)


async def _raid(attack: Attack, seconds: float) -> None:
    """Forty people with keys of their own in one server, all at once and again."""
    end = monotonic() + seconds
    while monotonic() < end:
        people = [Person(attack.log, user=200 + n, channel=12_000 + n, guild=RAIDED, venue="discord") for n in range(40)]
        for turns in await asyncio.gather(*(person.say("Raid", CHARACTER) for person in people)):
            attack.hostile += turns
        await asyncio.sleep(3.0)


async def _ended(attack: Attack) -> None:
    await until(lambda: _pending(attack.log), 120.0, "every turn's end")


async def _pending(log: Log) -> bool:
    async with log.pool.connection() as connection:
        row = await (
            await connection.execute(
                "SELECT (SELECT count(*) FROM turns.turns WHERE status = 'pending'),"
                " (SELECT count(*) FROM projections WHERE role = 'live' AND position < (SELECT position FROM log_head))"
            )
        ).fetchone()
    return row == (0, 0)


async def _judge(run: Run, attack: Attack) -> None:
    rows = await oracle.events(attack.log.dsn)
    found = {"I2": oracle.contiguous(rows), "I3": oracle.one_end(rows, 120.0), "I6": await folds.differences(attack.log.dsn)}
    run.verdict = oracle.Verdict(found)
    permits = [r async for r in attack.log.read(Query(types=frozenset({"quota.spend_authorized"})))]
    times = [(r.row.occurred_at.timestamp(), r.event) for r in permits if isinstance(r.event, SpendAuthorized)]
    run.expect(len(permits) == len(attack.provider.journal), f"{len(attack.provider.journal)} calls for {len(permits)} permits")
    flood = [at for at, event in times if event.user_id == FLOODER]
    raid = [at for at, event in times if event.guild_id == RAIDED]
    spent = sum(event.user_id == SPENDER for _, event in times)
    run.expect(within(flood, LIMITS.user_per_minute), f"{len(flood)} calls of one person")
    run.expect(within(raid, LIMITS.guild_per_minute), f"{len(raid)} calls of one server")
    run.expect(spent == int(BUDGET / COST), f"{spent} calls where the budget was for {int(BUDGET / COST)}")
    # Behind the message stand memories, which are bounded by themselves.
    longest = max(asked.body["messages"][-1]["content"].rfind("</message>") for asked in attack.provider.journal)
    run.expect(0 < longest <= CAP_CHARACTERS, f"{longest} characters of one message in a prompt")
    quiet, pressed = _took(rows, attack.quiet), _took(rows, attack.pressed)
    alone, beside = percentile(quiet, 95) or 0.0, percentile(pressed, 95) or 0.0
    run.in_time(beside <= SLOWER * alone, f"the others' p95 went from {alone} to {beside} s")
    run.figures |= {
        "hostile_messages": len(attack.hostile),
        "calls": {"flood": len(flood), "raid": len(raid), "budget": spent},
        "longest_message_in_a_prompt": longest,
        "others_p50_s": [percentile(quiet, 50), percentile(pressed, 50)],
        "others_p95_s": [alone, beside],
        "others_turns": [len(quiet), len(pressed)],
    }


def within(times: Sequence[float], per_minute: int) -> bool:
    """Whether no stretch of time saw more calls than a full bucket and what flowed into it meanwhile."""
    return all(
        last - first + 1 <= per_minute * (1 + (times[last] - times[first] + 0.001) / 60)
        for first in range(len(times))
        for last in range(first, len(times))
    )


def _took(rows: Sequence[oracle.Row], turns: Sequence[UUID]) -> list[float]:
    """Seconds from a turn's request to its answer, as the log has them."""
    asked = {row.turn: row.seconds for row in rows if row.type == "turn.requested"}
    ended = {row.turn: row.seconds for row in rows if row.type == "turn.completed"}
    return sorted(ended[turn] - asked[turn] for turn in turns if turn in ended)
