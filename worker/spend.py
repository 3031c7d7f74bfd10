"""Asking for the right to make a call: reads what the rule needs, applies it, and records the permit under the limits' locks."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from uuid import UUID

from engine import clock, ids, log
from engine.bus.reference import Reference
from engine.decide.spending import quota as quota_rules
from engine.decide.spending.spend import (
    KEYLESS,
    SYSTEM,
    Block,
    DayTotals,
    OwnKey,
    Permit,
    Refusal,
    SpendRequest,
    SpendState,
    authorize_spend,
)
from engine.decide.spending.turn_model import Model
from engine.errors import Conflict, StoreError
from engine.events import Event, Tags
from engine.events.build import Cause, new
from engine.events.key import KeyTested
from engine.events.quota import BlockLifted, GuildCharged, PayerCharged, QuotaHit, SpendAuthorized, SpendSettled
from engine.fault import Category, Fault
from engine.store import Appended, NewEvent, connect
from engine.store.connect import Connection
from projections.follow import runner
from projections.models import keys, quota
from projections.models.keys import Key
from projections.models.quota import Today
from projections.models.turns import Turn
from worker.providers.chat import Endpoint
from worker.work import LEARNED, Work

CONSOLE = 1
"""User id of whoever sits at the console; 0 is the command line's and nobody's."""
PATIENCE_SECONDS = 20.0
SEEN_LATELY = timedelta(seconds=1)
_log = log.get("spend")


class Contended(StoreError):
    """The limits changed under every try: their read model is late."""


@dataclass(frozen=True, slots=True)
class Payer:
    """Who asks, and what is known about whom it would cost. Read once per turn.

    `decided` is called as soon as it is clear whether the turn's first call may be made. `seen`: what was read of the limits together
    with all else; good for a first call, if nobody else of the same limits was waited for. Other calls read it anew.
    """

    user_id: int
    guild_id: int | None
    trusted: bool
    own_key: OwnKey | None
    turn_id: UUID | None = None
    decided: Callable[[], None] = lambda: None
    seen: Today | None = None


@dataclass(frozen=True, slots=True)
class Allowed:
    """A permit, where it holds, and what it may cost."""

    permit: Permit
    call_id: UUID
    endpoint: Endpoint = field(repr=False)
    estimate: float | None = None
    day: str = ""


def payer(work: Work, turn: Turn, key: Key | None, decided: Callable[[], None] = lambda: None, seen: Today | None = None) -> Payer:
    """Who pays for this turn's calls. `key` is the person's own for this provider."""
    return Payer(turn.user_id, turn.guild, trusted(work, turn), _own(key), turn.turn, decided, seen)


def _own(key: Key | None) -> OwnKey | None:
    return OwnKey(key.key_id, key.usable) if key else None


def scopes_of(own_key: OwnKey | None) -> list[str]:
    """Whose spending a decision looks at besides the person's own."""
    return [SYSTEM, KEYLESS, *([own_key.scope] if own_key else [])]


async def today(connection: Connection, turn: Turn, key: Key | None) -> Today:
    """What the limits of a turn's calls are now, by a connection that looks at one moment."""
    return await quota.today(connection, clock.now(), turn.user_id, turn.guild, scopes_of(_own(key)))


def payer_of_job(work: Work, asked_by: int, key: Key | None) -> Payer:
    """Who pays for a job's calls: whoever asked for it, as for a reply; the operator where nobody did or the operator asked."""
    owner = asked_by <= CONSOLE or asked_by in work.settings.owner_ids
    return Payer(asked_by, None, owner, _own(key))


def trusted(work: Work, turn: Turn) -> bool:
    """Whether the operator's key may pay for anything here: for an owner, and for whoever sits at the console."""
    return turn.venue == "playground" or turn.user_id in work.settings.owner_ids


async def spend_state(work: Work, who: Payer, now: datetime, seen: Today | None = None) -> tuple[SpendState, Today]:
    """What the rule decides on, and the versions that lock it. `seen` is taken if it is of this second and day: the versions hold it."""
    if seen is not None and now - seen.at < SEEN_LATELY and now.date() == seen.at.date():
        today = seen
    else:
        async with work.log.pool.connection() as connection:
            today = await quota.today(connection, now, who.user_id, who.guild_id, scopes_of(who.own_key))
    user = f"user:{who.user_id}"
    return (
        SpendState(
            keyless=work.endpoint.api_key is None,
            system_key=work.endpoint.api_key is not None,
            own_key=who.own_key,
            limits=today.limits,
            blocked=today.blocked | work.breaker.blocks(now),
            budgets=today.budgets,
            user=today.spent.get(user, DayTotals()),
            payers=today.spent,
            user_bucket=today.buckets.get(user),
            guild_bucket=today.buckets.get(f"guild:{who.guild_id}"),
            guests_today=today.guests,
        ),
        today,
    )


async def authorize(
    work: Work, who: Payer, model: Model, call_id: UUID, *, estimate: float | None, purpose: str = "reply", also: Sequence[NewEvent] = ()
) -> Allowed | Refusal:
    """The permit for one call, recorded together with `also`, or why not. Raises Contended, StoreError, NoSuchKey."""
    entered: list[str] = []
    try:
        if await _enter(work, entered, f"user:{who.user_id}"):
            who = replace(who, seen=None)
        found = await _authorize(work, who, model, call_id, estimate, purpose, also, entered)
        if isinstance(found, Refusal):
            work.breaker.refused(found, clock.now())
        who.decided()
    except BaseException:
        _leave(work, entered)
        raise
    if isinstance(found, Refusal):
        _leave(work, entered)
        return found
    allowed, position = found
    # The next one under the same limit may decide once the read model knows of this call; this one need not wait for that.
    task = asyncio.create_task(_leave_when_known(work, entered, position))
    _leaving.add(task)
    task.add_done_callback(_leaving.discard)
    return allowed


_leaving: set[asyncio.Task[None]] = set()


def unsettled() -> "set[asyncio.Task[None]]":
    """Calls whose permits the limits' read model does not know yet: to be waited for before the log is closed."""
    return set(_leaving)


async def _enter(work: Work, entered: list[str], name: str) -> bool:
    """Whether others were there first, so that what was read before is old."""
    waited = await work.queues.enter(name)
    entered.append(name)
    return waited


def _leave(work: Work, entered: list[str]) -> None:
    for name in entered:
        work.queues.leave(name)


async def _leave_when_known(work: Work, entered: list[str], position: int) -> None:
    try:
        await runner.wait_for(work.log.pool, ("quota",), position, seconds=PATIENCE_SECONDS)
    except connect.TROUBLE as error:
        _log.warning("limits not seen", error=type(error).__name__)
    finally:
        _leave(work, entered)


async def _authorize(
    work: Work,
    who: Payer,
    model: Model,
    call_id: UUID,
    estimate: float | None,
    purpose: str,
    also: Sequence[NewEvent],
    entered: list[str],
) -> tuple[Allowed, int] | Refusal:
    deadline = clock.monotonic() + PATIENCE_SECONDS
    while True:
        now = clock.now()
        state, today = await spend_state(work, who, now, who.seen)
        who = replace(who, seen=None)
        decision = authorize_spend(SpendRequest(who.user_id, who.guild_id, who.trusted, model, now, estimate), state)
        if isinstance(decision, Refusal):
            return decision
        if decision.probe:  # others are refused meanwhile
            work.breaker.block(decision.scope, decision.model, Block(now + LEARNED, Category.QUOTA_EXCEEDED), now)
        if decision.locks_payer and decision.scope not in entered and await _enter(work, entered, decision.scope):
            _unprobed(work, decision)
            continue
        allowed = Allowed(decision, call_id, await _endpoint(work, decision), estimate, now.strftime("%Y-%m-%d"))
        try:
            appended = await _append(work, who, allowed, today, [*_record(who, allowed, today, purpose, now), *also])
        except Conflict:
            _unprobed(work, decision)
            # Another process' call under the same limit came first, or the read model has not digested the last one.
            if clock.monotonic() > deadline:
                raise Contended("the limits' read model is late") from None
            await runner.wait_for(work.log.pool, ("quota",), await work.log.head(), seconds=1.0)
            continue
        if appended.repeated:
            raise Contended("another worker makes this very call")
        return allowed, appended.positions[0]


def _unprobed(work: Work, permit: Permit) -> None:
    """A permit to try a block was not used."""
    if permit.probe:
        work.breaker.unblock(permit.scope, permit.model)


async def succeeded(work: Work, allowed: Allowed) -> None:
    """Learn from a call that got an answer: where a block was tried, it is over. The answer does not wait for Postgres to be back."""
    permit = allowed.permit
    if not permit.probe:
        return
    work.breaker.unblock(permit.scope, permit.model)
    event = BlockLifted(scope=permit.scope, model=permit.model, call_id=allowed.call_id)
    with suppress(*connect.AWAY):
        await work.log.append(new(event, ids.derived("block-lifted", allowed.call_id)))


async def lifted(work: Work, reference: Reference) -> None:
    """Somebody lifted a block: what this process learned of it a moment ago holds no more."""
    recorded = await work.log.find(reference.id)
    if recorded is not None and isinstance(event := recorded.event, BlockLifted):
        work.breaker.unblock(event.scope, event.model)


async def _append(work: Work, who: Payer, allowed: Allowed, today: Today, events: Sequence[NewEvent]) -> Appended:
    """Store a permit. Raises Conflict when it does not hold any more.

    Other people of a busy server need not be waited for: it is enough that not more of them came in between than there was room for.
    """
    spare = allowed.permit.spare_in_guild
    if spare is None or who.guild_id is None:
        return await work.log.append(*events)
    guild = f"guild:{who.guild_id}"
    stream, seen = f"spend:{guild}:{allowed.day}", today.versions.get(guild, 0)
    counted = GuildCharged(call_id=allowed.call_id, guild_id=who.guild_id, day=allowed.day)
    await work.queues.enter(guild)
    try:
        while (version := await work.log.version(stream)) - seen <= spare:
            charged = _new(who, counted, ids.derived("charge-guild", allowed.call_id), events[0].occurred_at, version)
            try:
                return await work.log.append(events[0], charged, *events[1:])
            except Conflict as conflict:
                if conflict.stream != stream:
                    raise
        raise Conflict(f"{version - seen} others of {guild} came first", stream)
    finally:
        work.queues.leave(guild)


async def _endpoint(work: Work, permit: Permit) -> Endpoint:
    if permit.key_id is None:
        return work.endpoint
    async with work.log.pool.connection() as connection:
        secret = await keys.reveal(connection, work.log.vault, permit.key_id)
    return Endpoint(work.endpoint.name, work.endpoint.base_url, secret)


def _record(who: Payer, allowed: Allowed, today: Today, purpose: str, now: datetime) -> list[NewEvent]:
    permit, user = allowed.permit, f"user:{who.user_id}"
    authorized = SpendAuthorized(
        call_id=allowed.call_id,
        turn_id=who.turn_id,
        user_id=who.user_id,
        guild_id=who.guild_id,
        scope=permit.scope,
        model=permit.model,
        purpose=purpose,
        free=permit.free,
        guest=permit.guest,
        estimate=0.0 if permit.free else allowed.estimate,
        day=allowed.day,
    )
    events = [_new(who, authorized, ids.derived("spend", allowed.call_id), now, today.versions.get(user, 0))]
    if permit.locks_payer:
        charged = PayerCharged(call_id=allowed.call_id, scope=permit.scope, day=allowed.day, free=permit.free, estimate=authorized.estimate)
        events.append(_new(who, charged, ids.derived("charge", allowed.call_id), now, today.versions.get(permit.scope, 0)))
    return events


def _new(who: Payer, event: Event, event_id: UUID, now: datetime | None = None, expect: int | None = None) -> NewEvent:
    cause = Cause(who.turn_id, tags=Tags(guild=who.guild_id, user=who.user_id, turn=who.turn_id))
    return new(event, event_id, cause=cause, occurred_at=now, expect=expect)


def settled(who: Payer, allowed: Allowed, cost: float | None) -> NewEvent:
    """The record of what a call did cost, to be appended with the turn's end."""
    event = SpendSettled(
        call_id=allowed.call_id,
        user_id=who.user_id,
        scope=allowed.permit.scope,
        day=allowed.day,
        cost=0.0 if allowed.permit.free and cost is None else cost,
        estimate=0.0 if allowed.permit.free else allowed.estimate,
    )
    return _new(who, event, ids.derived("settled", allowed.call_id))


async def failed(work: Work, who: Payer, allowed: Allowed, fault: Fault) -> None:
    """Learn from a failed call: a quota that is used up, a key that is refused. Exactly one QuotaHit per answer that said so."""
    now, permit = clock.now(), allowed.permit
    if (reset := quota_rules.reset_of(fault, now)) is not None:
        work.breaker.block(permit.scope, permit.model, Block(reset, fault.category), now)
        event = QuotaHit.model_validate(
            {
                "call_id": allowed.call_id,
                "turn_id": who.turn_id,
                "user_id": who.user_id,
                "scope": permit.scope,
                "model": permit.model,
                "provider": allowed.endpoint.name,
                "category": fault.category.value,
                "status": fault.status,
                "reset_ms": quota_rules.to_milliseconds(reset),
                "told_by_provider": fault.retry_after is not None,
            }
        )
        await work.log.append(_new(who, event, ids.derived("quota-hit", allowed.call_id)))
    elif fault.category is Category.AUTHENTICATION and permit.key_id is not None:
        tested = KeyTested(
            key_id=permit.key_id, user_id=who.user_id, provider=allowed.endpoint.name, accepted=False, category=fault.category.value
        )
        await work.log.append(_new(who, tested, ids.derived("key-refused", allowed.call_id)))
