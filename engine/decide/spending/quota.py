"""What a provider's "no more" means: for how long nobody asks this model for this scope. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from engine.decide.spending.spend import Block, midnight_after
from engine.fault import QUOTA, Category, Fault

MINUTE = 60.0
HOUR = 3600.0
PROBE_AFTER = timedelta(minutes=5)
"""An account that was empty may have been topped up: after so long one call tries, and again after so long."""
LONGEST = 24 * HOUR


def reset_of(fault: Fault, now: datetime) -> datetime | None:
    """When the model may be asked again; None when the fault is about something else.

    What the provider says counts, up to a day. Else a rate limit is over in a minute, a free day at midnight UTC, and an empty
    account is looked at again after an hour.
    """
    if fault.category not in QUOTA:
        return None
    if fault.retry_after is not None:
        return now + timedelta(seconds=min(max(fault.retry_after, 1.0), LONGEST))
    if fault.category is Category.FREE_LIMIT:
        return midnight_after(now)
    return now + timedelta(seconds=HOUR if fault.category is Category.QUOTA_EXCEEDED else MINUTE)


def probe_from(category: Category, at: datetime, *, told: bool) -> datetime | None:
    """From when on a block may be tried; None when the provider said until when, or a limit ends by itself."""
    return at + PROBE_AFTER if category is Category.QUOTA_EXCEEDED and not told else None


@dataclass(frozen=True, slots=True)
class Hit:
    """One QuotaHit, as far as blocking and counting need it."""

    scope: str
    model: str
    category: Category
    at: datetime
    reset: datetime


def blocks(hits: Iterable[Hit], now: datetime) -> dict[tuple[str, str], Block]:
    """What is blocked now: per (scope, model) the latest reset."""
    found: dict[tuple[str, str], Block] = {}
    for hit in hits:
        key = (hit.scope, hit.model)
        if hit.reset > now and (key not in found or hit.reset > found[key].until):
            found[key] = Block(hit.reset, hit.category)
    return found


WINDOWS = (("1h", timedelta(hours=1)), ("24h", timedelta(hours=24)), ("7d", timedelta(days=7)))


def counts(hits: Sequence[Hit], now: datetime) -> dict[str, dict[str, int]]:
    """Hits per model in each of WINDOWS."""
    return {
        model: {name: sum(hit.model == model and hit.at > now - span for hit in hits) for name, span in WINDOWS}
        for model in sorted({hit.model for hit in hits})
    }


def of_milliseconds(value: int) -> datetime:
    """A moment from Unix milliseconds."""
    return datetime.fromtimestamp(value / 1000, UTC)


def to_milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
