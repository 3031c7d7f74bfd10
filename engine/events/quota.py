"""What calls to providers may cost, and what they ran into."""

from typing import Literal
from uuid import UUID

from pydantic import Field

from engine.events.base import Event


class SpendAuthorized(Event):
    """One call to a provider was allowed. Stands in the person's stream of the day, whose version is the lock of their limits.

    `scope` names who pays: `key:<id>` for a person's own key, `system` for the operator's, `keyless` where nothing can be billed.
    `estimate` in US dollars, at most; None when the price is unknown. `day` is the UTC day, YYYY-MM-DD.
    """

    call_id: UUID
    turn_id: UUID | None = None
    user_id: int
    guild_id: int | None = None
    scope: str
    model: str
    purpose: str
    free: bool
    guest: bool
    estimate: float | None = None
    day: str

    @property
    def stream_name(self) -> str:
        return f"spend:user:{self.user_id}:{self.day}"


class PayerCharged(Event):
    """The same call in the stream of who pays, whose version locks a budget or the free tier. Only where there is such a limit."""

    call_id: UUID
    scope: str
    day: str
    free: bool
    estimate: float | None = None

    @property
    def stream_name(self) -> str:
        return f"spend:{self.scope}:{self.day}"


class GuildCharged(Event):
    """The same call in the stream of the server it was made in, whose version locks the server's calls a minute. Only where they count."""

    call_id: UUID
    guild_id: int
    day: str

    @property
    def stream_name(self) -> str:
        return f"spend:guild:{self.guild_id}:{self.day}"


class SpendSettled(Event):
    """What an authorized call did cost, as the provider counted, or as the price list says. None: nobody knows."""

    OPENS = True
    call_id: UUID
    user_id: int
    scope: str
    day: str
    cost: float | None = None
    estimate: float | None = None

    @property
    def stream_name(self) -> str:
        return f"settled:{self.call_id}"


class QuotaHit(Event):
    """A provider said that a quota, a rate or a credit is used up. Until `reset_ms` (Unix) nobody asks this model for this scope."""

    call_id: UUID
    turn_id: UUID | None = None
    user_id: int
    scope: str
    model: str
    provider: str
    category: Literal["quota_exceeded", "free_limit", "rate_limit"]
    status: int | None = None
    reset_ms: int
    told_by_provider: bool = False

    @property
    def stream_name(self) -> str:
        return f"quota:{self.scope}"


class BlockLifted(Event):
    """This payer's model may be asked again at once (None: all of them). `call_id`: because a call got an answer after all; else an
    operator said so."""

    scope: str
    model: str | None = None
    by_user_id: int = 0
    call_id: UUID | None = None

    @property
    def stream_name(self) -> str:
        return f"quota:{self.scope}"


class NoticeGiven(Event):
    """A person was told about a limit; until it ends they are not told again. `subject` is the limit, `until_ms` its end (Unix)."""

    user_id: int
    subject: str
    until_ms: int

    @property
    def stream_name(self) -> str:
        return f"notices:{self.user_id}"


class UpgradeHinted(Event):
    """A person without a key was told how to get more, at most once a day."""

    user_id: int
    day: str

    @property
    def stream_name(self) -> str:
        return f"notices:{self.user_id}"


class BudgetSet(Event):
    """US dollars a scope (`system`, `key:<id>`, `user:<id>`) may spend on a UTC day. None takes the limit away."""

    scope: str
    daily: float | None = Field(None, ge=0)
    set_by: int

    @property
    def stream_name(self) -> str:
        return "budgets"


class LimitsChanged(Event):
    """Every limit as it is from now on. `free_models` are free besides those whose name ends in `:free`."""

    user_per_minute: int = Field(20, ge=1, le=10_000)
    guild_per_minute: int = Field(120, ge=1, le=100_000)
    free_daily: int = Field(50, ge=0, le=1_000_000)
    free_minimum: int = Field(5, ge=0, le=10_000)
    free_models: tuple[str, ...] = ()
    guests_may_spend: bool = False
    changed_by: int = 0

    @property
    def stream_name(self) -> str:
        return "limits"
