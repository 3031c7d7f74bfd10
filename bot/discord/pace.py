"""How many answers a minute a server allows one person: a token bucket each, in memory. Pure but for the table."""

from datetime import datetime

from engine.decide.spending.spend import Bucket

KEPT = 10_000
"""People whose buckets are kept; who has been quiet longest is forgotten, and a full bucket is what they would have anyway."""


class Pace:
    """Counts answers per (server, person)."""

    def __init__(self) -> None:
        self._buckets: dict[tuple[int, int], Bucket] = {}

    def allows(self, guild: int, person: int, per_minute: int, now: datetime) -> bool:
        """Take one answer; False when none is left. Less than one token is none."""
        key = (guild, person)
        bucket = self._buckets.pop(key, Bucket(float(per_minute), now))
        enough = bucket.level(now, per_minute) >= 1.0
        self._buckets[key] = bucket.taken(now, per_minute) if enough else bucket
        while len(self._buckets) > KEPT:
            del self._buckets[next(iter(self._buckets))]
        return enough
