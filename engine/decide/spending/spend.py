"""Who may spend what on which model. `authorize_spend` is the only door to a call: nothing else can make a Permit. Pure."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

from engine.decide.spending.turn_model import Model
from engine.events.quota import LimitsChanged
from engine.fault import Category

KEYLESS = "keyless"
SYSTEM = "system"
DEFAULT_LIMITS = LimitsChanged()
_SEAL = object()


@dataclass(frozen=True, slots=True)
class Bucket:
    """Calls that may still be made now, of a bucket that refills evenly up to its size (token bucket, RFC 2697 with one colour)."""

    tokens: float
    at: datetime

    def level(self, now: datetime, per_minute: int) -> float:
        """Tokens at a later moment. Time never runs backwards here."""
        seconds = max((now - self.at).total_seconds(), 0.0)
        return min(self.tokens + seconds * per_minute / 60.0, float(per_minute))

    def taken(self, now: datetime, per_minute: int) -> "Bucket":
        return Bucket(self.level(now, per_minute) - 1.0, max(now, self.at))


@dataclass(frozen=True, slots=True)
class DayTotals:
    """Calls and US dollars of a scope or person today: settled ones by what they did cost, open ones by their estimate."""

    calls: int = 0
    free_calls: int = 0
    dollars: float = 0.0


@dataclass(frozen=True, slots=True)
class OwnKey:
    """A person's own key, if it can be used."""

    id: UUID
    usable: bool = True

    @property
    def scope(self) -> str:
        return f"key:{self.id}"


@dataclass(frozen=True, slots=True)
class SpendRequest:
    """A call somebody wants to make. `trusted`: an owner, or the operator in the playground. `estimate` in US dollars at most."""

    user_id: int
    guild_id: int | None
    trusted: bool
    model: Model
    now: datetime
    estimate: float | None = None


@dataclass(frozen=True, slots=True)
class SpendState:
    """Everything the decision depends on, as the read models have it."""

    keyless: bool = False
    system_key: bool = False
    own_key: OwnKey | None = None
    limits: LimitsChanged = DEFAULT_LIMITS
    blocked: Mapping[tuple[str, str], "Block"] = field(default_factory=dict)
    budgets: Mapping[str, float] = field(default_factory=dict)
    user: DayTotals = DayTotals()
    payers: Mapping[str, DayTotals] = field(default_factory=dict)
    user_bucket: Bucket | None = None
    guild_bucket: Bucket | None = None
    guests_today: int = 0


@dataclass(frozen=True, slots=True)
class Block:
    """A (scope, model) that nobody asks until a moment, and why."""

    until: datetime
    category: Category
    probe_from: datetime | None = None
    """From then on single calls may try whether it still holds; None where the provider itself said until when."""


@dataclass(frozen=True, slots=True)
class Permit:
    """The right to make one call. Only `authorize_spend` makes one.

    It holds while nobody else was allowed anything under the same limits meanwhile: the person's always, the payer's where
    `locks_payer` says so. In the server as many others as `spare_in_guild` may have been; None where that is not limited.
    """

    scope: str
    model: str
    key_id: UUID | None
    free: bool
    guest: bool
    locks_payer: bool
    spare_in_guild: int | None
    probe: bool
    """Tries whether a block still holds: one at a time."""
    seal: object = field(repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.seal is not _SEAL:
            raise TypeError("only authorize_spend hands out permits")


@dataclass(frozen=True, slots=True)
class Refusal:
    """No call. `until` is when asking again makes sense; `subject` names the limit, for telling a person once."""

    category: Category
    why: str
    subject: str
    until: datetime | None = None
    said: str = ""
    """A sentence for the person, where the category's own would not tell whose limit it is."""


def is_free(model: Model, limits: LimitsChanged) -> bool:
    """Whether a model costs nothing for certain. A price that is known beats a name, and not knowing is not free."""
    if model.known_to_cost:
        return False
    return model.costs_nothing or model.id.endswith(":free") or model.id in limits.free_models


def payer_of(asked: SpendRequest, standing: SpendState) -> tuple[str, UUID | None]:
    """(scope, key) that would pay: the person's own key, else nobody where nothing can be billed, else the operator's."""
    if standing.own_key is not None and standing.own_key.usable:
        return standing.own_key.scope, standing.own_key.id
    return (KEYLESS, None) if standing.keyless else (SYSTEM, None)


def authorize_spend(asked: SpendRequest, standing: SpendState) -> Permit | Refusal:
    """Whether this call may be made, and on whose account."""
    scope, key_id = payer_of(asked, standing)
    free = scope == KEYLESS or is_free(asked.model, standing.limits)
    guest = scope == SYSTEM and not asked.trusted and not standing.limits.guests_may_spend
    refusal = (
        _no_payer(scope, asked, standing)
        or _not_for_guests(guest, free, asked)
        or _blocked(scope, asked, standing)
        or _too_fast(scope, asked, standing)
        or (_free_tier(asked, standing) if guest else None)
        or (None if free else _over_budget(scope, asked, standing))
    )
    if refusal is not None:
        return refusal
    limited = guest or (not free and scope in standing.budgets)
    spare = _spare(scope, asked, standing)
    return Permit(
        scope,
        asked.model.id,
        key_id,
        free=free,
        guest=guest,
        locks_payer=limited,
        spare_in_guild=spare,
        probe=_block(scope, asked, standing) is not None,
        seal=_SEAL,
    )


def _no_payer(scope: str, asked: SpendRequest, standing: SpendState) -> Refusal | None:
    if scope == SYSTEM and not standing.system_key:
        return Refusal(Category.NOT_ALLOWED, "no key is configured", f"no-key:{asked.model.id}")
    return None


def _not_for_guests(guest: bool, free: bool, asked: SpendRequest) -> Refusal | None:
    if guest and not free:
        return Refusal(Category.NOT_ALLOWED, f"{asked.model.id} is not free, and this person has no key", f"guest:{asked.model.id}")
    return None


def _block(scope: str, asked: SpendRequest, standing: SpendState) -> Block | None:
    block = standing.blocked.get((scope, asked.model.id))
    return None if block is None or block.until <= asked.now else block


def _blocked(scope: str, asked: SpendRequest, standing: SpendState) -> Refusal | None:
    block = _block(scope, asked, standing)
    if block is None or (block.probe_from is not None and block.probe_from <= asked.now):
        return None
    return Refusal(block.category, f"{asked.model.id} is left alone for {scope}", f"block:{scope}:{asked.model.id}", block.until)


def _paced(scope: str, asked: SpendRequest) -> bool:
    """Whether calls a minute are limited: not where it is nobody's money, or the operator's own."""
    return scope != KEYLESS and not asked.trusted


def _spare(scope: str, asked: SpendRequest, standing: SpendState) -> int | None:
    """How many calls of the server that this decision has not seen leave it right: a bucket only loses a token to a call."""
    if not _paced(scope, asked) or asked.guild_id is None:
        return None
    rate, bucket = standing.limits.guild_per_minute, standing.guild_bucket
    return math.floor(bucket.level(asked.now, rate) if bucket is not None else rate) - 1


def _too_fast(scope: str, asked: SpendRequest, standing: SpendState) -> Refusal | None:
    if not _paced(scope, asked):
        return None
    for name, whose, bucket, rate in (
        (f"user:{asked.user_id}", "Your own", standing.user_bucket, standing.limits.user_per_minute),
        (f"guild:{asked.guild_id}", "This server's", standing.guild_bucket, standing.limits.guild_per_minute),
    ):
        if bucket is not None and (level := bucket.level(asked.now, rate)) < 1.0:
            wait = timedelta(seconds=math.ceil((1.0 - level) * 60.0 / rate))
            said = f"{whose} limit of {rate} answers a minute is reached. Try again in {max(wait.seconds, 1)} s."
            return Refusal(Category.RATE_LIMIT, f"more than {rate} calls a minute", f"rate:{name}", asked.now + wait, said)
    return None


def _free_tier(asked: SpendRequest, standing: SpendState) -> Refusal | None:
    share = fair_share(standing.limits, standing.guests_today + (standing.user.free_calls == 0))
    total = standing.payers.get(SYSTEM, DayTotals()).free_calls
    if total >= standing.limits.free_daily or standing.user.free_calls >= share:
        return Refusal(Category.FREE_LIMIT, f"today's free share of {share} is used up", "free-tier", midnight_after(asked.now))
    return None


def fair_share(limits: LimitsChanged, guests: int) -> int:
    """Free calls one guest may make today when so many guests are about: an even part, but not less than the minimum."""
    return min(max(limits.free_daily // max(guests, 1), limits.free_minimum), limits.free_daily)


def _over_budget(scope: str, asked: SpendRequest, standing: SpendState) -> Refusal | None:
    for name, spent in ((scope, standing.payers.get(scope, DayTotals())), (f"user:{asked.user_id}", standing.user)):
        budget = standing.budgets.get(name)
        if budget is not None and (spent.dollars >= budget or spent.dollars + (asked.estimate or 0.0) > budget):
            return Refusal(Category.BUDGET, f"the daily budget of {name} is reached", f"budget:{name}", midnight_after(asked.now))
    return None


def midnight_after(now: datetime) -> datetime:
    """The next midnight in UTC: when daily limits start anew."""
    return datetime(now.year, now.month, now.day, tzinfo=UTC) + timedelta(days=1)


def candidates(preset_models: Sequence[str], free_default: Sequence[str], *, hops: int = 2) -> tuple[str, ...]:
    """The models to try for a turn, in order, without repeats: the preset's, then the free preset's; at most `hops` after the first."""
    return tuple(dict.fromkeys([*preset_models, *free_default]))[: hops + 1]
