"""What a worker process has at hand. Built once in `__main__`, passed down."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from uuid import UUID

from nats.aio.client import Client

from engine import clock, ids
from engine.bus.reference import Reference
from engine.config import Settings
from engine.decide.spending.provider import name_of
from engine.decide.spending.spend import Block, Refusal
from engine.errors import SettingsError
from engine.store import Log
from projections.prompt.recall import Recall
from projections.unchanged import Unchanged
from worker.calm import Calm
from worker.mcp.servers import McpServers
from worker.providers.chat import Endpoint
from worker.providers.http import Http
from worker.telemetry import Telemetry
from worker.turn.text.drafting import Habits

LATELY = timedelta(minutes=1)
LEARNED = timedelta(seconds=20)
"""The read model of quotas knows by then what this process learned."""
OPENROUTER = "https://openrouter.ai/api/v1"


@dataclass(slots=True)
class Ending:
    """What running work is waiting to be stopped by: a message deleted, a job called off. Fed by hints, so that it ends early; the log
    is asked before the work's end counts."""

    _waiting: dict[UUID, set[asyncio.Event]] = field(default_factory=dict)

    @contextmanager
    def by(self, *event_ids: UUID) -> Iterator[asyncio.Event]:
        """An event that is set when one of the events with these ids is published within the block."""
        gone = asyncio.Event()
        for event_id in event_ids:
            self._waiting.setdefault(event_id, set()).add(gone)
        try:
            yield gone
        finally:
            for event_id in event_ids:
                self._waiting[event_id].discard(gone)
                if not self._waiting[event_id]:
                    del self._waiting[event_id]

    async def heard(self, reference: Reference) -> None:
        """An event was published."""
        for gone in self._waiting.get(reference.id, ()):
            gone.set()


@dataclass(slots=True)
class Deletions(Ending):
    """Which running turns lose their message, or are called off."""

    def of(self, message_id: int, turn: UUID) -> AbstractContextManager[asyncio.Event]:
        """An event that is set when the message is deleted, or somebody else ends the turn, within the block."""
        return self.by(ids.message_event(message_id, "deleted"), ids.terminal(turn))


@dataclass(slots=True)
class Breaker:
    """What this process learned a moment ago: about used-up quotas, until the read model knows it as well; about people and servers
    that are too fast, so that a flood is turned away before a prompt is made for it."""

    _until: dict[tuple[str, str], Block] = field(default_factory=dict)
    _fast: dict[str, Refusal] = field(default_factory=dict)

    def block(self, scope: str, model: str, block: Block, now: datetime) -> None:
        """For as long as the read model may not know it: what lifts a block there must not be undone here."""
        self._until[scope, model] = replace(block, until=min(block.until, now + LEARNED), probe_from=None)

    def unblock(self, scope: str, model: str | None) -> None:
        """Forget what was learned of a payer's model; of None, of all of them."""
        self._until = {one: block for one, block in self._until.items() if one[0] != scope or model not in (None, one[1])}

    def refused(self, refusal: Refusal, now: datetime) -> None:
        """Somebody asked too fast: before the refusal's end there is nothing to look up."""
        if refusal.subject.startswith("rate:"):
            lately = {subject: known for subject, known in self._fast.items() if _holds(known, now - LATELY)}
            self._fast = lately | {refusal.subject: refusal}

    def too_fast(self, user: int, guild: int | None, now: datetime) -> Refusal | None:
        """Why nothing is asked for this person or server now, as far as this process knows."""
        known = (self._fast.get(subject) for subject in (f"rate:user:{user}", f"rate:guild:{guild}"))
        return next((refusal for refusal in known if refusal is not None and _holds(refusal, now)), None)

    def was_too_fast(self, user: int, now: datetime) -> bool:
        """Whether this person was refused for it in the last minute."""
        known = self._fast.get(f"rate:user:{user}")
        return known is not None and _holds(known, now - LATELY)

    def blocks(self, now: datetime) -> dict[tuple[str, str], Block]:
        """What is blocked; what is over is forgotten."""
        self._until = {key: block for key, block in self._until.items() if block.until > now}
        return dict(self._until)


def _holds(refusal: Refusal, now: datetime) -> bool:
    return refusal.until is not None and refusal.until > now


@dataclass(slots=True)
class Queues:
    """Lets one at a time through by name. Within a process whoever has to write under the same limit queues instead of clashing."""

    _locks: dict[str, asyncio.Lock] = field(default_factory=dict)
    _users: Counter[str] = field(default_factory=Counter)

    async def enter(self, name: str) -> bool:
        """Wait for one's turn; False when there was nobody to wait for."""
        waits = self._users[name] > 0
        self._users[name] += 1
        try:
            await self._locks.setdefault(name, asyncio.Lock()).acquire()
        except BaseException:
            self._forget(name)
            raise
        return waits

    async def ticket(self, name: str) -> Callable[[], None]:
        """Wait for one's turn; what to call when it is over, once or more often."""
        await self.enter(name)
        held = [name]

        def over() -> None:
            if held:
                self.leave(held.pop())

        return over

    def leave(self, name: str) -> None:
        self._locks[name].release()
        self._forget(name)

    def _forget(self, name: str) -> None:
        self._users[name] -= 1
        if not self._users[name]:
            del self._users[name], self._locks[name]


@dataclass(slots=True)
class Conversations:
    """The conversations this process works on, each with the position of the newest request it was woken for.

    One that had its share rests for a moment: meanwhile its own wake-ups do not begin it again, so that others' come up.
    """

    _newest: dict[str, int] = field(default_factory=dict)
    _resting: dict[str, tuple[int, float]] = field(default_factory=dict)

    @property
    def busy(self) -> int:
        return len(self._newest)

    def enter(self, name: str, position: int) -> bool:
        """Begin with a conversation. False when this process is at it, or lets it rest: it learns of `position` and takes it up as well."""
        known, until = self._resting.pop(name, (0, 0.0))
        if clock.monotonic() < until:
            self._resting[name] = (max(known, position), until)
            return False
        working = name in self._newest
        self._newest[name] = max(self._newest.get(name, known), position)
        return not working

    def newest(self, name: str) -> int:
        return self._newest[name]

    def leave(self, name: str, *, rest: float = 0.0) -> None:
        """Stop working on it. With `rest`, seconds, somebody will be woken for it again after that time."""
        newest, now = self._newest.pop(name), clock.monotonic()
        if rest:
            self._resting = {other: entry for other, entry in self._resting.items() if entry[1] > now} | {name: (newest, now + rest)}


@dataclass(slots=True)
class Connected:
    """The provider that was connected while everything runs (worker.connect keeps it); None: the one of the settings holds."""

    endpoint: Endpoint | None = None


@dataclass(frozen=True, slots=True)
class Work:
    """`seconds` bounds all calls of a turn together, and so each of them. Without `nats` nobody is told of drafts.

    `configured` is the provider the settings name.
    """

    settings: Settings
    log: Log
    http: Http
    configured: Endpoint
    nats: Client | None
    deletions: Deletions = field(default_factory=Deletions)
    breaker: Breaker = field(default_factory=Breaker)
    queues: Queues = field(default_factory=Queues)
    telemetry: Telemetry = field(default_factory=Telemetry)
    within: Log | None = None
    """The log over connections of its own, for what is asked while a turn holds one of `log`'s; None: one holds none for long."""
    recall: Recall | None = None
    """Finds memories for prompts; without it none have any."""
    conversations: Conversations = field(default_factory=Conversations)
    habits: Habits = field(default_factory=Habits)
    called_off: Ending = field(default_factory=Ending)
    """Jobs that were cancelled."""
    bell: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when a job may be there to be taken up."""
    leaving: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the process is about to stop: nothing new is begun."""
    connected: Connected = field(default_factory=Connected)
    mcp: McpServers = field(default_factory=lambda: McpServers({}))
    """Servers of tools that others wrote."""
    unchanged: Unchanged = field(default_factory=Unchanged)
    """What read models answered that did not change since."""
    calm: Calm = field(default_factory=Calm)
    """Whether turns hurry: what can wait does meanwhile."""

    @property
    def endpoint(self) -> Endpoint:
        """Where models are asked now."""
        return self.connected.endpoint or self.configured

    @property
    def crowded(self) -> bool:
        """Whether this process works on as many conversations as it may: others are likely to wait."""
        return self.conversations.busy >= self.settings.worker_concurrency

    @property
    def seconds(self) -> float:
        return self.settings.generation_seconds


def endpoint(settings: Settings) -> Endpoint:
    """The provider the settings name. Raises SettingsError when they name none."""
    key = settings.provider_api_key.get_secret_value() if settings.provider_api_key else None
    if settings.provider_base_url:
        return Endpoint(name_of(settings.provider_base_url), settings.provider_base_url, key)
    if key:
        return Endpoint("openrouter", OPENROUTER, key)
    raise SettingsError("No provider is configured. Set PROVIDER_API_KEY, or start with `tzurot run`, which brings a stand-in along.")
