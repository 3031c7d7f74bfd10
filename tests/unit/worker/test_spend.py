"""Who may spend what: pure, and over configurations nobody would think of."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from engine.decide.spending.quota import Hit, blocks, counts, reset_of
from engine.decide.spending.spend import (
    KEYLESS,
    SYSTEM,
    Block,
    Bucket,
    DayTotals,
    OwnKey,
    Permit,
    Refusal,
    SpendRequest,
    SpendState,
    authorize_spend,
    fair_share,
    is_free,
    midnight_after,
)
from engine.decide.spending.turn_model import Known, resolve
from engine.events.quota import LimitsChanged
from engine.fault import QUOTA, Category, Fault
from tests.support.examples import examples

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
_NAMES = ("a/paid", "a/b:free", "google/gemma-3-27b-it:free", "openrouter/auto", "listed/free", "x:free:extended")
_PRICES = (None, 0.0, 1e-6)
NAMES = st.sampled_from(_NAMES)
MODELS = st.sampled_from([resolve(name, Known(price_in=i, price_out=o)) for name in _NAMES for i in _PRICES for o in _PRICES])
MONEY = st.floats(0, 10)
SPENT = st.builds(DayTotals, calls=st.integers(0, 100), free_calls=st.integers(0, 100), dollars=MONEY)
BUCKETS = st.none() | st.builds(Bucket, tokens=st.floats(0, 100), at=st.just(NOW))
LIMITS = st.builds(
    LimitsChanged,
    user_per_minute=st.integers(1, 50),
    free_daily=st.integers(0, 60),
    free_minimum=st.integers(0, 10),
    free_models=st.lists(NAMES, max_size=3).map(tuple),
)
OWN = st.none() | st.builds(OwnKey, id=st.just(UUID(int=3)), usable=st.booleans())
STANDINGS = st.builds(
    SpendState,
    keyless=st.booleans(),
    system_key=st.booleans(),
    own_key=OWN,
    limits=LIMITS,
    blocked=st.dictionaries(
        st.tuples(st.sampled_from([SYSTEM, KEYLESS]), NAMES),
        st.builds(
            Block,
            st.just(NOW + timedelta(hours=1)),
            st.sampled_from(sorted(QUOTA)),
            st.none() | st.timedeltas(timedelta(hours=-1), timedelta(hours=1)).map(lambda span: NOW + span),
        ),
    ),
    budgets=st.dictionaries(st.sampled_from([SYSTEM, "user:1", f"key:{UUID(int=3)}"]), MONEY, max_size=3),
    user=SPENT,
    payers=st.dictionaries(st.sampled_from([SYSTEM, KEYLESS, f"key:{UUID(int=3)}"]), SPENT, max_size=3),
    user_bucket=BUCKETS,
    guild_bucket=BUCKETS,
    guests_today=st.integers(0, 30),
)
ASKED = st.builds(
    SpendRequest, user_id=st.just(1), guild_id=st.none(), trusted=st.booleans(), model=MODELS, now=st.just(NOW), estimate=st.none() | MONEY
)


@examples(200)
@given(ASKED, STANDINGS)
@example(SpendRequest(1, None, False, resolve("a/b:free", Known(price_in=1e-6, price_out=1e-6)), NOW), SpendState(system_key=True))
def test_a_guest_never_gets_a_permit_for_a_model_that_may_cost_anything(asked: SpendRequest, standing: SpendState) -> None:
    found = authorize_spend(asked, standing)
    usable_key = standing.own_key is not None and standing.own_key.usable
    guest = not usable_key and not asked.trusted and not standing.keyless
    if guest and isinstance(found, Permit):
        assert found.guest
        assert found.free
        assert not asked.model.known_to_cost
        assert asked.model.costs_nothing or asked.model.id.endswith(":free") or asked.model.id in standing.limits.free_models


@examples(120)
@given(ASKED, STANDINGS)
def test_no_permit_goes_past_a_block_a_budget_or_an_empty_bucket(asked: SpendRequest, standing: SpendState) -> None:
    found = authorize_spend(asked, standing)
    if isinstance(found, Refusal):
        return
    block = standing.blocked.get((found.scope, asked.model.id))
    assert found.probe == (block is not None)
    assert block is None or (block.probe_from is not None and block.probe_from <= NOW)
    for bucket, rate in (
        (standing.user_bucket, standing.limits.user_per_minute),
        (standing.guild_bucket, standing.limits.guild_per_minute),
    ):
        assert bucket is None or found.scope == KEYLESS or asked.trusted or bucket.level(NOW, rate) >= 1
    if not found.free:
        for name, spent in ((found.scope, standing.payers.get(found.scope, DayTotals())), ("user:1", standing.user)):
            assert spent.dollars + (asked.estimate or 0) <= standing.budgets.get(name, float("inf"))


@examples(80)
@given(ASKED, STANDINGS)
def test_a_usable_own_key_pays_before_anybody_elses(asked: SpendRequest, standing: SpendState) -> None:
    found = authorize_spend(asked, standing)
    if isinstance(found, Permit) and standing.own_key is not None and standing.own_key.usable:
        assert found.scope == standing.own_key.scope
        assert found.key_id == standing.own_key.id


def test_nobody_else_can_make_a_permit() -> None:
    with pytest.raises(TypeError):
        Permit(SYSTEM, "a/paid", None, free=True, guest=False, locks_payer=False, spare_in_guild=None, probe=False, seal=object())


def test_a_price_beats_a_name() -> None:
    assert not is_free(resolve("x/y:free", Known(price_in=1e-9, price_out=0.0)), LimitsChanged())
    assert is_free(resolve("x/y", Known(price_in=0.0, price_out=0.0)), LimitsChanged())
    assert not is_free(resolve("x/y"), LimitsChanged())


@given(LIMITS, st.integers(0, 1000))
def test_a_fair_share_is_never_more_than_the_day_and_shrinks_with_company(limits: LimitsChanged, guests: int) -> None:
    share = fair_share(limits, guests)
    assert 0 <= share <= limits.free_daily
    assert share >= fair_share(limits, guests + 1)


@given(st.integers(1, 100), st.lists(st.floats(0, 5), min_size=1, max_size=200))
def test_a_bucket_lets_no_more_through_than_its_rate_and_its_size(rate: int, pauses: list[float]) -> None:
    bucket, now, passed = Bucket(float(rate), NOW), NOW, 0
    for pause in pauses:
        now += timedelta(seconds=pause)
        if bucket.level(now, rate) >= 1:
            bucket, passed = bucket.taken(now, rate), passed + 1
    assert passed <= rate + (now - NOW).total_seconds() * rate / 60 + 1e-6


@given(st.sampled_from(sorted(Category)), st.none() | st.floats(0, 10**7))
def test_a_block_ends_within_a_day_and_only_quotas_block(category: Category, retry_after: float | None) -> None:
    reset = reset_of(Fault(category, retry_after=retry_after), NOW)
    assert (reset is not None) == (category in QUOTA)
    if reset is not None:
        assert NOW < reset <= NOW + timedelta(days=1)


HITS = st.lists(
    st.builds(
        Hit,
        scope=st.sampled_from(["system", "key:1"]),
        model=st.sampled_from(["a", "b"]),
        category=st.just(Category.RATE_LIMIT),
        at=st.integers(0, 10 * 86_400).map(lambda s: NOW - timedelta(seconds=s)),
        reset=st.integers(-1000, 1000).map(lambda s: NOW + timedelta(seconds=s)),
    ),
    max_size=30,
)


@examples(60)
@given(HITS)
def test_a_model_is_blocked_until_its_latest_reset(hits: list[Hit]) -> None:
    found = blocks(hits, NOW)
    for (scope, model), block in found.items():
        assert block.until == max(hit.reset for hit in hits if (hit.scope, hit.model) == (scope, model))
    assert all(hit.reset <= NOW or (hit.scope, hit.model) in found for hit in hits)


@examples(60)
@given(HITS)
def test_counts_grow_with_their_window(hits: list[Hit]) -> None:
    for of_model in counts(hits, NOW).values():
        assert of_model["1h"] <= of_model["24h"] <= of_model["7d"]


def test_days_end_at_midnight_utc() -> None:
    assert midnight_after(datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC)) == datetime(2027, 1, 1, tzinfo=UTC)


@examples(120)
@given(
    st.integers(1, 8),
    st.lists(st.tuples(st.floats(0, 40), st.integers(0, 12)), max_size=40),
)
def test_a_permit_from_an_old_view_never_overdraws_a_server(rate: int, asks: list[tuple[float, int]]) -> None:
    """Each asks some seconds after the one before, with a view that lacks the latest calls; it is granted if there was room for those."""
    views, now = [Bucket(float(rate), NOW)], NOW
    for seconds, lag in asks:
        now += timedelta(seconds=seconds)
        seen = views[-1 - min(lag, len(views) - 1)]
        state = SpendState(system_key=True, limits=LimitsChanged(guild_per_minute=rate, user_per_minute=1000), guild_bucket=seen)
        found = authorize_spend(SpendRequest(1, 71, False, resolve("x/y:free"), now), state)
        unseen = len(views) - 1 - views.index(seen)
        if isinstance(found, Permit) and found.spare_in_guild is not None and unseen <= found.spare_in_guild:
            views.append(views[-1].taken(now, rate))
            assert views[-1].tokens >= -1e-9
