"""Commands about what calls cost: quotas, budgets, keys, usage."""

import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict
from datetime import timedelta
from typing import Annotated

import typer

from engine import clock, config, ids
from engine.actor import operator
from engine.decide.spending import budget, lift
from engine.decide.spending import quota as quota_rules
from engine.errors import SettingsError
from engine.events.quota import LimitsChanged
from engine.events.turn import TurnCompleted
from engine.execute import execute
from engine.outside.printed import plain
from engine.store import Log, Query
from engine.terminal import Json, Yes, say, table
from projections.models import keys, quota, usage
from worker.terminal import OPERATOR, NotFound, carry_out, with_log

User = Annotated[int, typer.Option("--user", help="Discord id of the person.")]
DIMENSIONS: dict[str, usage.Dimension] = {"day": "day", "person": "user", "character": "character", "model": "model", "payer": "scope"}
"""What usage can be told by, as a person says it -> its column."""
_COLUMNS: dict[str, usage.Dimension] = {"user": "user", "scope": "scope"}
"""The columns' own names, which still work."""
Provider = Annotated[str | None, typer.Option(help="Name of the provider; the configured one unless named.", show_default=False)]


def quota_show(json: Json = False) -> None:
    """Quota hits by model, what is blocked until when, today's calls and dollars, limits and budgets."""

    async def work(log: Log) -> None:
        now = clock.now()
        async with log.pool.connection() as connection:
            hits = await quota.hits(connection, since=now - timedelta(days=7))
            today = await quota.days(connection, day=now.strftime("%Y-%m-%d"))
            limits, budgets = await quota.limits_now(connection)
        blocked = sorted({(hit.scope, hit.model): hit for hit in hits if hit.reset > now}.items())
        shown = {
            "hits": quota_rules.counts(hits, now),
            "blocked": [{"scope": s, "model": m, "until": hit.reset, "category": hit.category} for (s, m), hit in blocked],
            "today": [asdict(line) for line in today],
            "limits": limits.model_dump(),
            "budgets": budgets,
        }
        say(shown, json=json)
        if not json:
            table(
                ("model", "hits 1 h", "24 h", "7 d"),
                [(model, *windows.values()) for model, windows in quota_rules.counts(hits, now).items()],
                empty="No provider has refused a call for its quota in the last 7 days.",
            )
            table(
                ("blocked for", "model", "until"),
                [(s, m, f"{hit.reset:%Y-%m-%d %H:%M:%S}Z") for (s, m), hit in blocked],
                empty="No model is blocked.",
            )
            table(
                ("today", "calls", "free", "$"),
                [(d.subject, d.calls, d.free_calls, f"{d.dollars:.4f}") for d in today],
                empty="No call has been made today.",
            )
            spending = [(f"budget of {scope}", f"${daily:g}") for scope, daily in budgets.items()]
            table(
                ("limit", "set to"),
                [*((name, plain(value)) for name, value in limits.model_dump(exclude={"changed_by"}).items()), *spending],
            )

    with_log(work)


def quota_lift(
    scope: Annotated[str | None, typer.Argument(help="system, or key:ID. All unless named.", show_default=False)] = None,
    model: Annotated[str | None, typer.Argument(help="Only this model.", show_default=False)] = None,
    json: Json = False,
) -> None:
    """Lift blocks, so that the provider is asked again at once: after an account was topped up, say. `tzurot quota show` lists them."""

    async def work(log: Log) -> list[tuple[str, str]]:
        now = clock.now()
        async with log.pool.connection() as connection:
            hits = await quota.hits(connection, since=now - timedelta(days=2))
        blocked = {(hit.scope, hit.model) for hit in hits if hit.reset > now}
        wanted = sorted(one for one in blocked if scope in (None, one[0]) and model in (None, one[1]))
        if not wanted:
            raise NotFound("Nothing is blocked" + (f" for {scope}." if scope else "."))
        for payer, name in wanted:
            await execute(log, operator(), lift.Lift(payer, name), ids.random_id(), see=("quota",))
        return wanted

    lifted = with_log(work)
    words = "\n".join(f"{payer} may ask {name} again." for payer, name in lifted)
    say({"lifted": [{"scope": payer, "model": name} for payer, name in lifted]}, json=json, words=words)


def quota_budget(
    scope: Annotated[str, typer.Argument(help="system, key:ID or user:ID.")],
    daily: Annotated[float | None, typer.Argument(min=0, help="US dollars a UTC day.", show_default=False)] = None,
    none: Annotated[bool, typer.Option("--none", help="Take the budget away.")] = False,
    json: Json = False,
) -> None:
    """Set or take away a daily budget. `tzurot quota show` lists them."""
    if (daily is None) is not none:
        raise NotFound("Name either an amount in US dollars, or --none to take the budget away.")
    with_log(lambda log: carry_out(log, budget.SetBudget(scope, daily)))
    say({"scope": scope, "daily": daily}, json=json, words=f"{scope}: {'no budget' if daily is None else f'${daily:g} a day'}.")


def quota_limits(
    user_per_minute: Annotated[int | None, typer.Option(min=1, help="Turns a minute, each person.")] = None,
    guild_per_minute: Annotated[int | None, typer.Option(min=1, help="Turns a minute, each server.")] = None,
    free_daily: Annotated[int | None, typer.Option(min=0, help="Free calls a UTC day, all guests together.")] = None,
    free_minimum: Annotated[int | None, typer.Option(min=0, help="Free calls every guest gets at least.")] = None,
    free_model: Annotated[list[str] | None, typer.Option(help="Model that counts as free; may be repeated; replaces the list.")] = None,
    guests_may_spend: Annotated[
        bool | None,
        typer.Option(
            "--guests-may-spend/--guests-may-not-spend", help="Whether people without a key may use paid models.", show_default=False
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Change limits; what is not named stays."""
    given = {
        "user_per_minute": user_per_minute,
        "guild_per_minute": guild_per_minute,
        "free_daily": free_daily,
        "free_minimum": free_minimum,
        "free_models": tuple(free_model) if free_model is not None else None,
        "guests_may_spend": guests_may_spend,
    }
    if all(value is None for value in given.values()):
        raise NotFound("Name a limit to change, such as --user-per-minute 20. `tzurot quota show` lists them.")

    async def work(log: Log) -> LimitsChanged:
        await carry_out(log, budget.ChangeLimits({name: value for name, value in given.items() if value is not None}), see=["quota"])
        async with log.pool.connection() as connection:
            limits, _ = await quota.limits_now(connection)
        return limits

    say(with_log(work).model_dump(), json=json, words="Changed.")


def _provider(named: str | None) -> str:
    """The provider a key is for: a key under another name than the configured one's would never be used."""
    from worker.work import endpoint

    try:
        return named or endpoint(config.settings()).name
    except SettingsError:
        return "openrouter"


def keys_set(user: User, provider: Provider = None, json: Json = False) -> None:
    """Store a person's key, read from standard input so that it is in no history of a shell."""
    secret = (typer.prompt("Key", hide_input=True, err=True) if sys.stdin.isatty() else sys.stdin.readline()).strip()
    if len(secret) < 8:
        raise NotFound("That is too short for a key.")
    name = _provider(provider)
    key_id = with_log(lambda log: keys.add(log, user, name, secret))
    say({"key_id": str(key_id), "provider": name}, json=json, words=f"Stored as {key_id}, for {name}.")


def keys_list(user: Annotated[int | None, typer.Option("--user", help="Only this person's.")] = None, json: Json = False) -> None:
    """List keys: last four characters, last use, whether the provider took them."""

    async def work(log: Log) -> None:
        async with log.pool.connection() as connection:
            found = await keys.browse(connection, user)
        say([asdict(key) for key in found], json=json)
        if not json:
            columns = ("person", "provider", "ends in", "accepted", "last used", "calls", "id")
            table(
                columns,
                [(k.user_id, k.provider, k.last4, _accepted(k), k.last_used_at, k.calls, k.key_id) for k in found],
                empty="Nobody has given a key.",
            )

    with_log(work)


def _accepted(key: keys.Key) -> str:
    """What the provider said of a key last, in words. Pure."""
    if key.accepted is None:
        return "not asked yet"
    return "yes" if key.accepted else f"no: {key.category}"


async def _key(log: Log, user: int, provider: str) -> keys.Key:
    async with log.pool.connection() as connection:
        found = await keys.of_user(connection, user, provider)
    if found is None:
        raise NotFound(f"{user} has no key for {provider}.")
    return found


def keys_remove(user: User, provider: Provider = None, yes: Yes = False, json: Json = False) -> None:
    """Delete a person's key."""

    async def work(log: Log) -> keys.Key:
        key = await _key(log, user, _provider(provider))
        if yes:
            await keys.remove(log, key, operator(OPERATOR))
        return key

    key = with_log(work)
    words = "Deleted." if yes else f"This would delete the key of {user} that ends in {key.last4}. Repeat with --yes."
    say({"key_id": str(key.key_id), "deleted": yes}, json=json, words=words)


def keys_test(user: User, provider: Provider = None, json: Json = False) -> None:
    """Ask the provider whether it takes a person's key. Nothing is bought."""
    from worker.connect import at_hand
    from worker.keycheck import check
    from worker.providers.http import Http, Way

    async def work(log: Log) -> str | None:
        settings = config.settings()
        async with Http(Way.of(settings)) as http:
            return await check(await at_hand(settings, log, http), await _key(log, user, _provider(provider)))

    category = with_log(work)
    say({"accepted": category is None, "category": category}, json=json, words="Accepted." if category is None else f"Refused: {category}.")
    if category is not None:
        raise typer.Exit(1)


def usage_show(
    by: Annotated[str, typer.Option(help=f"One of {', '.join(DIMENSIONS)}.")] = "model",
    days: Annotated[int, typer.Option(min=1, help="How many days back.")] = 30,
    json: Json = False,
) -> None:
    """Calls, tokens, cost and latency by day, person, character, model or payer."""
    dimension = (DIMENSIONS | _COLUMNS).get(by)
    if dimension is None:
        raise NotFound(f"--by is one of {', '.join(DIMENSIONS)}.")

    async def work(log: Log) -> None:
        async with log.pool.connection() as connection:
            lines = await usage.summary(connection, dimension, since=_since(days))
        say([asdict(line) for line in lines], json=json)
        if not json:
            columns = (by, "calls", "failed", "prompt", "completion", "cached", "$", "unpriced", "mean ms")
            rows = [
                (
                    x.key,
                    x.calls,
                    x.failed,
                    x.prompt_tokens,
                    x.completion_tokens,
                    x.cached_tokens,
                    f"{x.cost:.4f}",
                    x.unpriced,
                    f"{x.ms:.0f}",
                )
                for x in lines
            ]
            table(columns, rows, empty="No call has been made in these days.")

    with_log(work)


def usage_stops(days: Annotated[int, typer.Option(min=1, help="How many days back.")] = 30, json: Json = False) -> None:
    """Which stop sequences ended replies, and how many replies were cut short, by day and model."""

    async def work(log: Log) -> None:
        async with log.pool.connection() as connection:
            stops, outcomes = await usage.stops(connection, since=_since(days)), await usage.outcomes(connection, since=_since(days))
        sequences = await _sequences(log, days) if stops else Counter()
        found = [{"model": model, "sequence": sequence, "replies": count} for (model, sequence), count in sequences.most_common()]
        say(
            {"stops": [asdict(stop) for stop in stops], "sequences": found, "outcomes": [asdict(outcome) for outcome in outcomes]},
            json=json,
        )
        if not json:
            table(
                ("day", "model", "ended by a stop sequence"),
                [(s.day, s.model, s.replies) for s in stops],
                empty="No reply was ended by a stop sequence.",
            )
            table(
                ("model", "sequence", "replies"),
                [(one["model"], repr(one["sequence"]), one["replies"]) for one in found],
                empty="No stop sequence is known of.",
            )
            table(
                ("day", "model", "replies", "cut short", "failed"),
                [(o.day, o.model or "(no call)", o.replies, o.cut_short, o.failures) for o in outcomes],
                empty="No call has been made in these days.",
            )

    with_log(work)


async def _sequences(log: Log, days: int) -> Counter[tuple[str, str]]:
    """Which stop sequences ended replies of which model: opened from the log, so those of erased people are not among them."""
    query = Query(types=frozenset({"turn.completed"}), since=clock.now() - timedelta(days=days))
    ended = [r.event async for r in log.read(query)]
    return Counter((e.model, e.stop_sequence) for e in ended if isinstance(e, TurnCompleted) and e.stop_sequence)


def _since(days: int) -> str:
    return (clock.now() - timedelta(days=days - 1)).strftime("%Y-%m-%d")


GROUPS: dict[str, tuple[str, dict[str, Callable[..., None]]]] = {
    "quota": (
        "What ran out, what is blocked, limits and budgets.",
        {"show": quota_show, "budget": quota_budget, "limits": quota_limits, "lift": quota_lift},
    ),
    "keys": ("People's own provider keys.", {"set": keys_set, "list": keys_list, "remove": keys_remove, "test": keys_test}),
    "usage": ("Tokens, cost and latency.", {"show": usage_show, "stops": usage_stops}),
}
"""Name of a group of commands -> (its help, its commands)."""
