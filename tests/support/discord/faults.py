"""Rate limits and injected failures: what makes the stand-in as unpleasant as the real thing on request."""

import asyncio
import time
from dataclasses import dataclass, field

from tests.support.discord.errors import Json


@dataclass
class Fault:
    """Applies to the next `times` requests whose method and path match.

    `method` empty = any; `path` is a part of the concrete path (without /api/v10); for a file
    it begins with /cdn/. `status` 0 = answer normally.
    `delay` seconds before handling; `drop` = handle it, then cut the connection without an answer;
    `hold` = wait until the event is set. `retry_after`, `scope` belong to 429 (scope user | shared | global).
    """

    method: str = ""
    path: str = ""
    status: int = 0
    times: int = 1
    code: int = 0
    message: str = "injected"
    delay: float = 0.0
    drop: bool = False
    retry_after: float = 0.2
    scope: str = "user"
    hold: asyncio.Event | None = None
    hits: int = 0

    def matches(self, method: str, path: str) -> bool:
        return self.hits < self.times and self.method in ("", method) and self.path in path


@dataclass
class Bucket:
    """One rate limit bucket: `limit` requests per `window` seconds."""

    limit: int
    window: float
    used: int = 0
    resets: float = 0.0

    def take(self, now: float) -> bool:
        """Count one request; False when it is one too many."""
        if now >= self.resets:
            self.used, self.resets = 0, now + self.window
        self.used += 1
        return self.used <= self.limit


REAL_LIMITS: dict[tuple[str, str], tuple[int, float]] = {
    ("POST", "/channels/{channel_id}/messages"): (5, 5.0),
    ("POST", "/webhooks/{webhook_id}/{webhook_token}"): (5, 2.0),
    ("PUT", "/channels/{channel_id}/messages/{message_id}/reactions/{emoji_name}/@me"): (1, 0.25),
}
EVERYWHERE = 50
MAJOR = ("channel_id", "guild_id", "webhook_id")


@dataclass
class Limits:
    """Per-route buckets, and the limit of one bot over all routes.

    `real` uses Discord's usual numbers for the routes, otherwise those are so wide that nothing is slowed.
    """

    real: bool = False
    table: dict[tuple[str, str], tuple[int, float]] = field(default_factory=dict)
    buckets: dict[str, Bucket] = field(default_factory=dict)
    whole: Bucket = field(default_factory=lambda: Bucket(EVERYWHERE, 1.0))
    global_hits: int = 0

    def everywhere(self) -> float:
        """Count a request of the bot's; seconds to wait when it is one too many in this second."""
        now = time.time()
        if self.whole.take(now):
            return 0.0
        self.global_hits += 1
        return max(0.01, self.whole.resets - now)

    def take(self, method: str, template: str, params: dict[str, str]) -> tuple[bool, dict[str, str]]:
        """Count a request; answers (allowed, X-RateLimit headers)."""
        major = ":".join(params.get(k, "") for k in MAJOR)
        key = f"{method}:{template}:{major}"
        if key not in self.buckets:
            default = REAL_LIMITS.get((method, template), (50, 1.0)) if self.real else (10_000, 1.0)
            self.buckets[key] = Bucket(*self.table.get((method, template), default))
        bucket, now = self.buckets[key], time.time()
        allowed = bucket.take(now)
        return allowed, headers(key, bucket, now)


def headers(key: str, bucket: Bucket, now: float) -> dict[str, str]:
    """The X-RateLimit headers Discord sends with every answer."""
    return {
        "X-RateLimit-Limit": str(bucket.limit),
        "X-RateLimit-Remaining": str(max(0, bucket.limit - bucket.used)),
        "X-RateLimit-Reset": f"{bucket.resets:.3f}",
        "X-RateLimit-Reset-After": f"{max(0.0, bucket.resets - now):.3f}",
        "X-RateLimit-Bucket": f"{hash(key) & 0xFFFFFFFFFFFF:012x}",
        "Via": "1.1 google",
    }


def too_many(retry_after: float, scope: str) -> tuple[Json, dict[str, str]]:
    """Body and headers of a 429."""
    everywhere = scope == "global"
    body: Json = {"message": "You are being rate limited.", "code": 0, "retry_after": retry_after, "global": everywhere}
    extra = {"Retry-After": str(max(1, round(retry_after))), "X-RateLimit-Scope": scope, "Via": "1.1 google"}
    return body, extra | ({"X-RateLimit-Global": "true"} if everywhere else {})
